"""Whatever is sent, wherever: an answer that says what is wrong, no fault of ours, and nothing half-written."""

import json
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

import pytest
from rest_framework.serializers import ListSerializer, Serializer

from campaigns.api.blocks import BlockIn, PublishIn
from campaigns.api.campaigns import CampaignIn
from campaigns.api.decisions import DecisionAsk
from compliance.api.consents import ChangeIn
from compliance.api.reviews import Approve, Reject
from personalize.api.facts import MarketIn, OutcomeIn
from tests.walls.crawl import FORM, JSON, MACHINES, rights
from tests.walls.site import HOSTILE, Asked, Site

pytestmark = pytest.mark.django_db
# The names of everything that pages and lists are asked by.
ASKED = (
    "q", "page", "state", "reason", "after", "before", "source", "slot", "topic", "framing", "language", "cursor",
    "campaign", "from", "to", "first", "last", "about", "kind", "version", "against", "client", "throw", "who", "view",
    "show", "at", "table", "key", "actor", "saved", "writeKey", "data", "next", "page_size",
)  # fmt: skip
NUL, WORDS = "%00", ("9" * 400, quote(f"\\'; drop table compliance_client -- %(x)s {HOSTILE}"))
NUL_EVERY = 8  # a null character is refused before any view, so some of the pages say it for all
FORMS = (
    "seen", "reason", "answer", "purpose", "channel", "max_per_week", "pause_until", "hours", "topics_declined",
    "signals_off", "username", "password", "name", "slug", "body", "slot", "why", "words", "quote", "verdict", "days",
    "client", "from", "campaign", "delivered", "scope", "target", "what", "findings", "firm", "evidence", "next",
    "title", "aware_at", "vendor", "places", "touched", "how", "lesson", "performance_kind", "performance_warning",
    "period_net", "until", "basis-UK", "processing-what",
)  # fmt: skip
BAD = (
    '"\\u0000"', '"\\ud800"', "1" + "0" * 400, str(2**63 - 1), str(-(2**31) - 1), "[" * 100 + "]" * 100, "null",
    '{"$ne": null}', json.dumps(HOSTILE * 200),
)  # fmt: skip
SHARES = 3  # so many fields of one kind share the values
BODIES: dict[str, tuple[str, type[Serializer], bool]] = {
    "api/v1/blocks": ("POST", BlockIn, False),
    "api/v1/blocks/<slug:slug>/publish": ("POST", PublishIn, False),
    "api/v1/campaigns": ("POST", CampaignIn, False),
    "api/v1/decisions": ("POST", DecisionAsk, False),
    "api/v1/clients/<str:user_id>/consents": ("PUT", ChangeIn, True),
    "api/v1/reviews/<int:item_id>/approve": ("POST", Approve, False),
    "api/v1/reviews/<int:item_id>/reject": ("POST", Reject, False),
    "api/v1/market": ("POST", MarketIn, False),
    "api/v1/outcomes": ("POST", OutcomeIn, True),
}
SOUND = {
    "slug": "new", "name": "New", "slot": "body", "body": "Words.", "use_case": "onboarding", "success_metric": "x",
    "objective": {"outcome": 1.0}, "blocks": [], "userId": "u1", "campaign": "guide", "purpose": "marketing",
    "channel": "email", "granted": False, "source": "test", "seen": "0" * 64, "kind": "rate", "value": 1,
    "effective_at": "2026-01-01T00:00:00Z", "at": "2026-01-01T00:00:00Z",
}  # fmt: skip


def told(asked: list[Asked]) -> list[tuple[str, str, int]]:
    return [(one.method, one.route, one.status) for one in asked if one.status >= 500]


def spoilt(names: Iterable[str], *, page: int) -> list[str]:
    """Query strings or forms for the page of this number: its names by turns with each of the WORDS. The next page has
    them the other way round, so that every name meets every word.
    """
    mixed = [f"{name}={WORDS[(page + number) % len(WORDS)]}" for number, name in enumerate(names)]
    whole = [] if page % NUL_EVERY else ["&".join(f"{name}={NUL}" for name in names)]
    return ["&".join(mixed), *whole]


def test_no_question_breaks_a_page(site: Site) -> None:
    looks = sorted(route for method, route in rights() if method == "GET" and "admin" not in route)
    asked = [
        site.ask("GET", route, "admin", QUERY_STRING=words)
        for page, route in enumerate(looks)
        if route not in ("api/schema/", "api/docs/", "compliance/ledger/verify/")
        for words in spoilt(ASKED, page=page)
    ]

    assert told(asked) == []


def test_no_form_breaks_a_page(site: Site) -> None:
    changes = sorted(one for one in rights() if one[0] == "POST" and not one[1].startswith((*MACHINES, "admin", "v1/")))
    asked = [
        site.ask(method, route, "officer" if "review" in route else "admin", content_type=FORM, data=words)
        for page, (method, route) in enumerate(changes)
        for words in spoilt(FORMS, page=page)
    ]  # fmt: skip

    assert told(asked) == []


@pytest.mark.parametrize("path", ["%00", "%ed%a0%80", "9" * 30, "../../etc/passwd", "a\\b", quote(HOSTILE)])
def test_no_name_in_an_address_breaks_a_page(site: Site, path: str) -> None:
    browser = site.browsers["admin"]
    places = (
        "console/clients/{}/", "api/v1/clients/{}", "api/v1/clients/{}/consents", "api/v1/clients/{}/messages",
        "o/{}.gif", "c/{}", "u/{}", "w/{}", "portal/{}/", "review/outside/{}/", "console/runs/{}/",
        "v1/projects/{}/settings", "review/{}/", "compliance/packets/{}/", "compliance/ledger/{}/", "api/v1/runs/{}",
    )  # fmt: skip

    assert [one for one in places if browser.get("/" + one.format(path)).status_code >= 500] == []


@pytest.mark.parametrize("route", BODIES)
def test_no_value_of_any_field_breaks_an_endpoint(site: Site, route: str) -> None:
    """Every kind of field of the endpoint meets every value; fields of one kind share them."""
    method, asks, is_list = BODIES[route]
    asked, kinds = [], Counter[type](type(kind) for kind in asks().fields.values())
    turns = Counter[type]()
    for name, kind in asks().fields.items():
        share, turn = min(kinds[type(kind)], SHARES), turns[type(kind)]
        turns[type(kind)] += 1
        inner = kind.child.fields if isinstance(kind, ListSerializer) else {}
        for bad in BAD[turn % share :: share]:
            sound = {one: SOUND[one] for one in asks().fields if one in SOUND and one != name}
            wrong = [f'"{name}": {bad}', *(f'"{name}": [{{"{deep}": {bad}}}]' for deep in inner)]
            for one in wrong:
                body = "{" + ", ".join([json.dumps(sound)[1:-1], one] if sound else [one]) + "}"
                sent = f"[{body}]" if is_list else body
                asked.append(site.ask(method, route, "token:admin", data=sent, content_type=JSON))

    assert told(asked) == []
    assert {one.headers["Content-Type"] for one in asked if one.status >= 400} <= {"application/problem+json"}
    # A conflict is what the database says to an attempt, which is undone.
    assert [one.body for one in asked if one.status >= 400 and one.status != 409 and one.wrote] == []
