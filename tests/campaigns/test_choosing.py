"""What is chosen for whom: suitable, drawn again exactly, and with the probability that it says."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import choosing, plans
from campaigns.models import BlockVersion
from compliance.models import Client, Preference
from personalize import features, profiles
from personalize.decide.limits import Closed
from tests.campaigns.world import World

PARTS = (("hello", True), ("hello-goal", False), ("calm", False), ("bold", False), ("plain", True), ("read", True))


def decided(world: World, clients: list[Client], *, seed: int = 5, **fields: object) -> tuple[dict, choosing.Decisions]:
    plan = plans.snapshot(world.campaign(parts=PARTS, **fields), at=world.at)
    ids = np.array([one.pk for one in clients], np.int64)
    return plan, choosing.decide(plan, ids, seed=seed, at=world.at)


def names(plan: dict, slot: int) -> list[str]:
    return [one["block"] for one in plan["slots"][slot]["candidates"]]


def test_a_cautious_client_is_never_shown_bold_words(world: World) -> None:
    clients = [world.client(number, risk_tolerance=risk) for number, risk in enumerate(["cautious", "growth"] * 20)]
    plan, found = decided(world, clients, share_control=0.5)

    assert names(plan, 1) == ["calm", "bold", "plain"]
    assert set(found.choice[0::2, 1].tolist()) == {0}
    assert set(found.choice[1::2, 1].tolist()) == {0, 1}
    assert found.closed[0].tolist() == [0, 9, 0, Closed.FRAMING, Closed.FALLBACK, 0]
    assert found.closed[1].tolist() == [0, 9, 0, 0, Closed.FALLBACK, 0]


def test_the_chance_is_the_product_of_the_slots_and_one_for_the_control(world: World) -> None:
    clients = [world.client(number, risk_tolerance="growth") for number in range(30)]
    _, found = decided(world, clients, share_control=0.5)
    control = found.arm == choosing.CONTROL

    assert 0 < control.sum() < 30
    np.testing.assert_array_equal(found.propensity, found.slot_propensity.prod(axis=1))
    assert set(found.propensity[control].tolist()) == {1.0}
    assert set(found.propensity[~control].tolist()) == {0.5}
    assert np.isnan(found.score).all()


def test_the_same_seed_decides_the_same_in_any_order_and_company(world: World) -> None:
    clients = [world.client(number, risk_tolerance="growth") for number in range(12)]
    plan, found = decided(world, clients, share_control=0.3, share_holdout=0.2)
    ids = np.array([one.pk for one in clients], np.int64)

    again = choosing.decide(plan, ids[::-1][:5], seed=5, at=world.at)
    other = choosing.decide(plan, ids, seed=6, at=world.at)

    for name in ("arm", "choice", "closed", "propensity", "reasons", "features"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name)[::-1][:5])
    assert (other.choice != found.choice).any()


def test_the_holdout_gets_no_choice(world: World) -> None:
    _, found = decided(world, [world.client(1)], share_holdout=1.0)

    assert (found.arm.tolist(), found.choice.tolist()) == ([choosing.HOLDOUT], [[-1, -1, -1]])


def test_the_control_follows_the_segment_and_turns_with_the_run(world: World) -> None:
    clients = [world.client(number, goal="house", risk_tolerance="growth") for number in range(6)]
    plan, found = decided(world, clients, share_control=1.0)
    ids = np.array([one.pk for one in clients], np.int64)

    following = choosing.decide({**plan, "number": plan["number"] + 1}, ids, seed=9, at=world.at)

    assert len(set(found.choice[:, 1].tolist())) == 1
    assert set(found.choice[:, 1].tolist()) != set(following.choice[:, 1].tolist())


def test_a_block_for_some_is_closed_to_the_others_by_its_rule_and_named_as_a_reason(world: World) -> None:
    saver, other = world.client(1, goal="house"), world.client(2, goal="retirement")
    campaign = world.campaign(parts=(("hello", True), ("plain", True), ("read", True)))
    rule = {"field": "goal", "op": "eq", "value": "house"}
    plans.add_candidate(campaign, world.block("calm"), rule=rule, by=world.marketer, at=world.at)
    profiles.refresh(client_ids=[saver.pk, other.pk], at=world.at)
    plan = plans.snapshot(campaign, at=world.at)

    found = choosing.decide(plan, np.array([saver.pk, other.pk]), seed=1, at=world.at)

    assert found.closed[:, 1:3].tolist() == [[Closed.OPEN, Closed.FALLBACK], [Closed.RULE, Closed.OPEN]]
    assert found.choice[:, 1].tolist() == [0, 1]
    goal = next(one.position for one in features.registry() if one.code == "goal")
    assert found.reasons[0].tolist() == [goal, -1, -1, -1]


def test_a_client_of_another_language_gets_the_fallbacks_throughout(world: World) -> None:
    client = world.client(1)
    Client.objects.filter(pk=client.pk).update(language="de")
    plan, found = decided(world, [client])

    assert [names(plan, slot)[place] for slot, place in enumerate(found.choice[0])] == ["hello", "plain", "read"]


def test_what_the_client_declined_and_what_ended_is_closed(world: World) -> None:
    client = world.client(1, risk_tolerance="growth")
    Preference.objects.create(client=client, topics_declined=["pension"], updated_at=world.at)
    campaign = world.campaign(parts=(("hello", True), ("calm", False), ("plain", True), ("read", True)))
    plan = plans.snapshot(campaign, at=world.at)
    plan["slots"][1]["candidates"][0]["topics"] = ["pension"]
    ended = {**plan["slots"][0]["candidates"][0], "is_fallback": False}
    ended["valid_until"] = (world.at - timedelta(days=1)).isoformat()
    plan["slots"][0]["candidates"].insert(0, ended)

    found = choosing.decide(plan, np.array([client.pk]), seed=1, at=world.at)

    assert found.closed[0].tolist() == [Closed.EXPIRED, Closed.OPEN, Closed.TOPIC, Closed.OPEN, Closed.OPEN]


@pytest.mark.parametrize(("channel", "code"), [("email", Closed.OPEN), ("web", Closed.UNAPPROVED)])
def test_a_page_cannot_wait_for_an_editor_and_a_mail_can(world: World, channel: str, code: int) -> None:
    client = world.client(1, risk_tolerance="growth")
    campaign = world.campaign(parts=(("hello", True), ("plain", True), ("read", True)))
    plans.add_candidate(campaign, world.block("calm", approved=False), by=world.marketer, at=world.at)
    plan = {**plans.snapshot(campaign, at=world.at), "channel": channel}

    assert choosing.decide(plan, np.array([client.pk]), seed=1, at=world.at).closed[0, 1] == code


def test_the_number_of_queries_does_not_grow_with_the_clients(world: World) -> None:
    clients = [world.client(number) for number in range(3)]
    plan, _ = decided(world, clients)
    ids = np.array([one.pk for one in clients], np.int64)
    seen = []
    for some in (ids[:1], ids):
        with CaptureQueriesContext(connection) as made:
            choosing.decide(plan, some, seed=1, at=world.at)
        seen.append(len(made))

    assert seen[0] == seen[1]


def test_the_plan_holds_all_a_run_decides_by(world: World) -> None:
    plan, _ = decided(world, [world.client(1)])

    assert sorted(plan) == [
        "artefact", "artefact_sha256", "audience", "campaign", "campaign_id", "canary", "cap", "caps", "channel",
        "gamma", "hours", "jurisdiction", "latest_hours", "layout", "metric_days", "number", "objective", "phase",
        "policy", "priority", "purpose", "quiet_hours", "rules", "send_hour", "sender", "share_control",
        "share_holdout", "slots", "success_metric", "use_case", "when_capped",
    ]  # fmt: skip
    one = plan["slots"][0]["candidates"][0]
    assert one["digest"] == BlockVersion.objects.get(pk=one["version"]).digest
