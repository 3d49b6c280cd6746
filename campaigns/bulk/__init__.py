"""Set-based SQL of this package; the only modules here that speak SQL."""

from campaigns.bulk import chunks, gate, hours, messages, transport
from campaigns.bulk.audience import addresses, at_cap, first_names, matching, members, sample, shared_addresses, told
from campaigns.bulk.circumstances import circumstances

__all__ = [
    "addresses",
    "at_cap",
    "chunks",
    "circumstances",
    "first_names",
    "gate",
    "hours",
    "matching",
    "members",
    "messages",
    "sample",
    "shared_addresses",
    "told",
    "transport",
]
