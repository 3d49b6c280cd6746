"""A model on its way: it decides in shadow without effect, answers the same few as a canary, and falls back on harm."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.db import connection
from django.test import Client as Browser

from campaigns import choosing, plans, replay, runs, serving
from campaigns.choosing import beside
from campaigns.models import Arm, Interaction, Message, Run, ShadowDecision
from campaigns.trials import evidence, gate, shadows, watch
from compliance import stops
from compliance.access import bearers
from compliance.bulk import planner
from compliance.models import LedgerEntry, Staff
from personalize import features, fitting, profiles, training
from personalize.decide import modeltext
from personalize.models import Artefact, Stage
from personalize.registry import steps
from personalize.training import Examples, Fitted
from tests.bench import population
from tests.campaigns.decided import said
from tests.campaigns.shortly import PLACE, SECRET, row_of, same, short
from tests.campaigns.test_learning import launched, sent
from tests.campaigns.test_serving import may_see_web
from tests.campaigns.world import World
from tests.models import approved, declared, signed, stepped

pytestmark = pytest.mark.django_db
PARTS = (("hello", True), ("calm", False), ("plain", True), ("read", True))
CLIENTS, SHARE = 600, 0.4
LOADED = ("compliance_client", "compliance_consentevent", "compliance_consentstate", "personalize_profile")


@pytest.fixture
def firm(world: World, officer: Staff) -> SimpleNamespace:
    """Clients, a campaign without a model, and a signed model that prefers one of its bodies."""
    population.add(CLIENTS, prefix="p", at=world.at)
    profiles.refresh(at=world.at)
    planner.analyse(*LOADED)
    declared("onboarding", owner=world.marketer, by=officer)
    campaign = world.campaign(parts=PARTS, share_control=0.1, share_holdout=0.05, max_per_week=20)
    second = world.block("second", slot="body", body="A second way to say it, as calm as the first.")
    plans.add_candidate(campaign, second, by=world.marketer, at=world.at)
    slots = plans.snapshot(campaign, at=world.at)["slots"]
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in slots)
    rng = np.random.default_rng(3)
    choice = np.stack([rng.integers(0, len(one), 900) for one in digests], axis=1).astype(np.int16)
    x = np.full((900, len(features.registry())), np.nan, np.float32)
    x[:, 0] = rng.integers(0, 3, 900)
    y = (rng.random(900) < np.array([0.5, 0.2, 0.2])[choice[:, 1]]).astype(float)
    given = Examples(x, tuple(one["slot"] for one in slots), digests, choice, y, np.ones(900),
                     np.arange(900, dtype=np.int64) + 1_780_000_000)  # fmt: skip
    text = modeltext.dump(fitting.outcome_model(given, np.ones(900, bool)))
    made = training.register(
        "onboarding", Fitted(text, "linear", features.version(), said()), by="system:test", at=world.at
    )
    signed(made, owner=world.marketer, officer=officer, at=world.at)
    return SimpleNamespace(world=world, campaign=campaign, model=made, officer=officer)


def to(firm: SimpleNamespace, stage: Stage, *, at, share: float = SHARE) -> Artefact:
    firm.model = stepped(firm.model, stage, officer=firm.officer, share=share, at=at)
    return firm.model


def went_out(firm: SimpleNamespace, *, at, left: float = 0.01) -> Run:
    run = launched(firm.world, firm.campaign, at=at)
    sent(run, at=at, often=0.3, seldom=0.3, left=left)
    return run


def drawn(run: Run):
    return Message.objects.filter(run=run, arm=Arm.PERSONALISED, state="sent", propensity__lt=1).order_by("pk")


def again(run: Run, plan: dict, found: list[Message]) -> beside.Beside:
    return beside.beside(
        plan, np.array([one.client_id for one in found]), np.array([one.choice for one in found], np.intp),
        seed=run.seed, x=np.stack([np.frombuffer(one.features, np.float32) for one in found]),
        own=np.stack([np.frombuffer(one.own, np.float32) for one in found]),
        closed=np.stack([np.frombuffer(one.closed, np.uint8) for one in found]),
    )  # fmt: skip


def test_a_shadow_decides_beside_what_is_live_and_nobody_is_shown_it(firm):
    at = firm.world.at
    to(firm, Stage.SHADOW, at=at)

    run = went_out(firm, at=at + timedelta(hours=1))

    assert (run.artefact_id, run.plan["artefact"], run.plan["canary"]) == (None, None, None)
    assert not Message.objects.exclude(artefact=None).exists()
    before = list(Message.objects.order_by("pk").values())
    assert shadows.look(at=at + timedelta(hours=2)) == {firm.model.pk: drawn(run).count()}
    assert shadows.look(at=at + timedelta(hours=3)) == {firm.model.pk: 0}
    assert list(Message.objects.order_by("pk").values()) == before
    rows = ShadowDecision.objects.select_related("message").order_by("message_id")
    body = [one["slot"] for one in run.plan["slots"]].index("body")
    assert np.mean([one.choice[body] == 0 for one in rows]) > 0.7  # what it prefers
    weights = np.array([one.likely / one.message.propensity for one in rows])
    assert abs(weights.mean() - 1) < 4 * weights.std() / len(weights) ** 0.5
    assert all(one.likely == pytest.approx(one.propensity) for one in rows if one.choice == one.message.choice)


def test_what_decides_beside_itself_decides_the_same_with_the_same_chance(firm):
    run = went_out(firm, at=firm.world.at)
    found = list(drawn(run))

    made = again(run, run.plan, found)

    assert made.choice.tolist() == [one.choice for one in found]
    assert made.likely == pytest.approx([one.propensity for one in found], rel=1e-12)
    assert made.chance == pytest.approx(made.likely, rel=1e-12)


def test_a_canary_answers_the_same_clients_in_every_run_and_each_decision_replays(firm):
    at = firm.world.at
    to(firm, Stage.CANARY, at=at)

    runs = [went_out(firm, at=at + timedelta(days=day)) for day in (1, 9)]

    assert [(one.artefact_id, one.plan["canary"]["artefact"]) for one in runs] == [(None, firm.model.pk)] * 2
    sides = [dict(Message.objects.filter(run=one).values_list("client_id", "artefact_id")) for one in runs]
    assert sides[0] == sides[1]
    mine = [client for client, model in sides[0].items() if model == firm.model.pk]
    assert abs(len(mine) / len(sides[0]) - SHARE) < 4 * (SHARE * (1 - SHARE) / len(sides[0])) ** 0.5
    body = [one["slot"] for one in runs[0].plan["slots"]].index("body")
    for those, prefers in ((Message.objects.filter(run=runs[1]).exclude(artefact=None), True),
                           (Message.objects.filter(run=runs[1], artefact=None), False)):  # fmt: skip
        chosen = [one for one in those if one.arm == Arm.PERSONALISED and one.choice]
        assert (np.mean([one.choice[body] == 0 for one in chosen]) > 0.7) == prefers
        assert {one.policy for one in chosen} == ({"igw-1"} if prefers else {"rules-1"})
        assert [replay.rebuild(one.pk).difference for one in chosen[:10]] == [""] * 10


def test_a_canary_that_was_taken_back_answers_nobody_even_in_a_run_under_way(firm):
    at = firm.world.at
    to(firm, Stage.CANARY, at=at)
    run, ids = went_out(firm, at=at), np.arange(1, 2_000)
    assert [one["artefact"] for one, _ in choosing.split(run.plan, ids, at=at)] == [None, firm.model.pk]

    steps.fall_back(firm.model.pk, why="A test.", by=firm.officer, at=at)

    assert [(one["artefact"], len(those)) for one, those in choosing.split(run.plan, ids, at=at)] == [(None, len(ids))]
    assert plans.snapshot(firm.campaign, at=at)["canary"] is None


def test_a_switch_on_a_canary_stops_the_runs_that_it_answers_in(firm):
    at = firm.world.at
    to(firm, Stage.CANARY, at=at)
    run = runs.launch(firm.campaign, by=firm.world.marketer, at=at)

    def is_stopped() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("select campaigns_is_stopped('email', null, %s)", [run.pk])
            return cursor.fetchone()[0]

    stops.throw("model", str(firm.model.pk + 1), reason="Another one.", by=firm.officer, at=at)
    assert (run.artefact_id, is_stopped()) == (None, False)
    stops.throw("model", str(firm.model.pk), reason="It answers oddly.", by=firm.officer, at=at)
    assert is_stopped()


def test_a_canary_answers_its_clients_on_a_page_too_and_is_heard_of_at_once(firm):
    world, at = firm.world, firm.world.at
    to(firm, Stage.CANARY, at=at)
    campaign = world.campaign("hero", parts=PARTS, channel="web", placement=PLACE, share_control=0.1)
    plans.add_candidate(campaign, world.block("second"), by=world.marketer, at=at)
    run = runs.launch(campaign, by=world.marketer, at=at)
    people = [may_see_web(world, world.client(number)) for number in range(1, 25)]
    profiles.refresh(at=at)
    made, _ = bearers.give(
        world.marketer, name="page", scopes=["build_campaigns"], expires_at=None, by=world.marketer, at=at,
        secret=SECRET,
    )  # fmt: skip
    bearers.used(made, at=at)

    def both() -> set[int | None]:
        for one in people:  # every text is made once
            serving.fill(one, campaign, channel="web", at=at)
        long = [serving.fill(one, campaign, channel="web", at=at) for one in people]
        shortly = [short(one.user_id, at=at) for one in people]
        assert [same(one) for one in shortly] == [same(one) for one in long]
        assert [row_of(one) for one in shortly] == [row_of(one) for one in long]
        return {row_of(one)["artefact_id"] for one in shortly}

    assert run.plan["canary"]["artefact"] == firm.model.pk
    assert both() == {None, firm.model.pk}
    steps.fall_back(firm.model.pk, why="A test.", by=firm.officer, at=at)
    assert both() == {None}


def test_no_step_before_the_trial_says_enough(firm):
    at, by = firm.world.at, firm.world.marketer
    to(firm, Stage.SHADOW, at=at)
    with pytest.raises(steps.CannotStep, match="0 times in shadow"):
        gate.ask(firm.model.pk, share=SHARE, by=by, at=at)
    # Nobody opts out: among a few, chance alone may look like harm, and then rightly keeps a model back.
    went_out(firm, at=at + timedelta(hours=1), left=0.0)
    shadows.look(at=at + timedelta(hours=2))
    day1, day2 = at + timedelta(days=1), at + timedelta(days=2)

    step = gate.ask(firm.model.pk, share=SHARE, by=by, at=day1)

    assert any("beside what was live, without effect" in one for one in step.evidence)
    assert gate.take(approved(step, at=day1).pk, by=firm.officer, at=day1).stage == Stage.CANARY
    with pytest.raises(steps.CannotStep, match="0 clients as a canary"):
        gate.ask(firm.model.pk, by=by, at=day2)
    went_out(firm, at=day2, left=0.0)
    with pytest.raises(steps.CannotStep, match="7 days are the least"):
        gate.ask(firm.model.pk, by=by, at=day2)
    day9 = at + timedelta(days=9)
    step = gate.ask(firm.model.pk, by=by, at=day9)
    assert gate.take(approved(step, at=day9).pk, by=firm.officer, at=day9).stage == Stage.LIVE
    assert watch.look(at=day9) == {}


OPT_OUTS = """
insert into campaigns_interaction (message_id, kind, is_human, actor_class, detail, at)
select m.id, 'complaint', true, 'human', '', m.sent_at + interval '2 hours'
from campaigns_message m
where m.run_id = %s and m.state = 'sent' and m.artefact_id is not null = %s
and ('x' || substr(md5(m.id::text), 1, 7))::bit(28)::int / 268435456.0 < 0.35
"""


@pytest.mark.parametrize("is_harmful", [True, False])
def test_a_canary_proven_to_do_harm_falls_back_by_itself(firm, is_harmful, client: Browser):
    at = firm.world.at
    to(firm, Stage.CANARY, at=at)
    run = went_out(firm, at=at)
    with connection.cursor() as cursor:
        cursor.execute(OPT_OUTS, [run.pk, is_harmful])
    assert Interaction.objects.filter(kind="complaint").count() > 40
    later = at + timedelta(days=8)

    back = watch.look(at=later)

    firm.model.refresh_from_db()
    assert (list(back), firm.model.stage) == (
        ([firm.model.pk], Stage.SHADOW) if is_harmful else ([], Stage.CANARY)
    )  # fmt: skip
    assert LedgerEntry.objects.filter(kind="model.fell_back", actor=watch.BY).count() == int(is_harmful)
    assert watch.look(at=later) == {}
    client.force_login(firm.officer, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/console/models/{firm.model.pk}/").content.decode()
    assert ("What it does as a canary" in page) != is_harmful


def test_the_page_asks_for_a_step_and_takes_it_once_two_have_approved(firm, client: Browser):
    model, backend = firm.model, "django.contrib.auth.backends.ModelBackend"
    client.force_login(firm.world.marketer, backend=backend)
    where = f"/console/models/{model.pk}/"
    assert client.post(f"{where}take/", {"step": 1}).status_code == 403
    assert client.post(f"{where}ask/", {"share": "10"}).status_code == 409
    assert client.post(f"{where}ask/").status_code == 302
    step = steps.open_step(model, at=firm.world.at)
    assert "0 of 2 people have approved it" in client.get(where).content.decode()
    client.force_login(firm.officer, backend=backend)
    assert client.post(f"{where}take/", {"step": step.pk}).status_code == 409
    assert client.post(f"{where}take/", {"step": step.pk + 1}).status_code == 404
    assert evidence.of(model, at=firm.world.at).lines == ()

    approved(step, at=step.asked_at)

    assert "Take this step" in client.get(where).content.decode()
    assert client.post(f"{where}take/", {"step": step.pk}).status_code == 302
    model.refresh_from_db()
    assert model.stage == Stage.SHADOW
    assert client.post(f"{where}retire/").status_code == 302
    assert "Retired" in client.get(where).content.decode()
    assert client.get("/console/models/").status_code == 200
    assert client.get("/console/models/999999/").status_code == 404
