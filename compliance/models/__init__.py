"""What the law knows: clients, staff, consent, review and the ledger."""

from compliance.models.client import Client, Jurisdiction
from compliance.models.consent import (
    Action,
    Channel,
    ConsentEvent,
    ConsentState,
    Preference,
    Purpose,
    State,
    Suppression,
    Wording,
)
from compliance.models.ledger import Checkpoint, LedgerEntry, LedgerLeaf, Packet
from compliance.models.review import (
    Approval,
    Authorship,
    CopyRule,
    ReviewItem,
    ReviewKind,
    ReviewState,
    Topic,
)
from compliance.models.staff import ApiToken, IdempotentCall, Role, Staff

__all__ = [
    "Action",
    "ApiToken",
    "Approval",
    "Authorship",
    "Channel",
    "Checkpoint",
    "Client",
    "ConsentEvent",
    "ConsentState",
    "CopyRule",
    "IdempotentCall",
    "Jurisdiction",
    "LedgerEntry",
    "LedgerLeaf",
    "Packet",
    "Preference",
    "Purpose",
    "ReviewItem",
    "ReviewKind",
    "ReviewState",
    "Role",
    "Staff",
    "State",
    "Suppression",
    "Topic",
    "Wording",
]
