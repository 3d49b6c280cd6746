"""A campaign before launch: what cannot be kept is refused by field, what is missing is named with its place."""

from typing import Any

import pytest

from campaigns import objectives, plans, runs
from campaigns.models import Campaign, CampaignState, Run
from compliance.models import LedgerEntry, Staff
from tests.campaigns.world import OBJECTIVE, World
from tests.compliance.test_processing import approve, nothing_stands, propose

GOOD: dict[str, Any] = {
    "slug": "guide",
    "name": "A guide",
    "use_case": "onboarding",
    "success_metric": "Module Completed",
    "objective": OBJECTIVE,
}


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"objective": {"open": 1, "click": 2}}, "objective", objectives.ONLY_ENGAGEMENT),
        ({"objective": {"open": 1, "outcome": 0}}, "objective", objectives.ONLY_ENGAGEMENT),
        ({"objective": {"click": 1, "outcome": 1}}, "objective", objectives.TOO_MUCH_ENGAGEMENT),
        ({"objective": {"outcome": 1, "unsubscribe": 1}}, "objective",
         "“unsubscribe” harms the client; its weight cannot be positive."),
        ({"objective": {"outcome": float("nan")}}, "objective",
         "The weight of “outcome” is a number between -1,000 and 1,000."),
        ({"success_metric": "Clicks"}, "success_metric",
         "Opens and clicks are not success. Name something the client gains, such as a module completed."),
        ({"success_metric": " "}, "success_metric",
         "Name what success is before anything else: an event or an outcome of the client."),
        ({"use_case": "spam"}, "use_case", "Choose what this campaign is for, first."),
        ({"slug": "Not A Slug"}, "slug", "Use lower-case letters, digits and hyphens, at most 80."),
        ({"share_control": 0.8, "share_holdout": 0.3}, "share_control",
         "Control and holdout together cannot be more than everybody."),
        ({"audience": {"field": "shoe_size", "op": "eq", "value": 1}}, "audience", "There is no field 'shoe_size'."),
        ({"channel": "web"}, "placement", "Say which place on the page this campaign fills."),
        ({"state": "running"}, "state", "A campaign has no field “state”."),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_field_and_nothing_is_written(
    world: World, change: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(plans.BadPlan) as refused:
        plans.draft(**{**GOOD, **change}, by=world.marketer, at=world.at)

    assert refused.value.errors == {field: sentence}
    assert not Campaign.objects.exists()
    assert plans.draft(**GOOD, by=world.marketer, at=world.at).state == CampaignState.DRAFT


def test_a_name_is_taken_once(world: World) -> None:
    plans.draft(**GOOD, by=world.marketer, at=world.at)

    with pytest.raises(plans.BadPlan) as refused:
        plans.draft(**GOOD, by=world.marketer, at=world.at)

    assert refused.value.errors == {"slug": "A campaign of this name exists already."}


def test_an_empty_campaign_is_blocked_by_name_and_place(world: World) -> None:
    world.client(1)
    campaign = plans.draft(**GOOD, by=world.marketer, at=world.at)

    found = plans.blockers(campaign, at=world.at)

    assert [one.code for one in found] == ["no_subject", "no_call_to_action", "no_blocks"]
    assert {one.url for one in found} == {"/console/campaigns/guide/edit/#blocks"}
    assert all(one.sentence.endswith(".") for one in found)


def codes(campaign: Campaign, world: World) -> list[str]:
    return [one.code.rpartition("_")[0] for one in plans.blockers(campaign, at=world.at)]


def test_each_fault_of_the_blocks_is_named(world: World) -> None:
    world.client(1)
    campaign = world.campaign(parts=(("hello", True), ("plain", False), ("read", True)))
    bold = world.block("bold", approved=False)

    assert codes(campaign, world) == ["no_fallback"]
    plans.add_candidate(campaign, bold, is_fallback=True, by=world.marketer, at=world.at)
    assert codes(campaign, world) == ["framed_fallback"]
    world.reject()
    assert codes(campaign, world) == ["rejected", "framed_fallback"]
    plans.remove_candidate(campaign, campaign.candidates.get(version=bold).pk, by=world.marketer, at=world.at)
    plain = campaign.candidates.get(slot="body").version
    plans.add_candidate(campaign, plain, is_fallback=True, by=world.marketer, at=world.at)
    assert codes(campaign, world) == []
    assert LedgerEntry.objects.filter(kind__startswith="campaign.block_").count() == 3


def test_nobody_to_write_to_is_a_blocker(world: World) -> None:
    campaign = world.campaign()

    assert [one.code for one in plans.blockers(campaign, at=world.at)] == ["no_audience"]
    world.client(1, consented=False)
    assert [one.code for one in plans.blockers(campaign, at=world.at)] == ["nobody_reachable"]
    world.client(2)
    assert plans.blockers(campaign, at=world.at) == []


def test_a_new_fallback_takes_the_old_ones_place(world: World) -> None:
    campaign = world.campaign()

    plans.add_candidate(campaign, world.block("hello-goal"), is_fallback=True, by=world.marketer, at=world.at)

    found = (
        campaign.candidates.filter(slot="subject")
        .order_by("position")
        .values_list("version__block__slug", "is_fallback")
    )
    assert list(found) == [("hello", False), ("hello-goal", True)]


def test_a_running_campaign_is_not_changed(world: World) -> None:
    campaign = world.campaign()
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.RUNNING)

    with pytest.raises(plans.NotADraft):
        plans.change(campaign, name="Another", by=world.marketer, at=world.at)

    campaign.refresh_from_db()
    assert campaign.name == "A guide"


def test_t33_a_purpose_without_a_record_in_date_is_a_blocker(world: World, officer: Staff) -> None:
    world.client(1)
    campaign = world.campaign()
    nothing_stands()

    found = plans.blockers(campaign, at=world.at)

    assert [(one.code, one.url) for one in found] == [("no_record", "/compliance/processing/marketing/")]
    with pytest.raises(runs.LaunchRefused):
        runs.launch(campaign, by=world.marketer, at=world.at)
    assert not Run.objects.exists()
    approve(propose(world.marketer, world.at, "marketing"), world.at, world.editor, officer)
    assert plans.blockers(campaign, at=world.at) == []
