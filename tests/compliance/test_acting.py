"""Who acts is what the ledger says, through rollbacks, nesting, COPY and connections that live on."""

from contextlib import ExitStack, suppress

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from compliance.acting import acting, become
from compliance.models import LedgerEntry, Topic


def write(code):
    Topic.objects.create(code=f"t-{code}", name=code, covers="x")


def lose(*blocks):
    """Write a row inside the blocks and roll it back."""
    with suppress(ZeroDivisionError), transaction.atomic(), ExitStack() as stack:
        for block in blocks:
            stack.enter_context(block)
        write("lost")
        raise ZeroDivisionError


def actors():
    rows = LedgerEntry.objects.filter(about__startswith="compliance_topic:t-").order_by("id")
    return [(one.about.partition(":t-")[2], one.actor, one.request) for one in rows]


def copied(code):
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy compliance_topic (code, name, covers, approvals, officers, audience_rule, lexicon) from stdin"
        ) as copy,
    ):
        copy.write_row((f"t-{code}", code, "x", 1, 0, "", "[]"))


@pytest.mark.django_db
def test_inside_a_transaction_the_innermost_counts_and_the_outer_one_comes_back():
    with acting("staff:1", request_id="r1"):
        write("a")
        with acting("staff:2"):
            copied("b")
        copied("c")
        become("staff:3")
        write("d")
    write("e")

    assert actors() == [
        ("a", "staff:1", "r1"),
        ("b", "staff:2", ""),
        ("c", "staff:1", "r1"),
        ("d", "staff:3", "r1"),
        ("e", f"system:{settings.PROCESS}", ""),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_forgets_nobody_and_a_connection_that_lives_on_keeps_nobody():
    with acting("staff:1"):
        lose()
        write("a")
        with transaction.atomic(), acting("staff:2"):
            lose(acting("staff:3"))
            copied("b")
        with transaction.atomic():
            copied("c")
    copied("d")

    assert actors() == [
        ("a", "staff:1", ""),
        ("b", "staff:2", ""),
        ("c", "staff:1", ""),
        ("d", f"system:{settings.PROCESS}", ""),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_fresh_connection_says_it_before_its_first_transaction():
    connection.close()
    with acting("staff:1"):
        lose()
        with transaction.atomic():
            copied("a")

    assert actors() == [("a", "staff:1", "")]


@pytest.mark.django_db
def test_one_round_trip_at_either_end(django_assert_num_queries):
    with acting("staff:1"):
        raw = connection.connection
        said = []
        raw_execute = raw.execute
        raw.execute = lambda *args: said.append(args) or raw_execute(*args)
        try:
            for code in "abc":
                write(code)
        finally:
            del raw.execute

    assert said == []


@pytest.mark.django_db
def test_nobody_may_not_write():
    with connection.cursor() as cursor:
        cursor.execute("set local app.actor = ''")
        with pytest.raises(DatabaseError, match="nobody_writes_without_saying_who"), transaction.atomic():
            cursor.execute(
                "insert into compliance_topic (code, name, covers, approvals, officers, audience_rule, lexicon) "
                "values ('x', 'x', 'x', 1, 0, '', '[]')"
            )
        cursor.execute("set local app.actor = 'staff:9'")
        write("a")

    assert actors() == [("a", "staff:9", "")]
