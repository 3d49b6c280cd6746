"""The set-based questions about the ledger."""
