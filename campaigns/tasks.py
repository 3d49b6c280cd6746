"""Wake-ups for the workers. The rows are the truth: every task may be lost, repeated or run twice at once."""

import time

from celery import shared_task
from django.db import transaction
from django.utils.timezone import now

from campaigns import authority, exhibits, runs, schedules, tracking
from campaigns import secondreadings as drawing
from campaigns.fairness import guard
from campaigns.hours import pool
from campaigns.models import Chunk
from campaigns.provider import watch
from campaigns.rulechanges import enacting
from campaigns.sending import delivery, evidence
from compliance import ledger, packet
from compliance.reviewing import secondreadings
from compliance.web import acting
from personalize import wake

SLICE_S = 8.0  # a task gives the queue back after this long
MANY = 100_000
WORKER = "system:worker"


@shared_task(queue="run")
def assemble_chunk(*, chunk_id: int) -> None:
    """Decide and assemble one chunk of a run, then wake the senders."""
    with acting(WORKER):
        authority.look(at=now())
        if runs.assemble(chunk_id, at=now()):
            wake.soon(deliver)


@shared_task(queue="run")
def sweep_runs() -> None:
    """Assemble what no kick announced."""
    until = time.monotonic() + SLICE_S
    with acting(WORKER):
        for chunk_id in runs.waiting(limit=50, at=now()):
            if runs.assemble(chunk_id, at=now()):
                wake.soon(deliver)
            if time.monotonic() > until:
                break


@shared_task(queue="run")
def launch_scheduled() -> None:
    """Launch what was scheduled for now."""
    with acting(schedules.BY):
        for run_id in schedules.sweep(at=now()):
            kick(run_id)


@shared_task(queue="mail")
def deliver() -> None:
    """Send for a few seconds; if there is more, ask to be woken again."""
    with acting(WORKER):
        authority.look(at=now())
        done = delivery.send(limit=MANY, at=now(), seconds=SLICE_S)
        if done.sent:
            wake.soon(deliver)
        else:
            runs.finish(at=now())


@shared_task(queue="mail")
def sweep() -> None:
    """Release what editors decided, reap leases that ran out, pause what is badly received, send, and finish runs."""
    with acting(WORKER):
        runs.release(at=now())
        delivery.reap(at=now())
        watch.look(at=now())
        authority.look(at=now())
        delivery.send(limit=MANY, at=now(), seconds=SLICE_S)
        runs.finish(at=now())


@shared_task(queue="mail")
def resolve_doubts() -> None:
    """End doubts by what clients did with a message, and close those that nobody can end."""
    with acting(WORKER):
        evidence.settle_from_replies(at=now())
        evidence.close_old(at=now())


@shared_task(queue="run")
def guard_clients() -> None:
    """Pause campaigns after which clients fare worse, or that treat groups unlike."""
    with acting(guard.BY):
        guard.look(at=now())


@shared_task(queue="run")
def draw_second_readings() -> None:
    """Draw texts that nobody read as a whole, for a person who reads them blind."""
    with acting(secondreadings.BY):
        drawing.draw(at=now())


@shared_task(queue="run")
def enact_rules() -> None:
    """Let approved copy rules take effect, and send back what they found days ago."""
    with acting(enacting.BY):
        enacting.sweep(at=now())


@shared_task(queue="hot")
def count_engagement() -> None:
    """Bring the counts of sends and opens that features read up to date."""
    with acting(WORKER):
        tracking.count_engagement(at=now())


@shared_task(queue="run")
def count_hours() -> None:
    """Count when clients read, for the hours at which messages leave."""
    with acting(WORKER):
        pool.renew(at=now())


@shared_task(queue="run")
def build_packets() -> None:
    """Build the packets that officers asked for."""
    with acting(WORKER):
        for packet_id in packet.waiting():
            ledger.seal(at=now())
            packet.build(packet_id, exhibits=exhibits.of, at=now())


def kick(run_id: int) -> None:
    """Wake the workers for every chunk of a run that was just launched."""
    with transaction.atomic():
        for chunk_id in Chunk.objects.filter(run_id=run_id, state="waiting").values_list("pk", flat=True):
            wake.soon(assemble_chunk, chunk_id=chunk_id)
