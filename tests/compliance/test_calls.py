"""Calls ask the register of people who want none; products of the group's other firms are a choice of their own."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from compliance import calls, consent, wordings
from compliance.calls import Screened
from compliance.models import CallScreening, Client, ConsentEvent, LedgerEntry

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CALLS = {"purpose": "marketing", "channel": "phone"}
PORTAL = {"surface": "portal", "mechanism": "button", "by": "client"}


@pytest.fixture
def ann(db: None) -> Client:
    return Client.objects.create(user_id="u-1", first_seen_at=NOON, jurisdiction="UK")


def grounds(person: Client, basis: str = "legitimate_interest", *, at: datetime = NOON) -> None:
    """A ground to call that is not the person's own yes to calls."""
    consent.grant(person.pk, **CALLS, wording="portal-marketing-phone-1", basis=basis, at=at, **PORTAL)


def answer(person: Client, at: datetime = NOON + DAY, **question: str) -> str:
    return consent.may_send(person.pk, **{**CALLS, **question}, at=at).reason


def screened(person: Client, on: date, *, listed: bool = False, register: str = "tps") -> int:
    at = datetime.combine(on, NOON.timetz())
    return calls.keep([Screened(person.pk, register, listed, on)], source="bureau", by="system:import", at=at)


@pytest.mark.parametrize(
    ("place", "register", "lasts"), [("UK", "tps", 28), ("US", "dnc", 31)]
)  # fmt: skip
def test_t03_no_call_without_a_list_in_date(ann: Client, place: str, register: str, lasts: int) -> None:
    Client.objects.filter(pk=ann.pk).update(jurisdiction=place)
    assert answer(ann) == "unknown"
    grounds(ann)
    assert answer(ann) == "not_screened"
    other = {"tps": "dnc", "dnc": "tps"}[register]
    assert screened(ann, NOON.date(), register=other) == 1
    assert answer(ann) == "not_screened"

    assert screened(ann, NOON.date(), register=register) == 1

    assert answer(ann) == "ok"
    assert answer(ann, NOON + lasts * DAY) == "ok"
    assert answer(ann, NOON + (lasts + 1) * DAY) == "not_screened"
    assert answer(ann, NOON - DAY, channel="email") == "unknown"


def test_t03_a_listed_number_is_called_on_its_owners_own_yes_alone(ann: Client) -> None:
    grounds(ann)
    screened(ann, NOON.date())
    assert answer(ann) == "ok"

    screened(ann, NOON.date(), listed=True)  # two answers of one day: the no wins

    assert answer(ann) == "listed"
    assert answer(ann, NOON + 400 * DAY) == "listed"  # it bars until a later list is without it
    later = NOON + 2 * DAY
    consent.grant(ann.pk, **CALLS, wording="portal-marketing-phone-1", at=later, **PORTAL)
    assert answer(ann, later + DAY) == "ok"
    consent.withdraw(ann.pk, **CALLS, at=later + DAY, **PORTAL)
    assert answer(ann, later + 2 * DAY) == "withdrawn"


def test_t03_in_the_eu_only_a_yes_lets_us_call(ann: Client) -> None:
    Client.objects.filter(pk=ann.pk).update(jurisdiction="EU")
    grounds(ann)
    for register in ("tps", "dnc"):
        screened(ann, NOON.date(), register=register)

    assert answer(ann) == "not_screened"
    grounds(ann, basis="consent", at=NOON + DAY / 2)
    assert answer(ann) == "ok"


def test_t03_what_a_register_said_never_changes(ann: Client) -> None:
    screened(ann, NOON.date(), listed=True)
    [kept] = CallScreening.objects.all()

    for change in ({"is_listed": False}, {"screened_on": NOON.date() - DAY}, {"register": "dnc"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            CallScreening.objects.filter(pk=kept.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        CallScreening.objects.create(
            client=ann, register="tps", is_listed=False, screened_on=NOON.date() + DAY, source="x", recorded_at=NOON
        )

    assert list(CallScreening.objects.values_list("is_listed", "screened_on", "register")) == [
        (True, NOON.date(), "tps")
    ]
    image = LedgerEntry.objects.get(about=f"compliance_callscreening:{kept.pk}")
    assert "is_listed" not in image.facts


def test_t03_a_bureaus_file_is_taken_in_and_bad_rows_are_named(ann: Client, tmp_path: Path) -> None:
    path = tmp_path / "tps.csv"
    path.write_text(
        "user_id,register,listed,screened_on\n"
        "u-1,tps,yes,2026-05-30\n"
        "u-1,tps,perhaps,2026-05-31\n"
        "u-1,robinson,no,2026-05-31\n"
        "u-1,tps,no,2199-01-01\n"
        "u-9,tps,no,2026-05-31\n"
        "u-1,tps,no,2026-05-29\n"
    )
    out = StringIO()

    with pytest.raises(CommandError) as refused:
        call_command("import_screenings", str(path), stdout=out, stderr=StringIO())

    assert refused.value.returncode == 1
    assert out.getvalue().startswith("6 rows: 2 are new or changed, 0 known already, 4 rejected.")
    grounds(ann)
    assert answer(ann) == "listed"
    with pytest.raises(CommandError):
        call_command("import_screenings", str(path), stdout=StringIO(), stderr=StringIO())
    assert CallScreening.objects.count() == 2


def test_t03_the_groups_other_firms_are_a_choice_of_their_own(ann: Client) -> None:
    Client.objects.filter(pk=ann.pk).update(email="ann@example.org")
    for purpose in ("marketing", "partner"):
        consent.grant(
            ann.pk, purpose=purpose, channel="email", wording=wordings.version(purpose, "email"), at=NOON, **PORTAL
        )
    mail = {"purpose": "affiliate", "channel": "email"}
    assert answer(ann, **mail) == "unknown"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into compliance_consentevent (id, client_id, purpose, channel, jurisdiction, action, basis, "
            "wording_id, surface, mechanism, occurred_at, recorded_at, actor, evidence) select gen_random_uuid(), "
            "client_id, 'affiliate', 'any', jurisdiction, action, basis, wording_id, surface, mechanism, occurred_at, "
            "recorded_at, actor, evidence from compliance_consentevent limit 1"
        )
    assert ConsentEvent.objects.count() == 2

    consent.grant(ann.pk, **mail, wording="portal-affiliate-email-1", at=NOON, **PORTAL)
    assert answer(ann, **mail) == "ok"
    consent.withdraw(ann.pk, **mail, at=NOON + DAY, **PORTAL)

    assert answer(ann, NOON + 2 * DAY, **mail) == "withdrawn"
    assert [answer(ann, NOON + 2 * DAY, purpose=one, channel="email") for one in ("marketing", "partner")] == ["ok"] * 2
    consent.grant(ann.pk, **mail, wording="portal-affiliate-email-1", at=NOON + 2 * DAY, **PORTAL)
    consent.object_to_marketing(ann.pk, at=NOON + 3 * DAY, **PORTAL)
    assert answer(ann, NOON + 4 * DAY, **mail) == "objected"
