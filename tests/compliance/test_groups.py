"""Protected groups can be counted among many and never read: not by the application, and not after erasure."""

from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from compliance import bulk, groups, privileges
from compliance.groups import Membership
from compliance.models import Client
from tests.merged import merge
from tests.owner import as_owner

pytestmark = pytest.mark.django_db
READS = [
    "select * from fairness.membership",
    "select count(*) from fairness.membership",
    "insert into fairness.membership select 1, 'sex', 'f', 1, 'audit', null, 'x', now()",
    "copy fairness.membership to stdout",
    "delete from fairness.membership",
]


def people(n: int, at: datetime) -> np.ndarray:
    made = Client.objects.bulk_create([Client(user_id=f"p{number}", first_seen_at=at) for number in range(n)])
    return np.array([one.pk for one in made])


def known(client: int, group: str, *, attribute: str = "sex") -> Membership:
    return Membership(client, attribute, group, 1.0, "audit", None)


def kept() -> list[tuple]:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("select client_id, attribute, value, probability from fairness.membership order by 1, 2, 3")
        return cursor.fetchall()


@pytest.mark.parametrize("read", READS)
def test_the_application_cannot_read_a_membership(read: str, at: datetime) -> None:
    groups.put([known(int(one), "f") for one in people(3, at)], source="test", at=at)

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(read)

    assert len(kept()) == 3


def test_groups_are_counted_with_their_amounts(at: datetime) -> None:
    ids = people(150, at)
    groups.put([known(int(one), "f" if number < 90 else "m") for number, one in enumerate(ids)], source="test", at=at)

    found = groups.tally(ids, np.where(np.arange(150) < 120, 2.0, 0.0), strata=np.arange(150) % 2)

    assert [(one.group, one.stratum, one.n, one.total, one.squares) for one in found] == [
        ("f", 0, 45, 90.0, 180.0), ("f", 1, 45, 90.0, 180.0), ("m", 0, 30, 30.0, 60.0), ("m", 1, 30, 30.0, 60.0),
    ]  # fmt: skip


def test_nobody_is_singled_out(at: datetime) -> None:
    ids = people(150, at)
    groups.put([known(int(one), "few" if number < 19 else "many") for number, one in enumerate(ids)], source="t", at=at)

    assert {one.group for one in groups.tally(ids, np.ones(150))} == {"many"}
    assert groups.tally(ids[:99], np.ones(99)) == []
    assert groups.tally(np.repeat(ids[:1], 200), np.ones(200)) == []
    with pytest.raises(IntegrityError, match="groups_are_counted_among_many"), transaction.atomic():
        bulk.tally_groups(ids[:99], np.zeros(99, int), np.ones(99))


def test_a_certain_group_takes_the_place_of_the_former_one_and_probable_ones_stay(at: datetime) -> None:
    one = int(people(1, at)[0])
    probable = [Membership(one, "origin", name, p, "proxy", None) for name, p in (("a", 0.7), ("b", 0.25))]

    assert groups.put([known(one, "f"), *probable], source="test", at=at) == 3
    assert groups.put([known(one, "f"), *probable], source="test", at=at) == 0
    assert groups.put([known(one, "m")], source="test", at=at) == 1

    assert [row[1:] for row in kept()] == [("origin", "a", 0.7), ("origin", "b", 0.25), ("sex", "m", 1.0)]


def test_erasing_a_client_takes_their_groups_and_those_of_whom_they_absorbed(at: datetime) -> None:
    first, second, third = map(int, people(3, at))
    groups.put([known(one, "f") for one in (first, second, third)], source="test", at=at)
    merge(first, second, at=at)

    Client.objects.filter(pk=first).update(erased_at=at)

    assert [row[0] for row in kept()] == [third]
    assert groups.put([known(first, "f")], source="test", at=at) == 0


def test_only_the_tester_reads_and_reporting_may_call_nothing() -> None:
    asked = "select has_schema_privilege(%s, 'fairness', 'usage'), has_function_privilege(%s, %s, 'execute')"
    with connection.cursor() as cursor:
        for role in (privileges.FAIRNESS, privileges.REPORT, privileges.AUDIT):
            for door in bulk.DOORS:
                cursor.execute(asked, [role, role, door])
                assert cursor.fetchone() == (role == privileges.FAIRNESS, False)


def test_a_file_is_taken_in_and_bad_rows_are_named(tmp_path: Path, at: datetime) -> None:
    people(3, at)
    path = tmp_path / "groups.csv"
    path.write_text(
        "user_id,attribute,group,basis,probability,consented_at\n"
        "p0,sex,f,volunteered,,2026-01-01\n"
        "p1,sex,m,volunteered,,\n"
        "p1,sex,m,audit,0.5,\n"
        "p2,origin,a,proxy,1.5,\n"
        "p2,origin,a,guess,0.5,\n"
        "p9,sex,m,audit,,\n"
        "p2,origin,a,proxy,0.4,\n"
    )
    out = StringIO()

    with pytest.raises(CommandError) as refused:
        call_command("import_groups", str(path), stdout=out, stderr=StringIO())

    assert refused.value.returncode == 1
    assert out.getvalue().startswith("7 rows: 2 are new or changed, 0 known already, 5 rejected.")
    faults = path.with_name("groups.csv.rejected.csv").read_text()
    assert [one in faults for one in ("is needed", "is 1 when", "between 0 and 1", "must be one of", "no client")] == [
        True
    ] * 5
    assert [row[1:3] for row in kept()] == [("sex", "f"), ("origin", "a")]
    with pytest.raises(CommandError):
        call_command("import_groups", str(path), stdout=StringIO(), stderr=StringIO())
    assert len(kept()) == 2
