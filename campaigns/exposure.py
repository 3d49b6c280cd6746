"""Where words show to others than the client: on lock screens, in lists of mails, in addresses and the logs they leave.

EU-11: GDPR 25; US-17: 17 CFR 248.30. No sensitive value of a client is put there.
"""

from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from campaigns import wording
from campaigns.models import BlockVersion, Slot
from compliance.models import Channel
from compliance.words import structure

EXPOSED = frozenset({Slot.SUBJECT, Slot.PREHEADER})
# A text message or a push shows whole on a lock screen.
WHOLLY_EXPOSED = frozenset({Channel.SMS, Channel.PUSH})


def sensitive_fields(body: str) -> list[str]:
    """The labels of the sensitive values that these words put in, in order."""
    return [
        one.field.label for one in wording.parse(body).opens if one.field.sensitivity == wording.Sensitivity.SENSITIVE
    ]


def faults(versions: Sequence[BlockVersion], *, channel: str) -> list[str]:
    """What these blocks would show to others if they went out by this channel, as sentences."""
    return [
        f"“{label}” is sensitive and would show on a lock screen."
        for one in versions
        if one.block.slot in EXPOSED or channel in WHOLLY_EXPOSED
        for label in sensitive_fields(one.body)
    ]


def told_by_address(url: str) -> str:
    """What the parameters of an address say of whoever follows it, or nothing."""
    parts = urlsplit(url)
    found = structure.LABEL.search(unquote(f"{parts.query}#{parts.fragment}").lower())
    return found[0] if found else ""
