"""Groups are compared by what they were shown: planted disparities are found, and too few clients are not a pass."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.utils.timezone import now

from campaigns import plans, variants
from campaigns.fairness import forecast, guard, offers, reports
from campaigns.models import Campaign, FairnessReport, Message, Offer, Run, ShadowDecision, Variant
from campaigns.provider import watch
from campaigns.trials import gate
from compliance import groups
from compliance.groups import Membership
from compliance.models import Client, LedgerEntry, Staff, Stop
from personalize import training
from personalize.decide import policy
from personalize.models import Artefact, Attribute, Outcome, Stage
from personalize.registry import steps
from tests.campaigns.world import World
from tests.models import approved, stepped

pytestmark = pytest.mark.django_db
BODIES = ("plain", "calm", "bold")  # nothing offered, a beneficial offer, one that can do harm


def shown(world: World, campaign: Campaign, bodies: list[str], *, group: list[str], cost: dict[str, int]) -> np.ndarray:
    """One sent message for each client with this body; everybody's group is on file."""
    at = world.at
    clients = Client.objects.bulk_create(
        [Client(user_id=f"f{number}", first_seen_at=at - timedelta(days=400)) for number in range(len(bodies))]
    )
    ids = np.array([one.pk for one in clients])
    members = [Membership(int(one), "sex", name, 1.0, "audit", None) for one, name in zip(ids, group, strict=True)]
    groups.put(members, source="test", at=at)
    parts = {one.version.block.slug: one.version for one in campaign.candidates.select_related("version__block")}
    for name, kind in (("calm", "beneficial"), ("bold", "harmful")):
        offers.say(parts[name].pk, kind=kind, fee_bps=cost[name], term_days=30, by=world.marketer, at=at)
    made: dict[str, Variant] = {
        name: variants.ensure(campaign, [parts["hello"], parts[name], parts["read"]], by=world.marketer, at=at)
        for name in BODIES
    }
    run = Run.objects.create(
        campaign=campaign, number=1, seed=1, plan={}, policy="rules-1", phase="rules", audience=len(ids),
        launched_by=world.marketer, launched_at=at,
    )  # fmt: skip
    Message.objects.bulk_create(
        [
            Message(
                run=run, campaign=campaign, client_id=one, channel="email", arm="personalised", variant=made[body],
                policy="rules-1", decided_at=at, due_at=at, state="sent", intent_at=at, sent_at=at,
            )
            for one, body in zip(ids, bodies, strict=True)
        ]
    )  # fmt: skip
    return ids


def drawn(n: int, ratio: float, *, seed: int = 1) -> tuple[list[str], list[str]]:
    """n clients in each of two groups; half of the first get the beneficial offer, of the second `ratio` times that."""
    rng = np.random.default_rng(seed)
    group = ["a"] * n + ["b"] * n
    got = rng.random(2 * n) < np.where(np.array(group) == "a", 0.5, 0.5 * ratio)
    return ["calm" if one else "bold" for one in got], group


def report(world: World, campaign: Campaign, **more: object) -> FairnessReport:
    since, until = world.at - timedelta(days=28), world.at + timedelta(hours=1)
    return reports.of_campaign(campaign, since=since, until=until, by="system:test", at=until, **more)


def found(made: FairnessReport) -> dict[str, tuple[str, str]]:
    return {one["measure"]: (one["verdict"], one["worse_off"]) for one in made.findings}


@pytest.fixture
def campaign(world: World) -> Campaign:
    return world.campaign()


def test_a_planted_disparity_fails_by_every_measure_that_it_touches(world: World, campaign: Campaign) -> None:
    shown(world, campaign, *drawn(800, 0.7)[:1], group=drawn(800, 0.7)[1], cost={"calm": 20, "bold": 150})

    made = report(world, campaign)

    assert made.verdict == "fail"
    assert {one: told for one, told in found(made).items() if told[0] == "fail"} == {
        "offered": ("fail", "b"), "offered_alike": ("fail", "b"), "harmful": ("fail", "b"),
        "spared_alike": ("fail", "b"), "fee": ("fail", "b"),
    }  # fmt: skip
    entry = LedgerEntry.objects.get(kind="fairness.reported")
    assert (entry.facts["verdict"], entry.facts["clients"]) == ("fail", 1600)
    assert not {"urgent", "fallback"} & {one for one, told in found(made).items() if told[0] == "fail"}


def test_none_planted_none_found_and_too_few_are_not_a_pass(world: World, campaign: Campaign) -> None:
    bodies, group = drawn(1_700, 1.0)
    shown(world, campaign, bodies, group=group, cost={"calm": 20, "bold": 20})

    made = report(world, campaign)

    assert not [one for one in made.findings if one["verdict"] == "fail"]
    enough = {one["measure"]: one["verdict"] for one in made.findings if one["n"] >= one["needed"]}
    measures = ("reached", "offered", "harmful", "fee", "term", "contacts", "fallback")
    assert enough == dict.fromkeys(measures, "pass")
    short = {one["measure"]: one["n"] for one in made.findings if one["verdict"] == "not_enough"}
    assert short == {"offered_alike": 1700, "spared_alike": 1700}
    few = world.campaign("few")
    assert report(world, few).verdict == "not_enough"


def test_a_hundred_clients_are_not_enough_even_where_the_shares_look_alike(world: World, campaign: Campaign) -> None:
    bodies, group = drawn(60, 1.0)
    shown(world, campaign, bodies, group=group, cost={"calm": 20, "bold": 20})

    made = report(world, campaign)

    assert made.verdict == "not_enough"
    assert found(made)["offered"][0] == "not_enough"


def test_what_a_version_offers_is_said_once_and_never_changed(world: World, campaign: Campaign) -> None:
    version = campaign.candidates.first().version_id

    for bad in ({"kind": "nice"}, {"kind": "harmful", "fee_bps": -1}, {"kind": "harmful", "term_days": 99_999}):
        with pytest.raises(offers.BadOffer):
            offers.say(version, by=world.marketer, at=world.at, **bad)
    assert not Offer.objects.exists()
    offers.say(version, kind="harmful", fee_bps=120, by=world.marketer, at=world.at)
    with pytest.raises(offers.AlreadySaid):
        offers.say(version, kind="beneficial", by=world.marketer, at=world.at)

    assert Offer.objects.get().kind == "harmful"
    for change in (lambda: Offer.objects.update(kind="beneficial"), lambda: Offer.objects.all().delete()):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            change()


def test_a_report_is_of_one_thing(world: World, campaign: Campaign) -> None:
    with pytest.raises(IntegrityError, match="a_report_is_of_one_thing"), transaction.atomic():
        reports.keep([], by="system:test", at=world.at, until=world.at, clients=0)


def running(world: World, campaign: Campaign) -> Run:
    run = campaign.runs.get()
    Run.objects.filter(pk=run.pk).update(state="sending")
    return run


def test_a_campaign_that_treats_groups_unlike_pauses_and_a_second_person_resumes(
    world: World, campaign: Campaign, officer: Staff
) -> None:
    bodies, group = drawn(800, 0.7)
    shown(world, campaign, bodies, group=group, cost={"calm": 20, "bold": 150})
    run = running(world, campaign)
    at = world.at + timedelta(hours=1)

    assert guard.look(at=at) == [run.pk]
    assert guard.look(at=at + timedelta(minutes=15)) == []

    pause = run.pauses.get()
    assert (pause.reason, pause.counted) == ("unlike", 1600)
    assert FairnessReport.objects.count() == 1
    with pytest.raises(watch.SamePerson):
        watch.resume(run.pk, reason="fine", by=world.marketer, at=at)
    watch.resume(run.pk, reason="The offer was taken out.", by=officer, at=at)
    assert guard.look(at=at + timedelta(hours=1)) == []
    guard.look(at=at + timedelta(hours=25))
    assert FairnessReport.objects.count() == 2


@pytest.mark.parametrize(
    ("kind", "chosen", "others", "reason"),
    [
        ("complaint", (0.20, 1.0), (0.02, 1.0), "complained_later"),
        ("early_exit", (0.20, 1.0), (0.02, 1.0), "early_exit"),
        ("satisfaction", (1.0, 4.0), (1.0, 8.0), "less_satisfied"),
        ("complaint", (0.02, 1.0), (0.02, 1.0), ""),
        ("early_exit", (0.02, 1.0), (0.20, 1.0), ""),
        ("satisfaction", (1.0, 8.0), (1.0, 4.0), ""),
    ],
)
def test_a_campaign_after_which_clients_fare_worse_pauses(
    world: World, campaign: Campaign, kind: str, chosen: tuple, others: tuple, reason: str
) -> None:
    """Shares and values that are provably worse stop it; equal or better ones do not."""
    ids = shown(world, campaign, ["plain"] * 800, group=["a"] * 800, cost={"calm": 20, "bold": 20})
    Message.objects.filter(client_id__in=ids[400:].tolist()).update(arm="control")
    rng = np.random.default_rng(1)
    for mine, (share, value) in ((ids[:400], chosen), (ids[400:], others)):
        happened = mine[rng.random(400) < share]
        Outcome.objects.bulk_create(
            [
                Outcome(client_id=int(one), kind=kind, value=value + rng.normal() * (kind == "satisfaction"),
                        at=world.at + timedelta(minutes=5), source="test")
                for one in happened
            ]
        )  # fmt: skip
    run = running(world, campaign)

    paused = guard.look(at=world.at + timedelta(hours=1))

    assert [one.reason for one in run.pauses.all()] == ([reason] if reason else [])
    assert paused == ([run.pk] if reason else [])


def test_an_officer_compares_looks_and_stops_from_the_board(
    world: World, campaign: Campaign, officer: Staff, client: Browser
) -> None:
    bodies, group = drawn(400, 0.7)
    shown(world, campaign, bodies, group=group, cost={"calm": 20, "bold": 150})
    Message.objects.update(decided_at=now() - timedelta(days=1))
    client.force_login(world.marketer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/compliance/fairness/").status_code == 403
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post("/compliance/fairness/measure/", {"campaign": campaign.slug}).status_code == 302
    made = FairnessReport.objects.get()
    address = f"/compliance/fairness/{made.pk}/"

    assert "A guide" in client.get("/compliance/fairness/").content.decode()
    text = client.get(address).content.decode()
    assert "b worse off" in text
    assert "800 clients" in text
    stop = {"what": "block:bold", "reason": " "}
    assert client.post(f"{address}stop/", stop).status_code == 422
    assert client.post(f"{address}stop/", {**stop, "what": "block:other", "reason": "x"}).status_code == 422
    assert not Stop.objects.exists()
    assert client.post(f"{address}stop/", {**stop, "reason": "Dearer for b."}).status_code == 302
    assert Stop.objects.values_list("scope", "target", "reason").get() == ("block", "bold", "Dearer for b.")
    assert client.post(f"{address}stop/", {**stop, "reason": "Again."}).status_code == 409
    plain = campaign.candidates.get(version__block__slug="plain").version_id
    offer = {"version": plain, "kind": "beneficial", "fee_bps": "ten"}
    assert client.post(f"{address}offer/", offer).status_code == 422
    assert client.post(f"{address}offer/", {**offer, "fee_bps": "10"}).status_code == 302
    assert client.post(f"{address}offer/", {**offer, "fee_bps": "12"}).status_code == 409
    assert Offer.objects.get(version=plain).fee_bps == 10


def told_apart(world: World, campaign: Campaign, *, cautious: str) -> None:
    """500 clients of either group; bold words are closed to the cautious, the group `a` or nobody."""
    ids = shown(world, campaign, ["plain"] * 1_000, group=["a"] * 500 + ["b"] * 500, cost={"calm": 20, "bold": 150})
    careful = {"a": ids[:500], "nobody": ids[:0]}[cautious]
    Attribute.objects.bulk_create(
        [
            Attribute(client_id=int(one), key="risk_tolerance", origin="declared", source="test", at=world.at,
                      value="cautious" if one in careful else "growth")
            for one in ids
        ]
    )  # fmt: skip
    Run.objects.update(plan=plans.snapshot(campaign, at=world.at))


def beside(world: World, model: Artefact) -> None:
    """The shadow has decided often enough."""
    ShadowDecision.objects.bulk_create(
        [ShadowDecision(artefact=model, message=one, choice=[0], propensity=1.0, likely=1.0, at=world.at)
         for one in Message.objects.order_by("pk")[:200]]
    )  # fmt: skip


def test_a_model_that_would_treat_groups_unlike_stays_in_shadow(
    world: World, campaign: Campaign, shadow: Artefact, officer: Staff, client: Browser
) -> None:
    told_apart(world, campaign, cautious="a")
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")

    step = approved(steps.ask(shadow.pk, by=world.marketer, at=world.at), at=world.at)
    gate.take(step.pk, by=officer, at=world.at)  # deciding beside, without effect, harms nobody
    step = approved(steps.ask(shadow.pk, share=0.1, by=world.marketer, at=world.at), at=world.at)

    with pytest.raises(steps.CannotStep, match="shadow"):
        gate.take(step.pk, by=officer, at=world.at)
    beside(world, shadow)
    refused = client.post(f"/console/models/{shadow.pk}/take/", {"step": step.pk})

    made = FairnessReport.objects.get(artefact=shadow)
    assert refused.status_code == 409
    assert f"Fairness report {made.pk}" in refused.content.decode()
    assert (made.verdict, found(made)["harmful"]) == ("fail", ("fail", "b"))
    assert training.live("onboarding") is None
    assert client.get(f"/compliance/fairness/{made.pk}/").status_code == 200
    with pytest.raises(IntegrityError, match="a_model_that_failed_stays_in_shadow"), transaction.atomic():
        steps.take(step.pk, by=officer, at=world.at)
    assert Artefact.objects.get(pk=shadow.pk).stage == Stage.SHADOW
    assert not LedgerEntry.objects.filter(kind="model.live").exists()


def test_a_model_goes_live_where_groups_would_be_treated_alike_and_explores_more_until_that_is_proven(
    world: World, campaign: Campaign, shadow: Artefact, officer: Staff
) -> None:
    told_apart(world, campaign, cautious="nobody")

    forecast.of_model(shadow, by=officer, at=world.at)
    stepped(shadow, Stage.LIVE, officer=officer, at=world.at)

    made = FairnessReport.objects.get(artefact=shadow)
    assert made.verdict == "not_enough"
    assert training.live("onboarding") == shadow
    assert plans.snapshot(campaign, at=world.at)["gamma"] == policy.gamma_for(training.POOLED_ROWS)
    proven = {"attribute": "sex", "group": "b", "measure": "offered", "verdict": "pass"}
    reports.keep([proven], artefact=shadow, until=world.at, clients=1000, by=officer, at=world.at + timedelta(hours=1))
    assert plans.snapshot(campaign, at=world.at)["gamma"] == policy.gamma_for(shadow.card["rows"])
