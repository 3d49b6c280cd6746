"""A scheduled time launches exactly one run, or says why not; nobody and nothing makes it two."""

from datetime import date, datetime, time, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser
from django.test import override_settings
from django.utils.timezone import now

from campaigns import schedules, tasks
from campaigns.models import Campaign, Occurrence, Run, Schedule
from compliance import desks as seats
from compliance import fence, stops
from compliance.access import bearers
from compliance.acting import acting
from compliance.models import LedgerEntry, Staff
from personalize import celery, features
from tests.at_once import at_once
from tests.campaigns.world import World

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# Tomorrow at nine in London, which is nine in UTC: 21 hours from the world's noon.
DUE = datetime.fromisoformat("2026-11-24T09:00:00+00:00")
DAILY = schedules.Asked(date(2026, 11, 24), time(9), "Europe/London", "daily")
pytestmark = pytest.mark.django_db


def outcomes(campaign: Campaign) -> list[tuple[str, str, str]]:
    rows = Occurrence.objects.filter(schedule__campaign=campaign).order_by("due_at")
    return [(one.local_date.isoformat(), one.state, one.reason) for one in rows]


def ready(world: World, asked: schedules.Asked = DAILY) -> Campaign:
    world.client(1)
    fence.arm(by="system:test", at=world.at)
    campaign = world.campaign()
    schedules.make(campaign, asked, by=world.marketer, at=world.at)
    return campaign


def test_it_launches_when_it_is_due_as_whoever_scheduled_it_and_waits_for_the_next(world: World) -> None:
    campaign = ready(world)

    assert schedules.sweep(at=DUE - MINUTE) == []
    launched = schedules.sweep(at=DUE + MINUTE)

    run = Run.objects.get(campaign=campaign)
    assert launched == [run.pk]
    assert (run.launched_by, run.audience, run.occurrence.local) == (world.marketer, 1, "2026-11-24T09:00:00+00:00")
    assert schedules.sweep(at=DUE + MINUTE) == []
    assert outcomes(campaign) == [("2026-11-24", "launched", ""), ("2026-11-25", "waiting", "")]
    entry = LedgerEntry.objects.get(kind="schedule.launched")
    assert (entry.actor, entry.facts["run"]) == (schedules.BY, run.pk)
    assert LedgerEntry.objects.get(kind="run.launched").actor == f"staff:{world.marketer.pk}"


def test_once_is_once_and_the_schedule_has_ended(world: World) -> None:
    campaign = ready(world, schedules.Asked(date(2026, 11, 24), time(9), "Europe/London"))

    assert len(schedules.sweep(at=DUE)) == 1

    assert outcomes(campaign) == [("2026-11-24", "launched", "")]
    assert list(Schedule.objects.values_list("state", "ended_by", "ended_at")) == [("off", None, DUE)]


def test_what_is_too_late_is_missed_and_never_made_up_for(world: World) -> None:
    campaign = ready(world)

    launched = schedules.sweep(at=DUE + 3 * DAY + 30 * MINUTE)

    assert len(launched) == 1
    assert outcomes(campaign) == [
        *((f"2026-11-{day}", "missed", "too_late") for day in (24, 25, 26)),
        ("2026-11-27", "launched", ""), ("2026-11-28", "waiting", ""),
    ]  # fmt: skip
    assert schedules.SENTENCES["too_late"] == Occurrence.objects.filter(state="missed")[0].sentence


@pytest.mark.parametrize(
    "why", ["no_authority", "left", "fenced", "restored", "stopped", "stopped_channel", "not_ready"]
)
def test_what_stands_in_the_way_refuses_one_time_with_its_reason_and_the_next_goes(
    why: str, world: World, officer: Staff
) -> None:
    campaign = ready(world)
    if why == "no_authority":
        with acting(f"staff:{officer.pk}"):
            seats.seat(world.marketer, ["wealth"], by=officer, at=world.at)
    elif why == "left":
        with acting(f"staff:{officer.pk}"):
            Staff.objects.filter(pk=world.marketer.pk).update(is_active=False)
    elif why == "restored":  # a person armed the copy after the time: the original may have launched it
        fence.arm(by="system:test", at=DUE + MINUTE)
    elif why == "stopped":
        stops.throw("campaign", campaign.slug, reason="wrong rate", by=officer, at=world.at)
    elif why == "stopped_channel":
        stops.throw("channel", "email", reason="wrong rate", by=officer, at=world.at)
    elif why == "not_ready":
        campaign.candidates.filter(slot="call_to_action").delete()
    place = fence.settings.FENCE
    with override_settings(FENCE=place.with_name("elsewhere") if why == "fenced" else place):
        assert schedules.sweep(at=DUE + 2 * MINUTE) == []

    reason = {"left": "no_authority", "restored": "fenced", "stopped_channel": "stopped"}.get(why, why)
    refused = Occurrence.objects.get(state="refused")
    assert Run.objects.count() == 0
    assert refused.reason == ("no_call_to_action" if why == "not_ready" else reason)
    assert refused.sentence.endswith(".")
    if why in ("fenced", "restored"):
        assert len(schedules.sweep(at=DUE + DAY)) == 1


def test_a_run_that_still_goes_on_refuses_the_next_time(world: World) -> None:
    campaign = ready(world)
    schedules.sweep(at=DUE)

    assert schedules.sweep(at=DUE + DAY) == []

    assert outcomes(campaign)[1] == ("2026-11-25", "refused", "running")


def test_cancelled_it_launches_no_more_and_another_may_be_made(world: World) -> None:
    campaign = ready(world)
    with pytest.raises(schedules.AlreadyScheduled):
        schedules.make(campaign, DAILY, by=world.marketer, at=world.at)

    schedules.cancel(campaign, by=world.marketer, at=world.at)

    assert schedules.sweep(at=DUE) == []
    assert outcomes(campaign) == [("2026-11-24", "cancelled", "")]
    with pytest.raises(schedules.NotScheduled):
        schedules.cancel(campaign, by=world.marketer, at=world.at)
    schedules.make(campaign, DAILY, by=world.marketer, at=world.at)
    assert len(schedules.sweep(at=DUE)) == 1


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("zone", {"zone": "Mars/Olympus"}),
        ("zone", {"zone": "../etc/passwd"}),
        ("repeat", {"repeat": "hourly"}),
        ("first_on", {"first_on": date(2026, 11, 23), "local_time": time(11)}),
        ("first_on", {"first_on": date(9999, 12, 31)}),
        ("until", {"until": date(2026, 11, 23)}),
        ("latest_min", {"latest_min": 0}),
        ("latest_min", {"latest_min": 1441}),
    ],
)
def test_what_cannot_be_scheduled_is_named_and_nothing_is_written(
    field: str, changed: dict[str, object], world: World
) -> None:
    campaign = world.campaign()
    asked = {name: getattr(DAILY, name) for name in DAILY.__slots__} | changed

    with pytest.raises(schedules.BadSchedule) as bad:
        schedules.make(campaign, schedules.Asked(**asked), by=world.marketer, at=world.at)

    assert set(bad.value.errors) == {field}
    assert (Schedule.objects.count(), Occurrence.objects.count()) == (0, 0)


def test_the_database_keeps_what_was_decided_and_takes_no_time_twice(world: World) -> None:
    ready(world)
    schedules.sweep(at=DUE)
    tries = (
        "update campaigns_occurrence set state = 'waiting', run_id = null, decided_at = null where state = 'launched'",
        "update campaigns_occurrence set due_at = due_at + interval '1 hour' where state = 'waiting'",
        "update campaigns_schedule set local_time = '10:00'",
        "delete from campaigns_occurrence",
        "insert into campaigns_occurrence (schedule_id, local_date, slot, due_at, local, state, reason, sentence) "
        "select schedule_id, local_date, slot, due_at, local, 'waiting', '', '' from campaigns_occurrence",
    )
    for one in tries:
        with pytest.raises(DatabaseError), transaction.atomic(), acting("system:test"):
            connection.cursor().execute(one)


@pytest.mark.django_db(transaction=True)
def test_any_number_of_sweeps_at_once_makes_one_run_of_one_time(world: World) -> None:
    campaign = ready(world)
    launched: list[int] = []

    def sweep() -> None:
        with acting(schedules.BY):
            launched.extend(schedules.sweep(at=DUE))

    faults = at_once(12, sweep)

    assert faults == []
    assert launched == [Run.objects.get().pk]
    assert outcomes(campaign) == [("2026-11-24", "launched", ""), ("2026-11-25", "waiting", "")]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_dies_before_its_commit_leaves_the_time_waiting(world: World) -> None:
    campaign = ready(world)
    occurrence = Occurrence.objects.get()
    with transaction.atomic():
        assert schedules.decide(occurrence.pk, at=DUE).run_id
        transaction.set_rollback(True)

    assert (Run.objects.count(), outcomes(campaign)) == (0, [("2026-11-24", "waiting", "")])
    assert len(schedules.sweep(at=DUE)) == 1


def test_the_clock_calls_it() -> None:
    assert celery.SWEEPS[tasks.launch_scheduled.name] == (20.0, tasks.launch_scheduled.queue)


@pytest.fixture
def today(marketer: Staff, editor: Staff) -> World:
    """The world an hour ago: pages ask the real clock."""
    at = now() - timedelta(hours=1)
    features.ensure_core(at)
    return World(at, marketer, editor)


def test_a_page_shows_the_times_before_it_keeps_them_and_cancels(today: World, client: Browser) -> None:
    campaign = today.campaign()
    client.force_login(today.marketer, backend="django.contrib.auth.backends.ModelBackend")
    year = now().year + 1
    spring = max(date(year, 3, day) for day in range(25, 32) if date(year, 3, day).weekday() == 6)
    form = {"first_on": spring - DAY, "local_time": "01:30", "zone": "Europe/London", "repeat": "daily", "until": "",
            "latest_min": "30"}  # fmt: skip
    where = f"/console/campaigns/{campaign.slug}/schedule/"

    shown = client.get(where, form)
    times = [f"{spring + n * DAY:%a} {spring + n * DAY:%-d %b %Y}, {at}" for n, at in ((-1, "01:30"), (0, "02:00"))]
    assert shown.status_code == 200
    assert all(one in shown.content.decode() for one in times)
    assert "Clocks change" in shown.content.decode()
    assert Schedule.objects.count() == 0
    wrong = client.post(where, form | {"zone": "Nowhere", "first_on": "x"})
    assert (wrong.status_code, Schedule.objects.count()) == (422, 0)
    assert client.post(where, form).status_code == 302
    assert client.post(where, form).status_code == 409
    page = client.get(f"/console/campaigns/{campaign.slug}/").content.decode()
    assert times[0] in page
    assert client.post(f"{where}cancel/").status_code == 302
    assert client.post(f"{where}cancel/").status_code == 409
    assert "Cancelled" in client.get(f"/console/campaigns/{campaign.slug}/").content.decode()


def test_a_program_schedules_reads_and_cancels(today: World, client: Browser) -> None:
    campaign = today.campaign()
    bearers.give(
        today.marketer, name="test", scopes=bearers.scopes_of(today.marketer), expires_at=None, by="system:test",
        at=today.at, secret="token-of-a-marketer",
    )  # fmt: skip
    where = f"/api/v1/campaigns/{campaign.slug}/schedule"
    sent = {"headers": {"Authorization": "Bearer token-of-a-marketer"}, "content_type": "application/json"}
    ask = {"first_on": (now() + 3 * DAY).date().isoformat(), "local_time": "09:00", "zone": "Asia/Tokyo"}

    assert client.post(where, ask | {"zone": "Tokyo"}, **sent).json()["errors"][0]["field"] == "zone"
    made = client.post(where, ask, **sent)
    assert made.status_code == 201
    assert made.json()["occurrences"][0]["local"] == f"{ask['first_on']}T09:00:00+09:00"
    assert client.post(where, ask, **sent).status_code == 409
    assert [one["state"] for one in client.get(where, **sent).json()] == ["on"]
    assert client.delete(where, **sent).status_code == 204
    assert client.delete(where, **sent).status_code == 409
    assert client.get(where, **sent).json()[0]["occurrences"][0]["state"] == "cancelled"
