"""What the mail provider says afterwards: signed notices, what they change, and when they stop a run."""
