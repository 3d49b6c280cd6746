"""A run: launched as chunks, assembled, released as editors decide, stopped, and counted so that it always adds up."""

import logging
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q

from campaigns import bulk, coverage, messages, plans, variants
from campaigns.bulk import rules
from campaigns.limits import arbiter
from campaigns.models import Campaign, CampaignState, Chunk, Message, MessageState, Run, RunState, Variant
from compliance import ledger
from compliance.models import Channel, ReviewItem, Staff
from personalize.decide import draws

log = logging.getLogger(__name__)

CHUNK = 2_000  # clients one worker assembles at a time: seconds of work and a few MB
LEASE = timedelta(seconds=1.5 * settings.WORK_LEASE_S)
MOST_ATTEMPTS = 5
AGAIN = timedelta(seconds=10)
REMAKE = 500  # held messages given a fallback in one transaction


class LaunchRefused(Exception):
    """The campaign is not ready; `blockers` says why. Nothing was written."""

    def __init__(self, blockers: list[plans.Blocker]) -> None:
        self.blockers = blockers
        super().__init__(" ".join(one.sentence for one in blockers))


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the audience of a run stands; `audience` is always the sum of all the others."""

    audience: int
    sent: int = 0
    suppressed: dict[str, int] = field(default_factory=dict)
    held: int = 0
    failed: int = 0
    pending: int = 0
    unconfirmed: int = 0

    @property
    def accounted(self) -> int:
        """What the parts sum to."""
        return self.sent + self.not_sent + self.held + self.failed + self.pending + self.unconfirmed

    @property
    def not_sent(self) -> int:
        """Kept back for a reason that is kept, whatever the reason."""
        return sum(self.suppressed.values())

    @property
    def adds_up(self) -> bool:
        """Nobody was lost and nobody counted twice."""
        return self.accounted == self.audience

    def facts(self) -> dict[str, Any]:
        """The numbers by name, as programs see them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@transaction.atomic
def launch(campaign: Campaign, *, by: Staff, at: datetime) -> Run:
    """Write down the run, its plan and its chunks, all or nothing. `tasks.kick` then wakes the workers.

    Raises LaunchRefused with everything that is in the way.
    """
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if found := plans.blockers(campaign, at=at):
        raise LaunchRefused(found)
    plan = plans.snapshot(campaign, at=at)
    last = campaign.runs.aggregate(last=Max("number"))["last"] or 0
    run = Run.objects.create(
        campaign=campaign,
        number=last + 1,
        state=RunState.ASSEMBLING,
        seed=secrets.randbits(63),
        plan=plan,
        policy=plan["policy"],
        phase=plan["phase"],
        artefact_id=plan["artefact"],
        audience=0,
        launched_by=by,
        launched_at=at,
    )
    if campaign.channel == Channel.WEB:
        run.state = RunState.SENDING  # a page fills its place client by client until the run is stopped
    else:
        compiled = rules.compile(campaign.audience, at=at)
        run.audience = bulk.chunks.plan(run.pk, compiled.where, compiled.values, size=CHUNK)
    run.save(update_fields=["audience", "state"])
    campaign.state = CampaignState.RUNNING
    campaign.save(update_fields=["state"])
    facts = {"run": run.pk, "number": run.number, "audience": run.audience, "policy": run.policy}
    ledger.record("run.launched", by=by, at=at, about=f"campaign:{campaign.pk}", facts=facts)
    return run


def ask(campaign: Campaign, found: Iterable[plans.Blocker], *, by: Staff, at: datetime) -> ReviewItem | None:
    """Where only unread pairs keep the campaign from being launched, put them before the editors; None otherwise."""
    if {one.code for one in found} != {"unread_pairs"}:
        return None
    return coverage.ask(campaign, plans.snapshot(campaign, at=at), by=by, at=at)


def waiting(*, limit: int, at: datetime) -> list[int]:
    """Chunks that no worker holds."""
    return bulk.chunks.waiting(limit=limit, at=at)


def assemble(chunk_id: int, *, at: datetime) -> int:
    """Decide, assemble and write every message of a chunk; how many. 0 when it is another worker's or done.

    The rows and the chunk's mark are one transaction: a worker that dies before it leaves the chunk as it was.
    """
    taken = Chunk.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=at), pk=chunk_id, state="waiting", run__state=RunState.ASSEMBLING
    ).update(attempts=F("attempts") + 1, lease_until=at + LEASE)
    if not taken:
        return 0
    chunk = Chunk.objects.select_related("run__campaign__owner").get(pk=chunk_id)
    run, clients = chunk.run, np.array(chunk.client_ids, np.int64)
    if chunk.attempts > MOST_ATTEMPTS:
        return _give_up(chunk, at=at)
    try:
        rows = messages.make(run, clients, at=at)
        with transaction.atomic():
            # The count of attempts is the token: whoever lost the lease finds another number.
            if not Chunk.objects.filter(pk=chunk_id, state="waiting", attempts=chunk.attempts).update(
                state="assembled", lease_until=None
            ):
                return 0
            written = sum(bulk.messages.copy(one) for one in rows)
            arbiter.settle(clients, at=at)
    except Exception:
        Chunk.objects.filter(pk=chunk_id, attempts=chunk.attempts).update(lease_until=at + AGAIN * chunk.attempts)
        raise
    _assembled(run)
    log.info("run.chunk_assembled", extra={"run": run.pk, "chunk": chunk.number, "messages": written})
    return written


def _assembled(run: Run) -> None:
    """The last chunk moves the run on to sending."""
    if not run.chunks.filter(state="waiting").exists():
        Run.objects.filter(pk=run.pk, state=RunState.ASSEMBLING).update(state=RunState.SENDING)


def _give_up(chunk: Chunk, *, at: datetime) -> int:
    """A chunk that failed too often must not hold up its run: its clients are counted as failed."""
    log.error("run.chunk_given_up", extra={"run": chunk.run_id, "chunk": chunk.number})
    with transaction.atomic():
        if not Chunk.objects.filter(pk=chunk.pk, state="waiting").update(state="assembled", lease_until=None):
            return 0
        _account(chunk, state=MessageState.FAILED, reason="assembly_failed", at=at)
    _assembled(chunk.run)
    return len(chunk.client_ids)


def _account(chunk: Chunk, *, state: str, reason: str, at: datetime) -> None:
    """A row without content for each of the chunk's clients, so that nobody is lost from the count."""
    run, clients = chunk.run, np.array(chunk.client_ids, np.int64)
    side = draws.experiment(run.seed, clients, control=run.plan["share_control"], holdout=run.plan["share_holdout"])
    Message.objects.bulk_create(
        [
            Message(
                id=messages.message_id(run, client),
                run=run,
                campaign_id=run.campaign_id,
                client_id=client,
                channel=run.plan["channel"],
                arm=messages.ARMS[arm],
                state=state,
                reason=reason,
                policy=run.policy,
                artefact_id=run.artefact_id,
                decided_at=at,
                due_at=at,
            )
            for client, arm in zip(clients.tolist(), side.tolist(), strict=True)
        ],
        batch_size=1000,
    )


def release(*, at: datetime) -> int:
    """Act on what editors decided since: approved texts go, rejected ones give way to the fallback. How many moved."""
    held = list(Variant.objects.filter(pk__in=bulk.messages.held_variants()).select_related("campaign__owner"))
    if not held:
        return 0
    standing = variants.standing(held, at=at)
    moved = bulk.messages.release([pk for pk, stands in standing.items() if stands == variants.GO], at=at)
    for variant in held:
        if standing[variant.pk] == variants.REJECTED:
            moved += _replace(variant, at=at)
    return moved


@transaction.atomic
def _replace(variant: Variant, *, at: datetime) -> int:
    """Give up to REMAKE held messages of a rejected text their fallback."""
    rows = (
        Message.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=MessageState.HELD, variant=variant, run__state__in=(RunState.ASSEMBLING, RunState.SENDING))
        .select_related("run", "client")
        .order_by("id")[:REMAKE]
    )
    texts: dict[int, messages.Text] = {}
    moved = 0
    for message in rows:
        if message.run_id not in texts:
            texts[message.run_id] = messages.fallback(variant.campaign, message.run.plan, at=at)
        moved += messages.remake(message, texts[message.run_id], at=at)
    return moved


@transaction.atomic
def stop(run_id: int, *, by: Staff, at: datetime) -> bool:
    """Stop a run: nothing more is handed over than what a worker already holds. False when it had ended.

    Everyone who was not written to is counted as "run stopped".
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=run_id)
    if run.state not in (RunState.ASSEMBLING, RunState.SENDING):
        return False
    run.state, run.stopped_by, run.ended_at = RunState.STOPPED, by, at
    run.save(update_fields=["state", "stopped_by", "ended_at"])
    for chunk in run.chunks.select_for_update().filter(state="waiting").order_by("pk"):
        chunk.run = run
        chunk.state, chunk.lease_until = "assembled", None
        chunk.save(update_fields=["state", "lease_until"])
        _account(chunk, state=MessageState.SUPPRESSED, reason="run_stopped", at=at)
    kept = bulk.messages.stop(run.pk)
    _settle_campaign(run, CampaignState.STOPPED)
    ledger.record("run.stopped", by=by, at=at, about=f"run:{run.pk}", facts={"kept_back": kept})
    return True


def finish(*, at: datetime) -> list[int]:
    """Mark the runs in which nobody waits as finished; which ones."""
    done = []
    for run_id in bulk.chunks.ended():
        with transaction.atomic():
            won = Run.objects.filter(pk=run_id, state__in=(RunState.ASSEMBLING, RunState.SENDING)).update(
                state=RunState.FINISHED, ended_at=at
            )
            if not won:
                continue
            run = Run.objects.select_related("campaign").get(pk=run_id)
            _settle_campaign(run, CampaignState.FINISHED)
            facts = {"state": run.state, "audience": run.audience}
            ledger.record("run.finished", by="system:worker", at=at, about=f"run:{run_id}", facts=facts)
        done.append(run_id)
    return done


def _settle_campaign(run: Run, state: CampaignState) -> None:
    campaign = Campaign.objects.select_for_update().get(pk=run.campaign_id)
    if campaign.state == CampaignState.RUNNING:
        campaign.state = state
        campaign.save(update_fields=["state"])


def counts(run_id: int) -> Counts:
    """The run's numbers at one moment, from one statement."""
    audience = Run.objects.values_list("audience", flat=True).get(pk=run_id)
    return counted(audience, bulk.chunks.counts(run_id))


def counted(audience: int, rows: Iterable[tuple[str, str, int]]) -> Counts:
    """The numbers of a run with this audience from (state, reason, how many) rows of `bulk.chunks.counts`.

    A place on a page has no audience beforehand: it is everybody who came, and what they were shown counts as sent.
    """
    rows = list(rows)
    totals: dict[str, int] = {}
    suppressed: dict[str, int] = {}
    for state, reason, n in rows:
        if state == MessageState.SUPPRESSED:
            suppressed[reason] = suppressed.get(reason, 0) + n
        else:
            totals[state] = totals.get(state, 0) + n
    # What a worker holds at this moment is still to be sent, as far as anybody can say.
    pending = sum(totals.get(one, 0) for one in ("waiting", "pending", "claimed", "intent"))
    return Counts(
        audience=audience or sum(n for _, _, n in rows),
        sent=totals.get("sent", 0) + totals.get("shown", 0),
        suppressed=dict(sorted(suppressed.items(), key=lambda one: (-one[1], one[0]))),
        held=totals.get("held", 0),
        failed=totals.get("failed", 0),
        pending=pending,
        unconfirmed=totals.get("unconfirmed", 0),
    )
