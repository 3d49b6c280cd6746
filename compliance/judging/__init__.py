"""What a decision about a text rests on: how many must agree, who is competent, what was said and what was read."""
