"""The marketer's pages: who may see them, what they refuse and why; a list costs the same for one row and three."""

import re

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import runs
from campaigns.models import Campaign, Run
from tests.campaigns.pages import browser, signed_in, world
from tests.campaigns.world import World

__all__ = ["browser", "world"]

PAGES = ("campaign", "campaign_edit", "campaign_launch", "campaign_preview", "results")
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE)


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
