"""Which blocks may meet in one message, which of those combinations can occur, and which were read together."""
