"""Kill switches: one person stops, two start again, and the database holds them to it."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from compliance import roles, stops
from compliance.models import LedgerEntry, Role, Staff, Stop, StopScope
from compliance.web import acting

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def test_one_stops_and_two_others_start_it_again(officer: Staff, editor: Staff, marketer: Staff) -> None:
    made = stops.throw(StopScope.CHANNEL, "email", reason="wrong rate", by=officer, at=NOON)
    assert stops.thrown().stops("channel", "email")

    stops.ask_release(made.pk, by=officer, at=NOON)
    with pytest.raises(stops.NotYours):
        stops.release(made.pk, by=officer, at=NOON)
    assert stops.thrown().stops("channel", "email")
    stops.release(made.pk, by=editor, at=NOON)

    assert not stops.thrown()
    told = LedgerEntry.objects.filter(about=f"stop:{made.pk}").order_by("pk").values_list("kind", flat=True)
    assert list(told) == ["stop.thrown", "stop.release_asked", "stop.released"]


def test_nobody_releases_what_nobody_asked_to_release_nor_twice(officer: Staff, editor: Staff) -> None:
    made = stops.throw(StopScope.EVERYTHING, "", reason="breach", by=officer, at=NOON)

    with pytest.raises(stops.AlreadyReleased):
        stops.release(made.pk, by=editor, at=NOON)
    assert stops.thrown().everything

    stops.ask_release(made.pk, by=editor, at=NOON)
    with pytest.raises(stops.AlreadyReleased):
        stops.ask_release(made.pk, by=officer, at=NOON)
    stops.release(made.pk, by=officer, at=NOON)
    with pytest.raises(stops.AlreadyReleased):
        stops.release(made.pk, by=editor, at=NOON)


@pytest.mark.parametrize(
    ("scope", "target", "reason", "says"),
    [
        ("weather", "", "x", "what is to be stopped"),
        ("channel", "", "x", "which channel"),
        ("channel", "pigeon", "x", "no channel"),
        ("topic", "weather", "x", "no topic"),
        ("everything", "", " ", "Say why"),
        ("block", "b" * 81, "x", "80 characters"),
    ],
)
def test_a_switch_that_says_too_little_is_not_thrown(
    scope: str, target: str, reason: str, says: str, officer: Staff
) -> None:
    with pytest.raises(stops.BadSwitch, match=says):
        stops.throw(scope, target, reason=reason, by=officer, at=NOON)

    assert not Stop.objects.exists()


def test_the_same_switch_is_thrown_once_and_may_be_thrown_again_later(officer: Staff, editor: Staff) -> None:
    made = stops.throw(StopScope.BLOCK, "calm", reason="x", by=officer, at=NOON)
    with pytest.raises(stops.AlreadyThrown):
        stops.throw(StopScope.BLOCK, "calm", reason="y", by=editor, at=NOON)
    assert Stop.objects.count() == 1

    stops.ask_release(made.pk, by=officer, at=NOON)
    stops.release(made.pk, by=editor, at=NOON)

    assert stops.throw(StopScope.BLOCK, "calm", reason="z", by=editor, at=NOON).pk != made.pk


def test_no_administrator_is_one_of_the_two_and_one_who_left_is_replaced(officer: Staff, editor: Staff) -> None:
    admin, gone = roles.hire("admin", Role.ADMIN, "x" * 12), roles.hire("gone", Role.OFFICER, "x" * 12)
    made = stops.throw(StopScope.EVERYTHING, "", reason="breach", by=admin, at=NOON)

    with pytest.raises(stops.NotYours):
        stops.ask_release(made.pk, by=admin, at=NOON)
    made.refresh_from_db()
    assert made.release_asked_by is None
    stops.ask_release(made.pk, by=gone, at=NOON)
    with pytest.raises(stops.NotYours):
        stops.release(made.pk, by=admin, at=NOON)
    Staff.objects.filter(pk=gone.pk).update(is_active=False)
    with pytest.raises(stops.AlreadyReleased):  # one of the two is no longer there
        stops.release(made.pk, by=editor, at=NOON)
    assert stops.thrown().everything

    stops.ask_release(made.pk, by=editor, at=NOON)
    stops.release(made.pk, by=officer, at=NOON)
    assert not stops.thrown()


@pytest.mark.parametrize(
    "change",
    [
        "delete from compliance_stop",
        "update compliance_stop set released_by_id = %(one)s, released_at = now()",
        "update compliance_stop set release_asked_by_id = %(one)s, released_by_id = %(one)s, released_at = now()",
        "update compliance_stop set release_asked_by_id = %(one)s, released_by_id = %(admin)s, released_at = now()",
        "update compliance_stop set release_asked_by_id = %(admin)s, release_asked_at = now()",
        "update compliance_stop set target = 'sms'",
        "update compliance_stop set released_at = now()",
    ],
)
def test_raw_sql_cannot_take_a_switch_back(change: str, officer: Staff) -> None:
    admin = roles.hire("admin", Role.ADMIN, "x" * 12)
    stops.throw(StopScope.CHANNEL, "email", reason="x", by=officer, at=NOON)

    with pytest.raises(DatabaseError), transaction.atomic(), acting("system:test"), connection.cursor() as cursor:
        cursor.execute(change, {"one": officer.pk, "admin": admin.pk})

    assert stops.thrown().stops("channel", "email")
