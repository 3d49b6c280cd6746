"""Who comes in: sessions, second steps, tokens of programs, and what is asked again before a grave deed."""
