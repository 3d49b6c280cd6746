"""The page of caps and paces: officers set them, everybody at the console sees them, and nonsense is kept out."""

import pytest
from django.test import Client as Browser

from campaigns.models import Cap, Pace
from compliance.models import LedgerEntry, Staff
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db
PAGE = "/compliance/pressure/"
CAP = {"days": "7", "most": "2", "channel": "email", "topic": "", "urgent": "on"}
PACE = {"name": "Big mailbox", "domains": "big.example, other.example", "per_minute": "600", "warm_from": "2026-11-23"}


def test_an_officer_sets_replaces_and_takes_away_a_cap(client: Browser, officer: Staff) -> None:
    client.force_login(officer)

    assert client.post(f"{PAGE}caps/", CAP).status_code == 302
    assert client.post(f"{PAGE}caps/", {**CAP, "most": "1"}).status_code == 302

    cap = Cap.objects.get()
    assert (cap.days, cap.most, cap.channel, cap.is_urgent) == (7, 1, "email", True)
    assert "at most 1 message that presses for time" in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}caps/{cap.pk}/take-away/").status_code == 302
    assert client.post(f"{PAGE}caps/{cap.pk}/take-away/").status_code == 404
    assert not Cap.objects.exists()
    kinds = LedgerEntry.objects.filter(kind__startswith="cap.").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["cap.kept", "cap.kept", "cap.taken_away"]


def test_an_officer_sets_and_takes_away_a_pace(client: Browser, officer: Staff) -> None:
    client.force_login(officer)

    assert client.post(f"{PAGE}paces/", PACE).status_code == 302

    pace = Pace.objects.get()
    assert (pace.per_minute, str(pace.warm_from), pace.warm_first, pace.warm_growth) == (600, "2026-11-23", 200, 1.5)
    assert sorted(pace.domains.values_list("domain", flat=True)) == ["big.example", "other.example"]
    assert "Big mailbox" in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}paces/{pace.pk}/take-away/").status_code == 302
    assert not Pace.objects.exists()


@pytest.mark.parametrize(
    ("form", "wrong", "why"),
    [
        ("caps", {"most": "many"}, "The number of messages is a whole number."),
        ("caps", {"most": "99"}, "allows 0 to 50 messages."),
        ("caps", {"days": "8"}, "is for 1, 7 or 30 days."),
        ("caps", {"channel": "pigeon"}, "names no channel of ours."),
        ("paces", {"per_minute": "0"}, "A pace is 1 to 1,000,000 messages a minute."),
        ("paces", {"domains": "not a domain!"}, "Name domains such as"),
        ("paces", {"warm_from": "soon"}, "The warm-up begins on a date"),
        ("paces", {"name": ""}, "A pace has a name"),
    ],
)
def test_what_makes_no_sense_is_refused_and_kept_in_the_form(
    client: Browser, officer: Staff, form: str, wrong: dict[str, str], why: str
) -> None:
    client.force_login(officer)
    good = CAP if form == "caps" else PACE

    refused = client.post(f"{PAGE}{form}/", {**good, **wrong})

    assert refused.status_code == 422
    assert why in refused.content.decode()
    assert not Cap.objects.exists()
    assert not Pace.objects.exists()
    assert client.post(f"{PAGE}{form}/", good).status_code == 302


def test_others_see_and_may_not_set(client: Browser, world: World, editor: Staff) -> None:
    for staff in (world.marketer, editor):
        client.force_login(staff)
        shown = client.get(PAGE)
        assert shown.status_code == 200
        assert b"Set a cap" not in shown.content
        assert client.post(f"{PAGE}caps/", CAP).status_code == 403
        assert client.post(f"{PAGE}paces/", PACE).status_code == 403
    assert not Cap.objects.exists()
    assert not Pace.objects.exists()


def test_the_builder_asks_what_becomes_of_a_message_over_a_cap(client: Browser, world: World) -> None:
    campaign = world.campaign()
    client.force_login(world.marketer)
    page = f"/console/campaigns/{campaign.slug}/edit/"
    sent = _form(client, page)

    changed = client.post(page, {**sent, "when_capped": "deferred", "latest_hours": "48", "priority": "30"})

    assert changed.status_code == 302, changed.content.decode()[:2000]
    campaign.refresh_from_db()
    assert (campaign.when_capped, campaign.latest_hours, campaign.priority) == ("deferred", 48, 30)
    refused = client.post(page, {**sent, "when_capped": "forgotten", "latest_hours": "0", "priority": "101"})
    assert refused.status_code == 422
    shown = refused.content.decode()
    assert "A priority is between 1 and 100." in shown
    assert "Too late is after 1 to 2160 hours." in shown
    campaign.refresh_from_db()
    assert (campaign.when_capped, campaign.latest_hours, campaign.priority) == ("deferred", 48, 30)


def _form(client: Browser, page: str) -> dict[str, object]:
    """What a browser would send of a campaign's form as it stands."""
    built = client.get(page).context["built"]
    return {**built.values, "use": [str(one) for one in built.chosen]} | {
        f"fallback-{number}": str(one.version) for number, one in enumerate(built.chosen.values()) if one.is_fallback
    }
