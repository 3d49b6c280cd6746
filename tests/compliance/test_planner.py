"""What the planner knows of rows that the application, which owns no table, loaded in a transaction."""

import pytest
from django.db import connection
from django.utils.timezone import now

from compliance.bulk import planner
from compliance.models import Client

pytestmark = pytest.mark.django_db

KNOWN = "select reltuples from pg_class where oid = 'compliance_client'::regclass"


def known() -> float:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN)
        return cursor.fetchone()[0]


@pytest.mark.parametrize("named", [(), ("compliance_client",)])
def test_the_application_may_have_what_it_loaded_counted(named: tuple[str, ...]) -> None:
    at = now()
    Client.objects.bulk_create([Client(user_id=f"loaded-{number}", first_seen_at=at) for number in range(7_321)])

    planner.analyse(*named)

    assert known() == Client.objects.count() >= 7_321
