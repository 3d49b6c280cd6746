"""How fast mail leaves: never faster than its pace whoever sends, and no provider holds the mail of the others."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import connections

from campaigns import reasons, runs
from campaigns.limits import paces
from campaigns.models import Message, Pace
from campaigns.sending import delivery
from compliance.models import LedgerEntry, Staff
from tests.campaigns.sink import Sink
from tests.campaigns.world import World


@dataclass(frozen=True)
class Letter:
    address: str


def letters(n: int, domain: str = "big.example") -> list[Letter]:
    return [Letter(f"c{number}@{domain}") for number in range(n)]


def admitted(n: int, *, at: datetime, domain: str = "big.example") -> int:
    return len(paces.admit(letters(n, domain), at=at)[0])


def steady(marketer: Staff, at: datetime, **more: object) -> Pace:
    return paces.keep(name="Big", domains=["big.example"], per_minute=60, by=marketer, at=at, **more)


@pytest.mark.django_db
def test_a_pace_is_kept_over_time(marketer: Staff, at: datetime) -> None:
    steady(marketer, at)

    # One token a second, and never more than ten seconds' worth saved up.
    assert [admitted(20, at=at + timedelta(seconds=s)) for s in (0, 0, 1, 3, 60, 60.5, 61)] == [1, 0, 1, 2, 10, 0, 1]


@pytest.mark.django_db
def test_a_clock_that_goes_back_gives_no_tokens(marketer: Staff, at: datetime) -> None:
    steady(marketer, at)
    assert admitted(20, at=at + timedelta(seconds=30)) == 10

    assert [admitted(20, at=at + timedelta(seconds=s)) for s in (0, 10, 30)] == [0, 0, 0]


@pytest.mark.django_db
def test_what_has_to_wait_gets_a_time_of_its_own(marketer: Staff, at: datetime) -> None:
    steady(marketer, at)

    first, second = paces.admit(letters(4), at=at)[1], paces.admit(letters(3), at=at)[1]

    waits = [round((due - at).total_seconds(), 3) for _, due in [*first, *second]]
    assert waits == [1, 2, 3, 4, 5, 6]


@pytest.mark.django_db
def test_domains_without_a_pace_are_as_fast_as_they_can(marketer: Staff, at: datetime) -> None:
    steady(marketer, at)

    mixed = [*letters(5), *letters(50, "other.example")]
    go, wait = paces.admit(mixed, at=at)

    assert (len(go), len(wait)) == (51, 4)
    paces.keep(name="The rest", domains=["*"], per_minute=120, by=marketer, at=at)
    assert admitted(50, at=at, domain="other.example") == 1


@pytest.mark.django_db
def test_a_warm_up_grows_from_day_to_day_and_never_runs_over(marketer: Staff, at: datetime) -> None:
    paces.keep(
        name="Big", domains=["big.example"], per_minute=600_000, warm_from=at.date(), warm_first=100, warm_growth=2,
        by=marketer, at=at.replace(hour=0),
    )  # fmt: skip

    def day(number: int) -> int:
        start = at.replace(hour=0) + timedelta(days=number, minutes=1)
        return sum(admitted(300, at=start + timedelta(minutes=minute)) for minute in range(4))

    assert [day(number) for number in range(4)] == [100, 200, 400, 800]
    _, wait = paces.admit(letters(1), at=at.replace(hour=1) + timedelta(days=3))
    assert abs(wait[0][1] - at.replace(hour=0, minute=0) - timedelta(days=4)) < timedelta(seconds=5)


@pytest.mark.django_db(transaction=True)
def test_many_workers_share_one_pace_exactly(marketer: Staff, at: datetime) -> None:
    paces.keep(name="Big", domains=["big.example", "also.example"], per_minute=600, by=marketer, at=at)
    later, got, start = at + timedelta(seconds=60), [], threading.Barrier(20)

    def work(domain: str) -> None:
        try:
            start.wait(30)
            got.extend(admitted(7, at=later, domain=domain) for _ in range(4))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=(("big.example", "also.example")[n % 2],)) for n in range(20)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)

    assert (len(got), sum(got)) == (80, 100)  # ten seconds' worth, though 560 were asked for


def run_of(world: World, addresses: Sequence[str]) -> None:
    for number, address in enumerate(addresses):
        world.client(number, email=address)
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)


def test_a_slow_provider_does_not_hold_the_others(world: World, sink: Sink) -> None:
    run_of(world, [f"a{n}@big.example" for n in range(5)] + [f"b{n}@other.example" for n in range(5)])
    steady(world.marketer, world.at)

    done = delivery.send(limit=100, at=world.at, seconds=30)

    assert (done.sent, done.deferred) == (6, 4)
    waiting = Message.objects.filter(state="pending")
    assert {one.reason for one in waiting} == {"rate_limited"}
    assert "waits its turn" in reasons.because("rate_limited")
    assert delivery.send(limit=100, at=world.at + timedelta(seconds=30), seconds=30).sent == 4


def test_421_slows_the_domain_and_nobody_else(world: World, sink: Sink) -> None:
    run_of(world, ["a1@big.example", "b1@other.example"])
    sink.at_rcpt["a1@big.example"] = "421 4.7.0 too many messages from you"

    done = delivery.send(limit=100, at=world.at, seconds=30)

    assert (done.sent, done.deferred) == (1, 1)
    assert [address for address, _ in sink.mails] == ["b1@other.example"]
    pace = Pace.objects.get()
    assert (pace.name, pace.slow_until > world.at + timedelta(minutes=4)) == ("big.example", True)
    (_, due), *_ = paces.admit(letters(1), at=world.at + timedelta(seconds=5))[1]
    assert due == pace.slow_until
    del sink.at_rcpt["a1@big.example"]
    assert delivery.send(limit=100, at=world.at + timedelta(minutes=6), seconds=30).sent == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"domains": []},
        {"domains": ["no dots"]},
        {"domains": ["<script>.example"]},
        {"per_minute": 0},
        {"warm_growth": 0.5},
        {"warm_first": 0},
    ],
)
def test_a_pace_that_cannot_be_is_refused_and_nothing_is_written(
    wrong: dict[str, object], marketer: Staff, at: datetime
) -> None:
    asked = {"name": "Big", "domains": ["big.example"], "per_minute": 60, "by": marketer, "at": at}
    with pytest.raises(paces.BadPace):
        paces.keep(**{**asked, **wrong})

    assert not Pace.objects.exists()
    kept = paces.keep(**asked)
    with pytest.raises(paces.BadPace, match="another pace"):
        paces.keep(**{**asked, "name": "Second"})
    assert paces.take_away(kept.pk, by=marketer, at=at)
    assert list(LedgerEntry.objects.filter(kind__startswith="pace.").order_by("id").values_list("kind", flat=True)) == [
        "pace.kept", "pace.taken_away",
    ]  # fmt: skip
