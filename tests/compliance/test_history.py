"""Every way to change a historied row writes its history, and any difference from the ledger is found and named."""

import pytest
from django.db import connection

from compliance import history
from compliance.acting import acting
from compliance.models import LedgerEntry, Topic
from tests.owner import as_owner
from tests.people import NOON

pytestmark = pytest.mark.django_db


def sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)


def topic(code):
    return Topic(code=code, name=code, covers="x")


@pytest.fixture
def changed(editor):
    """A topic changed in every way there is, by an editor."""
    with acting(f"staff:{editor.pk}"):
        topic("a").save(force_insert=True)
        Topic.objects.bulk_create([topic("b")])
        Topic.objects.filter(code__in="ab").update(name="x")
        Topic.objects.bulk_update([Topic(code="b", name="y")], ["name"])
        sql("update compliance_topic set name = 'z' where code = 'b'")
        Topic.objects.filter(code="b").delete()
    return editor


def test_no_way_to_change_a_row_misses_its_history(changed):
    rows = Topic.history.filter(code__in="ab").order_by("history_id")

    assert [(one.code, one.history_type, one.name, one.history_user) for one in rows] == [
        ("a", "+", "a", changed),
        ("b", "+", "b", changed),
        ("a", "~", "x", changed),
        ("b", "~", "x", changed),
        ("b", "~", "y", changed),
        ("b", "~", "z", changed),
        ("b", "-", "z", changed),
    ]
    assert history.reconcile(at=NOON) == []
    assert LedgerEntry.objects.get(kind="history.reconciled").facts["differences"] == 0


@pytest.mark.parametrize(
    ("attack", "thing", "fault"),
    [
        ("update compliance_historicaltopic set name = 'other' where code = 'a' and history_type = '~'", "a", "says"),
        ("delete from compliance_historicaltopic where code = 'b' and history_type = '-'", "b", "has no history row"),
        (
            "insert into compliance_historicaltopic (code, name, covers, approvals, officers, audience_rule, lexicon, "
            "history_date, history_type) select code, name, covers, approvals, officers, audience_rule, lexicon, "
            "clock_timestamp(), '~' from compliance_topic where code = 'a'",
            "a",
            "has no ledger entry",
        ),
    ],
)
def test_what_an_owner_does_to_history_is_named(changed, attack, thing, fault):
    with as_owner():
        sql(attack)

    found = history.reconcile(at=NOON)

    assert [(one.about, fault in one.fault) for one in found] == [(f"compliance_topic:{thing}", True)]
    with pytest.raises(history.HistoryDiffers, match=f"1 differences, first compliance_topic:{thing}"):
        history.insist(at=NOON)
