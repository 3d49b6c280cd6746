"""A chore does each thing for itself: one that fails is logged, shown to officers, tried again, and stops no other."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from compliance import faults
from compliance.models import CoolingOff, Fault, LedgerEntry
from compliance.rights import retention
from personalize.models import Declaration, Event, Outcome
from tests.compliance.test_retention import old
from tests.owner import as_owner

pytestmark = pytest.mark.django_db
__all__ = ["old"]
FAILS = """
create function sweep_fails() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin raise exception 'the disk is full'; end $$;
create trigger sweep_fails before delete on personalize_declaration for each row execute function sweep_fails();
"""


def fail() -> int:
    raise RuntimeError("ann@mail.example")


def test_what_fails_keeps_no_other_and_is_counted_until_it_is_done(at, caplog):
    things = [("a:1", lambda: 1), ("a:2", fail), ("a:3", lambda: 3)]

    assert faults.each("chore", things, at=at) == {"a:1": 1, "a:3": 3}
    assert faults.each("chore", things, at=at + timedelta(minutes=1)) == {"a:1": 1, "a:3": 3}

    kept = Fault.objects.get()
    assert (kept.about, kept.why, kept.times, kept.last_at - kept.first_at) == (
        "a:2", "RuntimeError", 2, timedelta(minutes=1),
    )  # fmt: skip
    assert [(one.chore, one.about) for one in caplog.records if one.msg == "chore.failed"] == [("chore", "a:2")] * 2
    assert faults.each("chore", [("a:2", lambda: 2)], at=at + timedelta(minutes=2)) == {"a:2": 2}
    assert not faults.open_ones().exists()
    assert faults.each("chore", [("a:2", fail)], at=at + timedelta(minutes=3)) == {}
    assert [one.times for one in faults.open_ones()] == [1]


def test_what_went_away_is_shown_no_longer(at):
    """A whole pass that does not meet it ends it; another chore's pass, or one cut short, does not."""

    def late() -> int:
        raise SoftTimeLimitExceeded

    faults.each("chore", [("a:1", fail), ("a:2", fail)], at=at)
    faults.each("other", [("a:2", fail)], at=at)
    with pytest.raises(SoftTimeLimitExceeded):
        faults.each("chore", [("a:1", late)], at=at)
    assert faults.open_ones().count() == 3
    assert faults.each("chore", [("a:1", fail)], at=at) == {}

    assert [(one.chore, one.about) for one in faults.open_ones()] == [("chore", "a:1"), ("other", "a:2")]
    faults.each("chore", [], at=at)
    assert [one.chore for one in faults.open_ones()] == ["other"]


def test_a_clock_that_went_back_stops_nothing(at):
    faults.each("chore", [("a:1", fail)], at=at)

    assert faults.each("chore", [("a:1", fail), ("a:2", lambda: 2)], at=at - timedelta(hours=1)) == {"a:2": 2}
    assert [(one.times, one.first_at, one.last_at) for one in faults.open_ones()] == [(2, at, at)]


def test_a_thing_with_a_long_name_ends_too(at):
    name = "a:" + "1" * 130
    faults.each("chore", [(name, fail)], at=at)
    assert faults.open_ones().exists()

    faults.each("chore", [(name, lambda: 1)], at=at)
    assert not faults.open_ones().exists()


def test_a_worker_whose_time_is_up_begins_nothing_more(at):
    def late() -> int:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        faults.each("chore", [("a:1", late), ("a:2", fail)], at=at)

    assert [one.about for one in faults.open_ones()] == ["a:1"]


def test_a_table_that_cannot_be_swept_keeps_no_other(old, at, officer, client):
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute(FAILS)

    gone = retention.sweep(at=at)

    assert set(gone) == {"personalize.Event", "personalize.Outcome", "compliance.CoolingOff"}
    assert (Event.objects.count(), Declaration.objects.count(), Outcome.objects.count()) == (2, 8, 6)
    assert not CoolingOff.objects.exists()
    assert not LedgerEntry.objects.filter(kind="retention.let_go", about="table:personalize.Declaration").exists()
    client.force_login(officer)
    page = client.get("/compliance/").content.decode()
    assert ("What could not be done" in page, "table:personalize.Declaration" in page) == (True, True)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("drop trigger sweep_fails on personalize_declaration")
    assert retention.sweep(at=at) == {"personalize.Declaration": 2}
    assert "What could not be done" not in client.get("/compliance/").content.decode()
