"""The client's own page: no password, nothing ticked beforehand, in force before the answer."""

import html
import re
from datetime import UTC, datetime

import pytest

from compliance import consent, tokens
from compliance.models import Client, ConsentEvent, LedgerEntry, Preference, Topic
from personalize import declarations, features
from tests.merged import merge

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MARKETING = {"purpose": "marketing", "channel": "email"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db):
    return Client.objects.create(user_id="u-1", email="ann@example.org", first_name="Ann", first_seen_at=NOON)


@pytest.fixture
def link(ann):
    return f"/portal/{tokens.make('portal', ann.ref)}/"


def may(client, **question):
    return consent.may_send(client.pk, **{**MARKETING, **question}, at=datetime.now(UTC)).reason


def test_it_shows_what_we_know_and_ticks_nothing(client, ann, link):
    declarations.declare(ann.pk, "risk_tolerance", "cautious", source="onboarding questionnaire", at=NOON)
    Topic.objects.get_or_create(code="pension_access", defaults={"name": "Pension access", "covers": "x"})

    answer = client.get(link)
    words = html.unescape(answer.content.decode())

    assert answer.status_code == 200
    assert "ann@example.org" in words
    assert "cautious" in words
    assert "you told us (onboarding questionnaire)" in words
    assert re.search(r"as of <time[^>]*>\d\d:\d\d:\d\d</time>", words)
    assert " checked" not in words
    assert "no-store" in answer.headers["Cache-Control"]


def test_yes_and_no_take_one_press_each_and_hold_at_once(client, ann, link):
    question = {**MARKETING, "answer": "yes"}

    assert client.post(f"{link}consents/", question).status_code == 303
    assert may(ann) == "ok"
    proof = ConsentEvent.objects.get()
    assert (proof.wording.version, proof.surface, proof.actor) == (
        "portal-marketing-email-1",
        "portal",
        f"client:{ann.pk}",
    )
    assert "to these words: “Send me e-mails" in html.unescape(client.get(link).content.decode())

    assert client.post(f"{link}consents/", {**MARKETING, "answer": "no"}).status_code == 303
    assert may(ann) == "withdrawn"
    assert set(LedgerEntry.objects.filter(about__startswith="compliance_consent").values_list("actor", flat=True)) == {
        f"client:{ann.pk}"
    }


def test_one_press_stops_all_marketing(client, ann, link):
    client.post(f"{link}consents/", {**MARKETING, "answer": "yes"})

    client.post(f"{link}consents/", {"answer": "stop_everything"})

    assert may(ann) == may(ann, channel="sms") == may(ann, purpose="profiling", channel="any") == "objected"


@pytest.mark.parametrize(
    "form", [{}, {"purpose": "marketing", "channel": "fax", "answer": "yes"}, {**MARKETING, "answer": "perhaps"}]
)
def test_a_wrong_form_is_refused_and_nothing_is_written(client, ann, link, form):
    assert client.post(f"{link}consents/", form).status_code == 400

    assert ConsentEvent.objects.count() == 0


def test_wishes_hold_at_once(client, ann, link):
    Topic.objects.get_or_create(code="pension_access", defaults={"name": "Pension access", "covers": "x"})
    wishes = {"max_per_week": "1", "pause_until": "2099-01-01", "topics_declined": ["pension_access", "nonsense"]}
    client.post(f"{link}consents/", {**MARKETING, "answer": "yes"})

    assert client.post(f"{link}preferences/", wishes).status_code == 303

    kept = Preference.objects.get()
    assert (kept.max_per_week, str(kept.pause_until), kept.topics_declined) == (1, "2099-01-01", ["pension_access"])
    assert may(ann) == "paused"
    assert ' value="pension_access" checked' in client.get(link).content.decode()
    client.post(f"{link}preferences/", {"max_per_week": "", "pause_until": "not a day"})
    assert may(ann) == "ok"


def test_what_a_client_switches_off_goes_by_their_words_and_covers_every_use_of_it(client, ann, link):
    features.ensure_core(NOON)
    words = client.get(link).content.decode()
    assert "How often you visited lately" in words
    assert "the client" not in words

    client.post(f"{link}preferences/", {"signals_off": ["how often you visited lately", "nonsense"]})

    off = Preference.objects.get().signals_off
    assert off == ["active_days_30d", "events_30d", "events_7d", "events_90d"]
    assert ' value="how often you visited lately" checked' in client.get(link).content.decode()


def test_gpc_is_recorded_once_shown_and_shares_nothing(client, ann, link):
    assert client.get(link, headers={"Sec-GPC": "0"}).status_code == 200
    assert ConsentEvent.objects.count() == 0

    for _ in range(2):
        words = client.get(link, headers={"Sec-GPC": "1"}).content.decode()

    assert ConsentEvent.objects.count() == 1
    assert "not to sell or share your data (Global Privacy Control)" in words
    assert may(ann, purpose="partner") == "gpc"
    support = client.get("/.well-known/gpc.json")
    assert support.json()["gpc"] is True


def test_a_link_of_another_kind_or_hand_opens_nothing(client, ann):
    good = tokens.make("portal", ann.ref)
    for token in (tokens.make("unsubscribe", ann.ref), good[:-1] + ("A" if good[-1] != "A" else "B"), "x", "é"):
        assert client.get(f"/portal/{token}/").status_code == 404
        assert client.post(f"/portal/{token}/consents/", {"answer": "stop_everything"}).status_code == 404
    assert ConsentEvent.objects.count() == 0


def test_a_merged_record_leads_to_the_kept_one(client, ann, link):
    kept = Client.objects.create(user_id="u-2", email="kept@example.org", first_seen_at=NOON)
    merge(kept.pk, ann.pk, at=NOON)

    assert "kept@example.org" in client.get(link).content.decode()
