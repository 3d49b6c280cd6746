"""What the law knows: clients, staff, consent, review and the ledger."""

from compliance.models.asked import Asked, CopyLink
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
    WishedHours,
    Wording,
)
from compliance.models.copyrule import CopyRule, Disagreement, LateFinding, Severity
from compliance.models.erasure import Erasure, SealedValue, SubjectKey
from compliance.models.fault import Fault
from compliance.models.incident import Incident, Notice, Touched
from compliance.models.keeping import CampaignProduct, Hold, RetentionRule
from compliance.models.ledger import Checkpoint, LedgerEntry, LedgerLeaf, LedgerTile, Packet
from compliance.models.processing import Basis as LawfulBasis
from compliance.models.processing import PurposeRecord
from compliance.models.promotion import Basis, ComprehensionTest, CoolingOff, Filing, PromotionBasis
from compliance.models.review import (
    HANDED_IN,
    Approval,
    Authorship,
    ReviewItem,
    ReviewKind,
    ReviewState,
    Topic,
)
from compliance.models.reviewing import (
    Comment,
    CommentKind,
    Competence,
    Holiday,
    Interest,
    Invitation,
    Reading,
    Seed,
)
from compliance.models.safeguard import CallScreening, Certificate, Vulnerability
from compliance.models.secondreading import SecondReading
from compliance.models.session import StaffSession
from compliance.models.staff import ApiToken, ApiTokenUse, IdempotentCall, Role, Staff
from compliance.models.stop import Fence, Stop, StopScope

__all__ = [
    "HANDED_IN",
    "Action",
    "ApiToken",
    "ApiTokenUse",
    "Approval",
    "Asked",
    "Authorship",
    "Basis",
    "CallScreening",
    "CampaignProduct",
    "Certificate",
    "Channel",
    "Checkpoint",
    "Client",
    "Comment",
    "CommentKind",
    "Competence",
    "ComprehensionTest",
    "ConsentEvent",
    "ConsentState",
    "CoolingOff",
    "CopyLink",
    "CopyRule",
    "Disagreement",
    "Erasure",
    "Fault",
    "Fence",
    "Filing",
    "Hold",
    "Holiday",
    "IdempotentCall",
    "Incident",
    "Interest",
    "Invitation",
    "Jurisdiction",
    "LateFinding",
    "LawfulBasis",
    "LedgerEntry",
    "LedgerLeaf",
    "LedgerTile",
    "Notice",
    "Packet",
    "Preference",
    "PromotionBasis",
    "Purpose",
    "PurposeRecord",
    "Reading",
    "RetentionRule",
    "ReviewItem",
    "ReviewKind",
    "ReviewState",
    "Role",
    "SealedValue",
    "SecondReading",
    "Seed",
    "Severity",
    "Staff",
    "StaffSession",
    "State",
    "Stop",
    "StopScope",
    "SubjectKey",
    "Suppression",
    "Topic",
    "Touched",
    "Vulnerability",
    "WishedHours",
    "Wording",
]
