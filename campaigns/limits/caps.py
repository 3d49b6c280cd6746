"""The firm's caps: kept, taken away, and listed. The database counts them, see the migration `caps_roll`."""

from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns.limits import said
from campaigns.models import Cap
from compliance import ledger
from compliance.models import Staff


class BadCap(ValueError):
    """The cap cannot be kept; the text says why. Nothing was written."""


def facts(cap: Cap) -> dict[str, object]:
    """A cap as JSON, the way a campaign keeps its own."""
    return {"days": cap.days, "most": cap.most, "channel": cap.channel, "topic": cap.topic, "urgent": cap.is_urgent}


def keep(
    *, days: int, most: int, channel: str = "", topic: str = "", is_urgent: bool = False, by: Staff, at: datetime
) -> Cap:
    """Set a cap of the firm, in force for every message that is not handed over yet. Raises BadCap.

    A cap for the same thing is replaced.
    """
    if why := said.fault([{"days": days, "most": most, "channel": channel, "topic": topic, "urgent": is_urgent}]):
        raise BadCap(why.replace("Cap 1", "A cap"))
    thing = {"days": days, "channel": channel, "topic": topic, "is_urgent": is_urgent}
    try:
        with transaction.atomic():
            cap, _ = Cap.objects.update_or_create(**thing, defaults={"most": most, "made_by": by, "made_at": at})
            ledger.record("cap.kept", by=by, at=at, about=f"cap:{cap.pk}", facts=facts(cap))
    except IntegrityError:
        raise BadCap("Somebody set this cap in the same moment. Please look again.") from None
    return cap


@transaction.atomic
def take_away(cap_id: int, *, by: Staff, at: datetime) -> bool:
    """Let a cap of the firm go; False when it was gone."""
    cap = Cap.objects.filter(pk=cap_id).first()
    if cap is None:
        return False
    ledger.record("cap.taken_away", by=by, at=at, about=f"cap:{cap.pk}", facts=facts(cap))
    cap.delete()
    return True
