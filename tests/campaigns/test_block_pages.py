"""The library's pages and API: found, written, checked, published, and refused with the field that is wrong."""

import json
from typing import Any

import pytest
from django.test import Client as Browser

from campaigns import blocks, catalogue
from campaigns.models import Block, BlockVersion
from compliance.models import ReviewItem
from tests.campaigns.world import World

BACKEND = "django.contrib.auth.backends.ModelBackend"
FORM = {
    "slug": "new-words", "name": "New words", "slot": "body", "body": "Hello {{ first_name|fallback:\"there\" }}.",
    "language": "en", "framing": "neutral", "topics": "isa, Learning", "url": "", "image": "",
    "claim_text": ["No exit fee", ""], "claim_evidence": ["Price list 12", ""], "claim_as_of": ["2026-09-01", ""],
}  # fmt: skip


@pytest.fixture
def browser(world: World, client: Browser) -> Browser:
    client.force_login(world.marketer, BACKEND)
    return client


def test_the_library_is_searched_by_everything(browser: Browser, world: World) -> None:
    world.block("plain")
    world.block("fresh", slot="subject", body="A fresh subject", topics=["isa"], framing="growth", approved=False)

    def found(**asked: str) -> list[str]:
        page = browser.get("/console/blocks/", asked)
        assert page.status_code == 200
        return [one.block.slug for one in page.context["page"].object_list]

    assert found() == ["plain", "fresh"]
    assert found(slot="subject") == found(topic="isa") == found(framing="growth") == found(q="FRESH") == ["fresh"]
    assert found(state="approved") == found(q="does for you") == ["plain"]
    assert found(state="waiting") == ["fresh"]
    assert found(language="de") == []
    blocks.archive("plain", by=world.marketer, at=world.at)
    assert found() == ["fresh"]
    assert found(state="archived") == ["plain"]


def test_htmx_gets_only_the_part(browser: Browser, world: World) -> None:
    world.block("plain")

    page = browser.get("/console/blocks/", {"slot": "body"}, headers={"HX-Request": "true"})

    assert page.content.decode().strip().startswith('<section id="found"')


@pytest.mark.parametrize("rows", [1, 3])
def test_the_library_asks_the_same_number_of_questions(rows: int, world: World, django_assert_num_queries) -> None:
    for name in ("plain", "calm", "bold")[:rows]:
        world.block(name)

    with django_assert_num_queries(2):
        assert len(catalogue.entries(catalogue.Wanted(), at=world.at)) == rows


def test_a_block_is_written_published_and_seen(browser: Browser) -> None:
    assert browser.get("/console/blocks/new/").status_code == 200

    saved = browser.post("/console/blocks/new/", FORM)
    version = BlockVersion.objects.get()

    assert (saved.status_code, saved["Location"]) == (302, "/console/blocks/new-words/")
    assert (version.topics, version.claims) == (
        ["isa", "learning"],
        [{"text": "No exit fee", "evidence": "Price list 12", "as_of": "2026-09-01"}],
    )
    assert browser.post("/console/blocks/new-words/1/publish/").status_code == 302
    assert browser.post("/console/blocks/new-words/1/publish/").status_code == 409
    assert ReviewItem.objects.get().digest == version.digest
    page = browser.get("/console/blocks/new-words/").content.decode()
    assert "Waiting for an editor" in page
    assert "Price list 12" in page


def test_a_wrong_field_is_named_with_its_place_and_nothing_is_kept(browser: Browser) -> None:
    page = browser.post("/console/blocks/new/", {**FORM, "body": "One\ntwo {{ balance }}"})

    assert page.status_code == 422
    assert "Line 2, column 8: There is no field called “balance”." in page.content.decode()
    assert 'aria-describedby="body-error' in page.content.decode()
    assert not Block.objects.exists()


def test_findings_appear_while_one_writes_and_nothing_is_kept(browser: Browser) -> None:
    words = {**FORM, "body": "Guaranteed returns, act now."}

    part = browser.post("/console/builder/words/", words, headers={"HX-Request": "true"}).content.decode()
    whole = browser.post("/console/blocks/new/", {**words, "check": "1"})

    assert part.strip().startswith('<section class="card" id="check"')
    assert "A rule blocks these words." in part
    assert '<mark class="flag"' in part
    assert (whole.status_code, "A rule blocks these words." in whole.content.decode()) == (200, True)
    assert not Block.objects.exists()


def test_a_new_version_shows_what_changed_and_what_it_touches(browser: Browser, world: World) -> None:
    campaign = world.campaign()

    edit = browser.get("/console/blocks/plain/edit/").content.decode()
    browser.post(
        "/console/blocks/plain/edit/", {**FORM, "name": "Plain", "body": "Here is what your plan does for us."}
    )
    page = browser.get("/console/blocks/plain/").content.decode()

    assert campaign.name in edit
    assert "<del>you.</del><ins>us.</ins>" in page
    assert campaign.name in page
    assert Block.objects.get(slug="plain").slot == "body"


def test_a_block_in_use_is_not_archived_and_the_page_says_by_whom(browser: Browser, world: World) -> None:
    campaign = world.campaign()

    page = browser.post("/console/blocks/plain/archive/")

    assert page.status_code == 409
    assert f"Take it out of these campaigns first: {campaign.name}." in page.content.decode()


def test_ending_a_version_needs_a_reason(browser: Browser, world: World) -> None:
    version = world.block("plain")

    assert browser.post("/console/blocks/plain/1/end/", {"reason": " "}).status_code == 422
    version.refresh_from_db()
    assert version.valid_until is None
    assert browser.post("/console/blocks/plain/1/end/", {"reason": "Wrong figure"}).status_code == 302
    version.refresh_from_db()
    assert version.valid_until is not None


def test_the_preview_runs_nothing(browser: Browser, world: World) -> None:
    world.block("odd", slot="body", body="<script>alert(1)</script> & more")

    page = browser.get("/console/blocks/odd/1/preview/")

    assert page.status_code == 200
    assert page["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "<script" not in page.content.decode()
    assert "&lt;script&gt;" in page.content.decode()


def test_an_editor_reads_and_does_not_write(world: World, client: Browser) -> None:
    world.block("plain")
    client.force_login(world.editor, BACKEND)

    assert client.get("/console/blocks/plain/").status_code == 200
    assert client.get("/console/blocks/new/").status_code == 403
    assert client.post("/console/blocks/plain/archive/").status_code == 403
    assert client.get("/console/blocks/nothing/").status_code == 404


def call(browser: Browser, path: str, body: Any) -> Any:
    return browser.post(path, json.dumps(body), content_type="application/json")


def test_the_api_drafts_lists_and_publishes(browser: Browser) -> None:
    words = {"slug": "api-words", "slot": "call_to_action", "body": "Read on", "url": "https://a.example/x"}

    made = call(browser, "/api/v1/blocks", words)
    published = call(browser, "/api/v1/blocks/api-words/publish", {})
    again = call(browser, "/api/v1/blocks/api-words/publish", {})
    listed = browser.get("/api/v1/blocks", {"slot": "call_to_action"}).json()

    assert made.status_code == 201
    assert made.json() | {"made_at": None} == {
        "slug": "api-words", "name": "Api words", "slot": "call_to_action", "version": 1, "state": "draft",
        "body": "Read on", "language": "en", "framing": "neutral", "topics": [], "claims": [],
        "url": "https://a.example/x", "image": "", "audience": "retail", "markets": [],
        "knowledge": "", "figures": [], "performance": {}, "provenance": "person", "made_at": None,
        "digest": BlockVersion.objects.get().digest, "published_at": None, "valid_until": None,
    }  # fmt: skip
    assert (published.status_code, published.json()["state"]) == (200, "waiting")
    assert (again.status_code, again["Content-Type"]) == (409, "application/problem+json")
    assert [one["slug"] for one in listed["results"]] == ["api-words"]
    assert browser.get("/api/v1/blocks", {"topic": "isa"}).json()["results"] == []
    assert call(browser, "/api/v1/blocks/nothing/publish", {}).status_code == 404


def test_the_api_names_the_field_that_is_wrong(browser: Browser) -> None:
    refused = call(browser, "/api/v1/blocks", {"slug": "x", "slot": "body", "body": "{% now %}"})
    unsound = call(browser, "/api/v1/blocks", {"slug": "x", "slot": "nowhere"})

    assert refused.status_code == 400
    assert [one["field"] for one in refused.json()["errors"]] == ["body"]
    assert sorted(one["field"] for one in unsound.json()["errors"]) == ["body", "slot"]
    assert not Block.objects.exists()
