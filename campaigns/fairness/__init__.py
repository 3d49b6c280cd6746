"""Are groups of clients treated alike? What they were shown, what a model would show them, and who may stop it."""
