"""What the client told us beats what we saw."""

from datetime import UTC, datetime, timedelta

import pytest

from compliance.models import Client
from personalize import declarations
from personalize.models import Attribute, Declaration

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def client_row(db):
    return Client.objects.create(user_id="u1", first_seen_at=NOON)


def test_the_newest_declaration_is_the_value_and_all_are_kept(client_row):
    later, earlier = NOON, NOON - timedelta(days=30)

    assert declarations.declare(client_row.pk, "risk_tolerance", "cautious", source="portal", at=later)
    assert declarations.declare(client_row.pk, "risk_tolerance", "bold", source="onboarding", at=earlier)
    assert not declarations.declare(client_row.pk, "risk_tolerance", "cautious", source="portal", at=later)

    [kept] = Attribute.objects.all()
    assert (kept.origin, kept.value, kept.source, kept.at) == ("declared", "cautious", "portal", later)
    assert Declaration.objects.count() == 2


def test_a_declared_name_fills_the_client(client_row):
    declarations.declare(client_row.pk, "first_name", "Ada", source="portal", at=NOON)

    client_row.refresh_from_db()
    assert client_row.first_name == "Ada"


@pytest.mark.parametrize(("key", "source"), [("", "portal"), ("k" * 65, "portal"), ("k", ""), ("k", "s" * 81)])
def test_what_cannot_be_kept_is_refused(client_row, key, source):
    with pytest.raises(declarations.BadDeclaration):
        declarations.declare(client_row.pk, key, 1, source=source, at=NOON)
    assert not Declaration.objects.exists()


@pytest.mark.parametrize(("key", "days", "stale"), [("risk_tolerance", 365, False), ("risk_tolerance", 366, True),
                                                     ("goal", 4000, False)])  # fmt: skip
def test_a_risk_profile_is_stale_after_a_year(key, days, stale):
    assert declarations.is_stale(key, NOON - timedelta(days=days), at=NOON) is stale
