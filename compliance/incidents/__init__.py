"""Incidents: what is recorded of them, whom the law says we tell by when, and what a packet shows."""
