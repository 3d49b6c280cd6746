"""A campaign learns from what came back: registered, approved once, renewed by day, exact and replayed."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from campaigns import choosing, plans, replay, runs
from campaigns.learning import renewal, rewards, scope
from campaigns.models import Arm, Campaign, Habit, Message, RewardVersion, Run
from compliance import consent, review
from compliance.models import LedgerEntry, ReviewItem, Role, Staff
from personalize import features, profiles, succession, training
from personalize.learn import renewal as beliefs
from personalize.models import Artefact, Stage
from tests.bench import population
from tests.campaigns.world import World
from tests.models import declared, let_live
from tests.people import reviewer

pytestmark = pytest.mark.django_db
PARTS = (("hello", True), ("hello-goal", False), ("calm", False), ("bold", False), ("plain", True), ("read", True))
CLIENTS = 900
SENT = """
update campaigns_message set state = 'sent', intent_at = %(at)s, sent_at = %(at)s
where run_id = %(run)s and state = 'pending'
"""
CAME_BACK = """
insert into campaigns_interaction (message_id, kind, is_human, actor_class, detail, at)
select m.id, %(kind)s, true, 'human', '', m.sent_at + interval '3 hours'
from campaigns_message m
join compliance_client c on c.id = m.client_id
where m.run_id = %(run)s and m.state = 'sent'
and ('x' || substr(md5(c.user_id || %(kind)s), 1, 7))::bit(28)::int / 268435456.0
    < case when m.choice[%(slot)s] = %(best)s then %(often)s else %(seldom)s end
"""


def sent(run: Run, *, at, best: int = 0, often: float = 0.6, seldom: float = 0.1, left: float = 0.01) -> None:
    """The run went out, and who got this candidate of the body opens more often; `left` is the share that opts out."""
    slot = next(n for n, one in enumerate(run.plan["slots"]) if one["slot"] == "body") + 1
    values = {"run": run.pk, "at": at, "slot": slot, "best": best, "often": often, "seldom": seldom, "kind": "open"}
    with connection.cursor() as cursor:
        cursor.execute(SENT, values)
        cursor.execute(CAME_BACK, values)
        cursor.execute(CAME_BACK, {**values, "kind": "unsubscribe", "often": left, "seldom": left})
    runs.finish(at=at)


def launched(world: World, campaign: Campaign, *, at) -> Run:
    run = runs.launch(campaign, by=world.marketer, at=at)
    for chunk in run.chunks.order_by("number"):
        runs.assemble(chunk.pk, at=at)
    return run


def approved_reward(world: World, **changed) -> RewardVersion:
    made = rewards.propose({**rewards.USUAL, **changed}, why="A test", by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)
    for by in (world.editor, reviewer("officer", Role.OFFICER)):
        item = review.approve(item.pk, by=by, seen=made.digest, reason="Agreed.", at=world.at)
    return made


@pytest.fixture
def firm(world: World, officer: Staff) -> SimpleNamespace:
    """A campaign whose first run has gone out under rules, with what came back."""
    population.add(CLIENTS, prefix="p", at=world.at)
    profiles.refresh(at=world.at)
    declared("onboarding", owner=world.marketer, by=officer)
    campaign = world.campaign(parts=PARTS, share_control=0.1, share_holdout=0.05)
    first = launched(world, campaign, at=world.at)
    sent(first, at=world.at)
    return SimpleNamespace(world=world, campaign=campaign, first=first, officer=officer)


def test_nothing_is_learnt_without_an_approved_reward_or_before_results_have_matured(firm):
    world, campaign = firm.world, firm.campaign
    with pytest.raises(rewards.NoReward):
        renewal.learn(campaign, at=world.at + timedelta(days=4))

    made = rewards.propose(rewards.USUAL, why="A test", by=world.marketer, at=world.at)
    with pytest.raises(rewards.NoReward):
        renewal.learn(campaign, at=world.at + timedelta(days=4))
    assert not Artefact.objects.exists()

    approved_reward(world)
    assert RewardVersion.objects.get() == made
    assert renewal.learn(campaign, at=world.at + timedelta(days=1)).outcome == "waits"
    assert renewal.learn(campaign, at=world.at + timedelta(days=4)).outcome == "registered"


@pytest.mark.parametrize(
    ("changed", "word"),
    [({"open": 1.0}, "fifth"), ({"success": 0.0}, "gains"), ({"quality": 0.0}, "Outcomes"), ({"harm": 0.0}, "costs"),
     ({"explores_sensitive": 1}, "says"), ({"open": -1.0}, "number")],
)  # fmt: skip
def test_a_reward_of_engagement_alone_cannot_be_written(world: World, changed, word):
    with pytest.raises(rewards.BadReward, match=word):
        rewards.propose({**rewards.USUAL, **changed}, why="A test", by=world.marketer, at=world.at)
    assert not RewardVersion.objects.exists()


def test_a_policy_waits_for_people_then_decides_exactly_and_is_renewed_by_day(firm):
    world, campaign = firm.world, firm.campaign
    approved_reward(world)
    day4, day11 = world.at + timedelta(days=4), world.at + timedelta(days=11)
    learnt = renewal.learn(campaign, at=day4)
    made = learnt.artefact
    assert (learnt.outcome, made.stage, made.method) == ("registered", Stage.WAITING, "bandit")
    assert made.card["phase"] == "pooled"
    assert made.card["reward"]["digest"] == RewardVersion.objects.get().digest
    assert made.card["auc"] > 0.5
    assert renewal.learn(campaign, at=day4).outcome == "waits"
    assert plans.snapshot(campaign, at=day4)["policy"] == "rules-1"

    let_live(made, owner=world.marketer, officer=firm.officer, at=day4)
    second = launched(world, campaign, at=day4)
    assert (second.policy, second.phase, second.artefact_id) == ("bandit-1", "pooled", made.pk)

    mine = Message.objects.filter(run=second, arm=Arm.PERSONALISED, state="pending")
    body = [one["slot"] for one in second.plan["slots"]].index("body")
    growth = [one for one in mine if one.closed[3] == 0]  # to whom the bold words are open too
    assert np.mean([one.choice[body] == 0 for one in growth]) > 0.6
    for message in mine[:40]:
        assert replay.rebuild(message.pk).difference == ""
        assert message.propensity == pytest.approx(np.prod(message.slot_propensity), rel=1e-12)
        assert choosing.prediction(
            second.plan, message.choice, seen=np.frombuffer(message.features, np.float32),
            own=np.frombuffer(message.own, np.float32),
        ).of == "An open"  # fmt: skip
    one = mine[0]
    Message.objects.filter(pk=one.pk).update(slot_propensity=[0.5, *one.slot_propensity[1:]])
    assert "Probability" in replay.rebuild(one.pk).difference

    sent(second, at=day4, seldom=0.12)
    again = renewal.learn(campaign, at=day11)
    made.refresh_from_db()
    assert (again.outcome, again.artefact.pk != made.pk) == ("live", True)
    assert (made.stage, training.live(scope.name(campaign)).pk) == (Stage.RETIRED, again.artefact.pk)
    newest = Artefact.objects.get(pk=again.artefact.pk)
    assert (newest.approved_by, newest.expires_at, newest.card["root"]) == (
        made.approved_by, made.expires_at, made.card["root"],
    )  # fmt: skip
    assert LedgerEntry.objects.filter(kind="model.renewed").count() == 1
    assert Habit.objects.filter(campaign=campaign).count() > CLIENTS / 2
    assert choosing.in_force(second.plan, at=day11)["policy"] == "bandit-1"  # its own next day is live
    assert replay.rebuild(mine[1].pk).difference == ""


def test_a_failed_gate_takes_the_policy_back_to_rules(firm):
    world, campaign = firm.world, firm.campaign
    approved_reward(world)
    day4, day11 = world.at + timedelta(days=4), world.at + timedelta(days=11)
    made = renewal.learn(campaign, at=day4).artefact
    let_live(made, owner=world.marketer, officer=firm.officer, at=day4)
    second = launched(world, campaign, at=day4)
    sent(second, at=day4, often=0.05, seldom=0.7)  # the world turned round

    found = renewal.learn(campaign, at=day11)

    assert found.outcome == "demoted"
    assert "calibration" in found.why
    assert training.live(scope.name(campaign)) is None
    assert plans.snapshot(campaign, at=day11)["policy"] == "rules-1"
    assert choosing.in_force(second.plan, at=day11)["policy"] == "rules-1-retired"
    assert LedgerEntry.objects.filter(kind="model.demoted").count() == 1
    assert found.artefact.stage == Stage.WAITING
    with pytest.raises(training.NotReady):
        succession.take_over(found.artefact.pk, after=made.pk, by="system:test", at=day11)
    made.refresh_from_db()
    taken = {name: getattr(made, name) for name in ("step", "owner", "validator", "validated_at", "approved_by",
                                                     "approved_at", "expires_at")}  # fmt: skip
    raw = Artefact.objects.filter(pk=found.artefact.pk)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"), transaction.atomic():
        raw.update(stage=Stage.LIVE, **taken)  # its own yesterday is not live any more
    for row, change in (
        (made, {"expires_at": made.expires_at + timedelta(days=1)}),
        (made, {"card": {**made.card, "limitations": "None."}}),
        (found.artefact, {"card": {**found.artefact.card, "root": "0" * 64}}),
    ):
        with pytest.raises(IntegrityError, match="what_people_approved_of_a_model_never_changes"), transaction.atomic():
            Artefact.objects.filter(pk=row.pk).update(**change)
    assert (raw.get().stage, Artefact.objects.get(pk=made.pk).card) == (Stage.WAITING, made.card)
    assert raw.update(card={**found.artefact.card, "limitations": "It is new."}) == 1  # while it waits


def test_a_learned_policy_sees_no_withheld_feature_and_tries_no_sensitive_words(firm):
    world, campaign = firm.world, firm.campaign
    approved_reward(world)
    day4 = world.at + timedelta(days=4)
    made = renewal.learn(campaign, at=day4).artefact
    let_live(made, owner=world.marketer, officer=firm.officer, at=day4)
    plan = plans.snapshot(campaign, at=day4)
    found = Message.objects.filter(run=firm.first).order_by("client_id").values_list("client_id", flat=True)
    ids = np.array(found[:120])
    plan |= {"share_control": 0.0, "share_holdout": 0.0, "gamma": 1.0}  # so little greed that all is tried
    plain = choosing.decide(plan, ids, seed=3, at=day4)
    assert plain.policy == "bandit-1"

    slot = next(one for one in plan["slots"] if one["slot"] == "body")
    bold = [one["block"] for one in slot["candidates"]].index("bold")
    slot["candidates"][bold]["topics"] = ["pension"]
    calm = choosing.decide(plan, ids, seed=3, at=day4)
    body = [one["slot"] for one in plan["slots"]].index("body")
    assert bold in plain.choice[:, body]
    assert bold not in calm.choice[:, body]

    columns = [one.position for one in features.registry() if one.purpose == "profiling"]
    assert np.isfinite(plain.features[:, columns]).any()

    consent.withdraw(int(ids[0]), purpose="profiling", channel="any", surface="portal", mechanism="button",
                     by=f"client:{ids[0]}", at=day4)  # fmt: skip
    after = choosing.decide(plan, ids, seed=3, at=day4 + timedelta(minutes=1))
    assert np.isnan(after.features[0, columns]).all()
    assert not set(after.reasons[0].tolist()) & set(columns)


def test_an_unregistered_policy_or_another_belief_is_refused(firm):
    world, campaign = firm.world, firm.campaign
    approved_reward(world)
    made = renewal.learn(campaign, at=world.at + timedelta(days=4)).artefact
    let_live(made, owner=world.marketer, officer=firm.officer, at=world.at + timedelta(days=4))
    plan = plans.snapshot(campaign, at=world.at + timedelta(days=4))
    ids = np.array([Message.objects.first().client_id])

    with pytest.raises(choosing.PlanMismatch):
        choosing.decide({**plan, "artefact": made.pk + 99}, ids, seed=1, at=world.at)
    with pytest.raises(choosing.PlanMismatch):
        choosing.decide({**plan, "artefact_sha256": "0" * 64}, ids, seed=1, at=world.at)
    with pytest.raises(beliefs.BadBelief):
        beliefs.unpack(bytes(made.belief.body), "0" * 64)
    assert choosing.decide(plan, ids, seed=1, at=world.at).artefact == made.pk
