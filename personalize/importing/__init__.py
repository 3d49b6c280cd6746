"""Files that people bring: clients, events, consents, suppressions, as CSV or NDJSON, gzip too."""
