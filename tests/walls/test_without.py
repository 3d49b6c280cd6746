"""Without the database every page and endpoint says so shortly and lets nobody in; ingest asks to be sent again."""

import json

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser

from compliance.models import Client
from personalize import sources
from personalize.models import Event

pytestmark = pytest.mark.django_db
PAGES = ("/", "/sign-in/", "/console/", "/console/clients/", "/console/campaigns/", "/review/", "/compliance/",
         "/admin/", "/api/v1/clients/ada", "/api/v1/campaigns", "/u/x", "/portal/x/", "/readyz")  # fmt: skip
TRACK = {"type": "track", "userId": "ada", "event": "Viewed", "messageId": "m1", "writeKey": "a-write-key-for-tests"}


def away(*asked):
    raise OperationalError("connection to server at db.internal failed: password=hunter2")


def test_no_page_opens_or_tells_why(marketer, officer, at):
    Client.objects.create(user_id="ada", email="ada@example.com", first_seen_at=at)
    browsers = [Browser(raise_request_exception=False) for _ in range(3)]
    browsers[1].force_login(marketer)
    browsers[2].force_login(officer)

    with connection.execute_wrapper(away):
        answers = [(page, browser.get(page)) for page in PAGES for browser in browsers]

    opened = [(page, one.status_code) for page, one in answers if one.status_code == 200 and page != "/sign-in/"]
    assert opened == []
    text = "".join(one.content.decode() for _, one in answers)
    assert [word for word in ("hunter2", "db.internal", "Traceback", "ada@example.com") if word in text] == []
    assert max(len(one.content) for _, one in answers) < 20_000
    assert browsers[1].get("/console/clients/").status_code == 200


def test_ingest_asks_to_be_sent_again_and_keeps_nothing(at):
    sources.add("site", "The site", write_key="a-write-key-for-tests", at=at)
    browser = Browser(raise_request_exception=False)

    with connection.execute_wrapper(away):
        busy = browser.post("/v1/track", json.dumps(TRACK), content_type="application/json")
    assert (busy.status_code, Event.objects.count()) == (429, 0)
    assert int(busy.headers["Retry-After"]) > 0

    again = browser.post("/v1/track", json.dumps(TRACK), content_type="application/json")
    assert (again.status_code, Event.objects.count()) == (200, 1)
