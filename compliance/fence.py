"""The sending fence: mails leave only from the database server that a person armed, never from a copy of it.

A restored backup says of thousands of clients that they wait for a mail they already had. So sending is armed for one
server (its identity and timeline), one database in it, and one epoch, which is kept in the database and outside it;
where they disagree, or the checkpoints outside know more than the database, everything runs and nothing is sent.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from compliance import anchors, bulk, ledger
from compliance.models import Checkpoint, Client, Fence, Staff
from compliance.rights import log

By = Staff | str


@dataclass(frozen=True, slots=True)
class State:
    """Whether mails may leave, in a word and a sentence; epoch is what the last gate compares."""

    is_armed: bool
    why: str
    epoch: UUID | None


ARMED = "Sending is armed for this database."
NEVER = "Sending was never armed: a person has to confirm that this is the firm's own database."
OTHER = (
    "This database is not the one that sending was armed for: it may be a restored backup or a copy. "
    "Nothing is sent until a person has compared it with the mail server's log and armed it."
)
FORGOTTEN = (
    "The erasure log names clients whom this database has not forgotten: it was restored from before their erasure. "
    "Nothing is sent until `manage.py rearm` has erased them again."
)


OLDER = (
    "The file of checkpoints knows ledger entries that this database does not hold: it was restored from before them. "
    "Nothing is sent until a person has kept that file as evidence, named a new one (LEDGER_CHECKPOINTS) and armed it."
)


class NotForgotten(Exception):
    """The log outside names erasures that this database does not know: see compliance.rights.erasure.replay."""


def state() -> State:
    """How the fence stands for this process, on this machine, at this moment."""
    row = Fence.objects.first()
    if row is None:
        return State(False, NEVER, None)
    system, timeline, number = bulk.identity()
    if not log.is_caught_up():
        return State(False, FORGOTTEN, None)
    if anchors.last_outside() > (Checkpoint.objects.aggregate(size=Max("size"))["size"] or 0):
        return State(False, OLDER, None)
    epoch, place, armed = _outside()
    here = armed in ("", str(number))  # a file from before it named the database
    same = here and (row.system, row.timeline, str(row.epoch), _place()) == (system, timeline, epoch, place)
    return State(same, ARMED if same else OTHER, row.epoch if same else None)


@transaction.atomic
def arm(*, by: By, at: datetime) -> None:
    """Let mails leave from this database and no other. Whoever calls has compared it with the mail server's log.

    Raises NotForgotten while the erasure log knows a person whom this database still remembers.
    """
    if missing := log.missing():
        raise NotForgotten(f"{len(missing)} deeds of the erasure log were not repeated here.")
    system, timeline, number = bulk.identity()
    epoch, who = uuid4(), ledger.actor(by)
    Fence.objects.update_or_create(
        single=True,
        defaults={"system": system, "timeline": timeline, "epoch": epoch, "armed_by": who, "armed_at": at},
    )
    ledger.record("sending.armed", by=by, at=at, about="fence", facts={"system": str(system), "timeline": timeline})
    settings.FENCE.parent.mkdir(parents=True, exist_ok=True)
    settings.FENCE.write_text(f"{epoch}\n{_place()}\n{number}\n")


def arm_if_new(*, by: By, at: datetime) -> bool:
    """Arm a database that holds no client and was never armed: a first start. False when it was left as it is."""
    if Fence.objects.exists() or Client.objects.exists() or log.missing():
        return False
    arm(by=by, at=at)
    return True


def _outside() -> tuple[str, str, str]:
    """(epoch, place, database) as they are kept outside the database; empty when they are not."""
    path: Path = settings.FENCE
    lines = path.read_text().splitlines() if path.exists() else []
    return (lines[0], lines[1], "".join(lines[2:])) if len(lines) in (2, 3) else ("", "", "")


def _place() -> str:
    """Whose file this is and where it lies, so that a copy of the whole data folder is known for one too."""
    return f"{settings.SENDING_PLACE}:{settings.FENCE.resolve()}"
