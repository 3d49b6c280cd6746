"""What is done with the review queue as a whole: planted texts, quality figures, outside counsel, escalation."""
