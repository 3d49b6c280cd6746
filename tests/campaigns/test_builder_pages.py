"""The builder: a campaign is drafted and edited as it was written, and every refusal names its field."""

import re

import pytest
from django.urls import reverse

from campaigns import runs
from campaigns.models import Campaign, CampaignBlock
from tests.campaigns.pages import Form, asked, browser, world

__all__ = ["browser", "world"]


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
