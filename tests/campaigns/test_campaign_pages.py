"""The marketer's pages: who may see them, what they refuse and why; a list costs the same for one row and three."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from campaigns import runs
from campaigns.models import Campaign, CampaignBlock, Run
from compliance.models import Staff
from personalize import features
from tests.campaigns.world import World

PAGES = ("campaign", "campaign_edit", "campaign_launch", "campaign_preview", "results")
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)


@pytest.fixture
def world(marketer: Staff, editor: Staff) -> World:
    """The world an hour ago: pages ask the real clock."""
    at = now() - timedelta(hours=1)
    features.ensure_core(at)
    return World(at, marketer, editor)


@pytest.fixture
def browser(marketer: Staff) -> Browser:
    """The marketer's browser."""
    return signed_in(marketer)


def signed_in(person: Staff) -> Browser:
    browser = Browser()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


class Form(HTMLParser):
    """What a browser would send for the form of a page that has a `name` field."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.select, self.textarea, self.inside = "", "", False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("method") == "post" and "novalidate" in given
        if not self.inside:
            return
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.sent.setdefault(name, []).append(value)
        if tag == "select":
            self.select = name
        if tag == "option" and "selected" in given and self.select:
            self.sent.setdefault(self.select, []).append(value)
        if tag == "textarea":
            self.textarea = name
            self.sent[name] = [""]

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.sent[self.textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        if tag == "textarea":
            self.textarea = ""


def asked(world: World, **changed: Any) -> dict[str, Any]:
    """A whole campaign as the builder sends it."""
    used = [world.block(name) for name in ("hello", "calm", "bold", "plain", "read")]
    by_slug = {one.block.slug: one.pk for one in used}
    sent = {
        "name": "Plans made clear",
        "use_case": "onboarding",
        "success_metric": "Module Completed",
        "metric_days": "30",
        "hypothesis": "It helps.",
        "w_open": "0.05",
        "w_click": "0.1",
        "w_outcome": "1",
        "w_satisfaction": "0.5",
        "w_unsubscribe": "-4",
        "w_complaint": "-8",
        "match": "all",
        "rule-0-field": "risk_tolerance",
        "rule-0-operator": "in",
        "rule-0-value": "cautious, balanced",
        "rule-1-field": "events:Dashboard Viewed",
        "rule-1-operator": "gte",
        "rule-1-value": "2",
        "rule-1-days": "7",
        "purpose": "marketing",
        "channel": "email",
        "share_control": "20",
        "share_holdout": "5",
        "max_per_week": "3",
        "use": [str(pk) for pk in by_slug.values()],
        "fallback-subject": str(by_slug["hello"]),
        "fallback-body": str(by_slug["plain"]),
        "fallback-call_to_action": str(by_slug["read"]),
        f"for-{by_slug['bold']}-field": "experience",
        f"for-{by_slug['bold']}-operator": "eq",
        f"for-{by_slug['bold']}-value": "experienced",
    }
    return sent | changed


@pytest.mark.parametrize("page", PAGES)
def test_marketers_build_officers_look_and_editors_stay_out(world, marketer, editor, officer, page):
    world.campaign()
    seen = {one: signed_in(one).get(reverse(page, args=["guide"])).status_code for one in (marketer, editor, officer)}

    looks = 403 if page in ("campaign_edit", "campaign_launch") else 200
    assert seen == {marketer: 200, editor: 403, officer: looks}


def test_lists_are_for_marketers_and_officers_and_the_home_for_marketers(world, marketer, editor, officer):
    people = (marketer, editor, officer)

    assert [signed_in(one).get(reverse("campaigns")).status_code for one in people] == [200, 403, 200]
    assert [signed_in(one).get(reverse("console")).status_code for one in people] == [200, 403, 403]
    assert [signed_in(one).get(reverse("campaign_new")).status_code for one in people] == [200, 403, 403]


def test_nobody_but_a_marketer_can_post(world, editor, officer):
    world.campaign()

    for person in (editor, officer):
        for page, args in (("campaign_new", []), ("campaign_edit", ["guide"]), ("campaign_launch", ["guide"]),
                           ("campaign_copy", ["guide"]), ("campaign_audience", [])):  # fmt: skip
            assert signed_in(person).post(reverse(page, args=args)).status_code == 403

    assert list(Campaign.objects.values_list("slug", flat=True)) == ["guide"]
    assert not Run.objects.exists()


def test_a_campaign_that_does_not_exist_is_not_found(browser, world):
    found = [browser.get(reverse(page, args=["nothing"])).status_code for page in PAGES]

    assert found == [404] * len(PAGES)


def test_no_page_has_inline_script_or_style(browser, world):
    world.client(1, risk_tolerance="cautious")
    world.campaign()
    addresses = [reverse(page, args=["guide"]) for page in PAGES]
    addresses += [reverse("console"), reverse("campaigns"), reverse("campaign_new")]

    for address in addresses:
        answer = browser.get(address)
        assert INLINE.findall(answer.content.decode()) == [], address
        assert "unsafe" not in answer["Content-Security-Policy"]


def test_no_comment_of_a_template_is_shown(browser, world):
    world.campaign()

    for address in [reverse(page, args=["guide"]) for page in PAGES] + [reverse("console"), reverse("campaigns")]:
        assert "{#" not in browser.get(address).content.decode()


def test_an_empty_console_says_what_to_do(browser, world):
    shown = browser.get(reverse("console")).content.decode()

    assert "No campaigns yet" in shown
    assert "Nothing waits for a person right now." in shown


@pytest.mark.parametrize("page", ["console", "campaigns"])
def test_three_campaigns_cost_as_many_queries_as_one(browser, world, page, django_assert_num_queries):
    world.client(1)
    runs.launch(world.campaign("one"), by=world.marketer, at=world.at)
    browser.get(reverse(page))
    one = queries(browser, reverse(page))
    for slug in ("two", "three"):
        runs.launch(world.campaign(slug), by=world.marketer, at=world.at)

    with django_assert_num_queries(one):
        browser.get(reverse(page))


def test_three_runs_cost_as_many_queries_as_one(browser, world, django_assert_num_queries):
    world.client(1)
    campaign = world.campaign()
    relaunch(world, campaign)
    costs = {page: queries(browser, reverse(page, args=["guide"])) for page in ("campaign", "results")}
    relaunch(world, campaign)
    relaunch(world, campaign)

    for page, one in costs.items():
        with django_assert_num_queries(one):
            browser.get(reverse(page, args=["guide"]))


def relaunch(world: World, campaign: Campaign) -> None:
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    runs.stop(run.pk, by=world.marketer, at=world.at)


def queries(browser: Browser, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        browser.get(address)
    return len(seen)


def test_a_campaign_is_drafted_as_it_was_written(browser, world):
    sent = asked(world)

    answer = browser.post(reverse("campaign_new"), sent)

    made = Campaign.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("campaign", args=["plans-made-clear"]))
    assert made.audience == {
        "all": [
            {"field": "risk_tolerance", "op": "in", "value": ["cautious", "balanced"]},
            {"field": "events:Dashboard Viewed", "op": "gte", "value": 2, "days": 7},
        ]
    }
    assert (made.share_control, made.share_holdout, made.owner) == (0.2, 0.05, world.marketer)
    candidates = CampaignBlock.objects.values_list("version__block__slug", "is_fallback", "rule").order_by("pk")
    assert {slug: (is_fallback, rule) for slug, is_fallback, rule in candidates} == {
        "hello": (True, {}),
        "calm": (False, {}),
        "bold": (False, {"field": "experience", "op": "eq", "value": "experienced"}),
        "plain": (True, {}),
        "read": (True, {}),
    }


@pytest.mark.parametrize(
    ("field", "changed", "words"),
    [
        ("name", {"name": ""}, "Give the campaign a name."),
        ("use_case", {"use_case": ""}, "Choose what this campaign is for, first."),
        ("success_metric", {"success_metric": "opens"}, "Opens and clicks are not success."),
        ("objective", {"w_outcome": "0"}, "This objective rewards attention only."),
        ("objective", {"w_open": "much"}, "is not a number"),
        ("audience", {"rule-0-value": ""}, "Say which value."),
        ("audience", {"rule-0-field": "shoe_size"}, "There is no field"),
        ("share_control", {"share_control": "90", "share_holdout": "20"}, "cannot be more than everybody"),
        ("metric_days", {"metric_days": "soon"}, "Write a whole number."),
    ],
)
def test_a_refused_campaign_names_the_field_and_writes_nothing(browser, world, field, changed, words):
    answer = browser.post(reverse("campaign_new"), asked(world, **changed))

    shown = answer.content.decode()
    assert answer.status_code == 422
    assert f'href="#field-{field}"' in shown
    assert f'id="field-{field}"' in shown
    assert words in shown
    assert not Campaign.objects.exists()


def test_what_was_written_is_still_there_after_a_refusal(browser, world):
    shown = browser.post(reverse("campaign_new"), asked(world, success_metric="")).content.decode()

    sent = Form(shown).sent
    assert sent["name"] == ["Plans made clear"]
    assert sent["rule-1-field"] == ["events:Dashboard Viewed"]
    assert len(sent["use"]) == 5


def test_saving_the_form_unchanged_changes_nothing(browser, world):
    browser.post(reverse("campaign_new"), asked(world))
    before = Campaign.objects.values().get(), list(CampaignBlock.objects.order_by("pk").values())

    shown = browser.get(reverse("campaign_edit", args=["plans-made-clear"])).content.decode()
    answer = browser.post(reverse("campaign_edit", args=["plans-made-clear"]), Form(shown).sent)

    assert answer.status_code == 302
    assert (Campaign.objects.values().get(), list(CampaignBlock.objects.order_by("pk").values())) == before


def test_an_edit_changes_the_campaign_and_its_words_together(browser, world):
    browser.post(reverse("campaign_new"), asked(world))
    sent = asked(world, name="Plans, clearer", **{"rule-1-field": ""})
    sent["use"] = sent["use"][:1] + sent["use"][3:]

    browser.post(reverse("campaign_edit", args=["plans-made-clear"]), sent)

    made = Campaign.objects.get()
    assert made.name == "Plans, clearer"
    assert made.audience == {"all": [{"field": "risk_tolerance", "op": "in", "value": ["cautious", "balanced"]}]}
    slugs = made.candidates.order_by("version__block__slug").values_list("version__block__slug", flat=True)
    assert list(slugs) == ["hello", "plain", "read"]
    assert "Changed name, audience" in browser.get(reverse("campaign", args=["plans-made-clear"])).content.decode()


def test_a_rule_too_rich_for_lines_survives_an_edit(browser, world):
    rule = {"not": {"any": [{"field": "goal", "op": "eq", "value": "house"}]}}
    campaign = world.campaign(audience=rule)

    shown = browser.get(reverse("campaign_edit", args=["guide"])).content.decode()
    browser.post(reverse("campaign_edit", args=["guide"]), Form(shown).sent)

    campaign.refresh_from_db()
    assert campaign.audience == rule


def test_a_running_campaign_cannot_be_edited(browser, world):
    world.client(1)
    runs.launch(world.campaign(), by=world.marketer, at=world.at)

    answers = [browser.get(reverse("campaign_edit", args=["guide"])), browser.post(
        reverse("campaign_edit", args=["guide"]), asked(world, name="Changed"))]  # fmt: skip

    assert [one["Location"] for one in answers] == [reverse("campaign", args=["guide"])] * 2
    assert Campaign.objects.get().name == "A guide"


def test_a_line_is_added_and_removed_without_javascript(browser, world):
    sent = asked(world)

    added = browser.post(reverse("campaign_audience"), {**sent, "add": "1"})
    removed = browser.post(reverse("campaign_audience"), {**sent, "remove": "0"})

    assert added.status_code == removed.status_code == 200
    assert b"<!doctype html>" in added.content
    assert b'id="rule-2-field"' in added.content
    assert Form(removed.content.decode()).sent["rule-0-field"] == ["events:Dashboard Viewed"]
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("part", ["objective", "audience", "blocks"])
def test_htmx_gets_the_part_alone(browser, world, part):
    answer = browser.post(reverse(f"campaign_{part}"), asked(world), headers={"HX-Request": "true"})

    shown = answer.content.decode().strip()
    assert answer.status_code == 200
    assert shown.startswith(f'<section class="card" id="{part}"')
    assert shown.endswith("</section>")


@pytest.mark.parametrize("part", ["objective", "audience", "blocks"])
def test_a_part_keeps_everything_that_was_written_in_it(browser, world, part):
    sent = asked(world)
    whole = Form(browser.post(reverse(f"campaign_{part}"), sent).content.decode()).sent

    shown = browser.post(reverse(f"campaign_{part}"), sent, headers={"HX-Request": "true"}).content.decode()

    kept = Form(f'<form method="post" novalidate>{shown}</form>').sent
    assert kept == {name: whole[name] for name in kept}
    assert set(kept) >= {"objective": {"w_open"}, "audience": {"purpose", "channel", "rule-1-days"},
                         "blocks": {"use", "fallback-body"}}[part]  # fmt: skip


def test_the_audience_is_counted_while_one_writes(browser, world):
    for number, risk in enumerate(["cautious", "cautious", "growth"]):
        world.client(number, risk_tolerance=risk, consented=number != 1)
    sent = asked(world, **{"rule-0-value": "cautious", "rule-1-field": ""})

    shown = browser.post(reverse("campaign_audience"), sent, headers={"HX-Request": "true"}).content.decode()

    numbers = re.findall(r"<span>([^<]+)</span><strong>([^<]+)</strong>", shown)
    assert numbers[0] == ("In the segment", "2")
    assert numbers[-1] == ("Eligible: one person an address", "1")
    assert "no answer means no" in shown


def test_launch_asks_once_and_then_launches(browser, world):
    world.client(1)
    world.campaign()

    asks = browser.get(reverse("campaign_launch", args=["guide"]))
    assert asks.status_code == 200
    assert not Run.objects.exists()
    answer = browser.post(reverse("campaign_launch", args=["guide"]))

    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("run", args=[run.pk]))
    assert (run.launched_by, run.audience) == (world.marketer, 1)


def test_what_blocks_a_launch_is_named_with_a_way_to_mend_it(browser, world):
    world.campaign(parts=(("hello", True), ("plain", False)))

    shown = browser.get(reverse("campaign", args=["guide"])).content.decode()
    answer = browser.post(reverse("campaign_launch", args=["guide"]))

    assert "“Body” has no fallback" in shown
    assert 'href="/console/campaigns/guide/edit/#blocks"' in shown
    assert reverse("campaign_launch", args=["guide"]) not in shown
    assert answer.status_code == 409
    assert "cannot be launched yet" in answer.content.decode()
    assert not Run.objects.exists()


def test_a_copy_is_a_new_draft_with_the_same_words(browser, world):
    world.campaign()

    answer = browser.post(reverse("campaign_copy", args=["guide"]))

    made = Campaign.objects.get(slug="a-guide-copy")
    assert answer["Location"] == reverse("campaign_edit", args=["a-guide-copy"])
    assert (made.state, made.runs.count(), made.candidates.count()) == ("draft", 0, 5)


def test_results_before_a_run_say_that_there_is_nothing_to_measure(browser, world):
    world.campaign()

    assert "Nothing to measure yet" in browser.get(reverse("results", args=["guide"])).content.decode()
