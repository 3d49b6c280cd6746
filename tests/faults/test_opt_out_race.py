"""500 opt-outs race a running send by real worker processes: nobody's hand-over starts after their no was committed."""

import random
import threading
import time
from datetime import datetime

import pytest
from django.db import connections
from django.utils.timezone import now

from campaigns import runs
from campaigns.models import Message, Run, RunState
from compliance import consent
from compliance.models import Channel, Purpose
from compliance.web import acting
from tests.campaigns.sink import Sink
from tests.faults import workers as real
from tests.faults.workers import MANY, Workers, wake_up

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

run, workers, mail_server = real.run, real.workers, real.mail_server
OPT_OUTS, MOST_S = 500, 180


def opt_out(clients: list[int], committed: dict[int, datetime], stop: threading.Event, faults: list[Exception]) -> None:
    """One client after another says no, as fast as the database takes it; the clock is read when it has committed."""
    try:
        with acting("system:test"):
            for client in clients:
                if stop.is_set():
                    return
                consent.withdraw(
                    client, purpose=Purpose.MARKETING, channel=Channel.EMAIL, surface="portal", mechanism="button",
                    by=f"client:{client}", at=now(),
                )  # fmt: skip
                committed[client] = now()
    except Exception as fault:
        faults.append(fault)
    finally:
        connections.close_all()


def test_no_hand_over_starts_after_an_opt_out_committed(
    run: Run, workers: Workers, mail_server: tuple[Sink, int]
) -> None:
    sink, _ = mail_server
    members = [client for chunk in run.chunks.all() for client in chunk.client_ids]
    dice = random.Random(11)
    # Half from the front of the queue, where the workers are now, and half from anywhere.
    chosen = dice.sample(members, OPT_OUTS)
    committed: dict[int, datetime] = {}
    stop, faults = threading.Event(), []
    people = [
        threading.Thread(target=opt_out, args=(chosen[part::4], committed, stop, faults), daemon=True)
        for part in range(4)
    ]
    workers.start()
    until, next_wake, started = time.monotonic() + MOST_S, 0.0, False
    while time.monotonic() < until:
        if time.monotonic() >= next_wake:
            wake_up()
            next_wake = time.monotonic() + 2.0
        if not started and len(sink.mails) > 50:
            started = True
            for one in people:
                one.start()
        run.refresh_from_db()
        if run.state == RunState.FINISHED:
            break
        time.sleep(0.1)
    stop.set()
    for one in people:
        one.join(30)

    counts, log = runs.counts(run.pk), workers.log.read_text()[-3000:]
    assert (run.state, counts.adds_up, faults) == (RunState.FINISHED, True, []), f"{counts}\n{log}"
    assert len(committed) == OPT_OUTS
    left = dict(
        Message.objects.filter(run=run, client__in=chosen, intent_at__isnull=False).values_list(
            "client_id", "intent_at"
        )
    )
    late = {client: at - committed[client] for client, at in left.items() if at > committed[client]}
    assert late == {}
    stopped = set(
        Message.objects.filter(run=run, client__in=chosen, reason="withdrawn").values_list("client", flat=True)
    )
    holdout = set(Message.objects.filter(run=run, client__in=chosen, reason="holdout").values_list("client", flat=True))
    assert set(left) | stopped | holdout == set(chosen)
    assert set(left) & stopped == set()
    assert len(stopped) > OPT_OUTS // 5, "the race was over before it began"
    addresses = dict(Message.objects.filter(client__in=stopped, run=run).values_list("client_id", "address"))
    arrived = {address for address, _ in sink.mails}
    assert arrived & (set(addresses.values()) - {""}) == set()
    assert len([1 for address, _ in sink.mails]) == counts.sent
    assert counts.unconfirmed <= MANY
