"""Complaints and bounces of a run, and the pause they bring about before a mailbox provider shuts us out.

Gmail, Yahoo and Microsoft ask bulk senders to keep complaints under 0.1 % and act against them at 0.3 %.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns.bulk import harm
from campaigns.models import Pause, Run, RunState
from compliance import ledger
from compliance.models import Staff

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """From which share of the messages sent we warn and stop; fewer than `fewest` events prove nothing."""

    warn: float
    stop: float
    fewest: int


LIMITS = {"complaint": Limit(0.001, 0.003, 3), "bounce": Limit(0.02, 0.05, 10)}
SENTENCES = {
    "complaint": "Too many clients said that this run is spam",
    "bounce": "Too many of this run's addresses do not take mail",
    "no_authority": "Whoever launched this run has left or may no longer do so",  # said by campaigns.authority
    # Said by campaigns.fairness.guard.
    "opt_out": "Clients opt out more than twice as often as those nobody chose for",
    "complained_later": "Clients complain more than twice as often as those nobody chose for",
    "early_exit": "Clients leave their product early more often than those nobody chose for",
    "less_satisfied": "Clients are less satisfied than those nobody chose for",
    "unlike": "Groups of clients are treated unlike, as its fairness report says; this share of the comparisons failed",
}


class NotPaused(Exception):
    """The run is not paused (any more). Nothing was written."""


class SamePerson(Exception):
    """Whoever launched a run cannot be the one who lets it go on. Nothing was written."""


class NoReason(ValueError):
    """Going on needs a reason. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a run is received. share in [0, 1] · level: "" for well, "warn" or "stop"."""

    kind: str
    events: int
    sent: int
    share: float
    level: str

    @property
    def sentence(self) -> str:
        """What it means, with the number."""
        limit = LIMITS[self.kind]
        return f"{SENTENCES[self.kind]}: {self.share:.2%} of {self.sent:,}; it stops at {limit.stop:.1%}."


def health(run_id: int) -> list[Health]:
    """Complaints and bounces of one run against the limits."""
    return [_judge(kind, n, sent) for _, kind, n, sent in harm.counts([run_id])]


def _judge(kind: str, events: int, sent: int) -> Health:
    share, limit = events / max(sent, events, 1), LIMITS[kind]
    level = ""
    if events >= limit.fewest:
        level = "stop" if share >= limit.stop else "warn" if share >= limit.warn else ""
    return Health(kind, events, sent, share, level)


def look(*, at: datetime, run_ids: Iterable[int] | None = None) -> list[int]:
    """Pause the runs that are received too badly; which ones. Without `run_ids`: those with news in the last minute."""
    asked = harm.recent(at=at) if run_ids is None else list(run_ids)
    paused = []
    for run_id, kind, events, sent in harm.counts(asked) if asked else ():
        found = _judge(kind, events, sent)
        if found.level == "stop" and run_id not in paused and pause(run_id, found, at=at):
            paused.append(run_id)
    return paused


def pause(run_id: int, found: Health, *, at: datetime) -> bool:
    """Let nothing more of the run be handed over; False when it is paused, has ended, or a person judged this before.

    A person who let it go on has seen the share of then: only one that grew by half since stops it again.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).get(pk=run_id)
        if run.state not in (RunState.ASSEMBLING, RunState.SENDING):
            return False
        judged = run.pauses.filter(reason=found.kind, resumed_at__isnull=False).order_by("-paused_at").first()
        if judged is not None and found.share < 1.5 * judged.share:
            return False
        facts = {"reason": found.kind, "share": found.share, "counted": found.sent}
        try:
            with transaction.atomic():
                Pause.objects.create(run=run, launched_by_id=run.launched_by_id, paused_at=at, **facts)
        except IntegrityError:
            return False
        ledger.record("run.paused", by="system:watch", at=at, about=f"run:{run_id}", facts=facts)
    log.warning("run.paused", extra={"run": run_id, "reason": found.kind})
    return True


@transaction.atomic
def resume(run_id: int, *, reason: str, by: Staff, at: datetime) -> None:
    """A second person lets a paused run go on, and says why. Raises NotPaused, SamePerson, NoReason."""
    if not reason.strip():
        raise NoReason("Say why the run may go on.")
    run = Run.objects.get(pk=run_id)
    if run.launched_by_id == by.pk:
        raise SamePerson(run_id)
    won = Pause.objects.filter(run=run, resumed_at=None).update(
        resumed_by=by, resumed_at=at, why_resumed=reason.strip()[:300]
    )
    if not won:
        raise NotPaused(run_id)
    ledger.record("run.resumed", by=by, at=at, about=f"run:{run_id}", facts={"why": reason.strip()[:300]})
