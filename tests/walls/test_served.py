"""What is decided for a page tells a marketer nothing of a client that is for officers alone, by session or token."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils.timezone import now

from campaigns import reasons, runs, serving
from campaigns.choosing import telling
from campaigns.live import deciding
from campaigns.models import Message, Run
from compliance import consent
from compliance.access import bearers
from compliance.models import Channel, Client, Purpose, Staff
from personalize import discretion, features, profiles, training
from personalize.core_features import CORE
from personalize.decide import modeltext
from personalize.decide.design import Input
from personalize.decide.features import NUMBER, Column
from personalize.decide.score import Model
from personalize.models import Feature, FeatureSet
from personalize.training import Fitted
from tests.campaigns.decided import said
from tests.campaigns.shortly import PLACE, SECRET
from tests.campaigns.test_previews import world
from tests.campaigns.test_serving import may_see_web
from tests.campaigns.world import World
from tests.models import declared, let_live

__all__ = ["world"]  # of an hour ago: pages ask the real clock
EARNS = {"field": "attribute:annual_income", "op": "exists", "value": True}
SAVES = {"field": "goal", "op": "eq", "value": "house"}
PARTS = ("hello", True), ("calm", False), ("plain", True), ("read", True)
Ask = Callable[..., Any]


def people(world: World) -> list[Client]:
    """One who meets every sensitive rule, one who meets none, and one who allowed nothing."""
    met = may_see_web(world, world.client(1, goal="house", annual_income="81234", age=61, monthly_saving="7315.99"))
    consent.grant(met.pk, purpose=Purpose.SENSITIVE, channel=Channel.ANY, wording="portal-sensitive-1",
                  surface="portal", mechanism="checkbox", by=f"client:{met.pk}", at=world.at)  # fmt: skip
    not_met = may_see_web(world, world.client(2, goal="house"))
    return [met, not_met, world.client(3, consented=False)]


def launched(world: World, slug: str = "hero", *, channel: str = "web", body: str = "calm", rule: Any = SAVES) -> Run:
    """A run whose body, beside one for everybody, is for whom the rule takes in."""
    campaign = world.campaign(slug, parts=(PARTS[0], (body, False), *PARTS[2:]), channel=channel, placement=PLACE)
    campaign.candidates.filter(version__block__slug=body).update(rule=rule)
    world.read_together(campaign)
    return runs.launch(campaign, by=world.marketer, at=world.at)


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """Versions of the registry count from one again in every test."""
    features._registry.cache_clear()
    yield
    features._registry.cache_clear()


def by_rule(world: World, officer: Staff) -> None:
    launched(world, rule={"any": [{"not": EARNS}, SAVES]})


def by_words(world: World, officer: Staff) -> None:
    world.block("states", slot="body", body="You put {{ monthly_saving }} pounds aside.")
    launched(world, body="states", rule={})


def by_model(world: World, officer: Staff) -> None:
    """The model of the use case reads an age, whatever it makes of it."""
    features.register("age", {"attribute": "age"}, meaning="Age", client_words="of your age", at=world.at)
    position = Feature.objects.get(code="age").position
    made = Model("linear", 0.0, (Input(Column("age", NUMBER), position, 40.0, 9.0, False, (), 0.1),), np.zeros(2),
                 (), (), (), (), ())  # fmt: skip
    declared("onboarding", owner=world.marketer, by=officer)
    fitted = Fitted(modeltext.dump(made), "linear", features.version(), said())
    artefact = training.register("onboarding", fitted, by="system:test", at=world.at)
    let_live(artefact, owner=world.marketer, officer=officer, at=world.at)
    assert launched(world).artefact == artefact


@pytest.fixture
def ask(client: Browser) -> Ask:
    """A decision, or a flag of OFREP, asked for by this person: with a token that has these scopes, or signed in."""

    def ask(staff: Staff, person: Client, *scopes: str, path: str = "/api/v1/decisions", **more: str) -> Any:
        headers = {}
        if scopes:
            ends, secret = now() + timedelta(days=1), "-".join((SECRET, staff.username, *scopes))
            if bearers.find(secret.encode(), at=now()) is None:
                bearers.give(staff, name="t", scopes=scopes, expires_at=ends, by=staff, at=now(), secret=secret)
            headers["authorization"] = f"Bearer {secret}"
        else:
            client.force_login(staff)
        body = {"userId": person.user_id, **(more or {"placement": PLACE})}
        if path != "/api/v1/decisions":
            body = {"context": {"targetingKey": person.user_id}}
        answer = client.post(path, body, content_type="application/json", headers=headers)
        client.logout()
        return answer.json()

    return ask


def bare(told: dict[str, Any]) -> dict[str, Any]:
    """An answer but its number."""
    if "metadata" in told:
        return {**told, "metadata": bare(told["metadata"])}
    return {**told, "decision_id": ""}


WITHHELD = [{"rule": "kept_for_officers", "because": reasons.because("kept_for_officers")}]


@pytest.mark.parametrize("launch", [by_rule, by_words, by_model])
def test_a_marketer_is_not_served_what_may_tell_and_a_site_is(
    world: World, officer: Staff, ask: Ask, launch: Callable[[World, Staff], None]
) -> None:
    three = people(world)
    launch(world, officer)
    profiles.refresh(at=world.at)
    flag = f"/ofrep/v1/evaluate/flags/{PLACE}"

    asked = [ask(world.marketer, one, *scopes) for one in three for scopes in ((), ("build_campaigns",)) * 2]
    flags = [ask(world.marketer, one, *scopes, path=flag) for one in three for scopes in ((), ("build_campaigns",))]
    all_flags = [ask(world.marketer, one, "build_campaigns", path="/ofrep/v1/evaluate/flags") for one in three]

    run = Run.objects.get()
    expected = {
        "decision_id": "", "campaign": "hero", "blocks": [], "content": None, "propensity": 1.0, "policy": run.policy,
        "phase": run.phase, "fallback": False, "reasons": [], "withheld": WITHHELD,
    }  # fmt: skip
    assert [bare(one) for one in asked] == [expected] * len(asked)
    metadata = {"decision_id": "", "policy": run.policy, "because": WITHHELD[0]["because"]}
    disabled = {"key": PLACE, "reason": "DISABLED", "metadata": metadata}
    assert [bare(one) for one in flags] == [disabled] * len(flags)
    assert [bare(one) for told in all_flags for one in told["flags"]] == [disabled] * len(all_flags)
    kept = Message.objects.filter(pk__in=[one["decision_id"] for one in asked])
    assert {(one.state, one.reason, one.variant_id) for one in kept} == {("suppressed", "kept_for_officers", None)}
    assert len(kept) == len(asked)
    for scopes in ((), ("oversee",), ("serve_pages",), ("serve_pages",)):  # the second time by the short way
        served = [ask(officer, one, *scopes) for one in three]
        assert [bool(one["content"]) for one in served] == [True, launch is not by_words, False]
        assert {one["withheld"] == WITHHELD for one in served} == {False}


def test_what_tells_nothing_is_served_to_a_marketer_as_before(world: World, ask: Ask) -> None:
    three = people(world)
    launched(world)

    for scopes in ((), ("build_campaigns",), ("build_campaigns",)):
        assert [bool(ask(world.marketer, one, *scopes)["content"]) for one in three] == [True, True, False]


def test_the_short_way_answers_whom_it_may_and_leaves_the_rest(world: World, officer: Staff, ask: Ask) -> None:
    person = people(world)[0]
    by_rule(world, officer)
    profiles.refresh(at=world.at)
    for staff, scope in ((world.marketer, "build_campaigns"), (officer, "serve_pages")):
        ask(staff, person, scope)

    def none(*args: Any) -> Any:
        raise AssertionError(f"one statement more: {args[1]}")  # the two of a decision go past Django

    def short(staff: Staff, scope: str) -> serving.Served | None:
        secret = "-".join((SECRET, staff.username, scope)).encode()
        return deciding.decide(secret, user_id=person.user_id, placement=PLACE, request="r", at=now())

    assert short(officer, "serve_pages")  # this process learns the run and the text
    assert short(world.marketer, "build_campaigns") is None
    before = Message.objects.count()
    with connection.execute_wrapper(none):
        served = short(officer, "serve_pages")
    assert served is not None
    assert served.content
    assert Message.objects.count() == before + 1


def test_a_value_marked_as_sensitive_later_is_kept_back_at_once(world: World, officer: Staff, ask: Ask) -> None:
    person = people(world)[1]
    launched(world, rule=SAVES)
    profiles.refresh(at=world.at)
    assert [bool(ask(world.marketer, person, "build_campaigns")["content"]) for _ in range(2)] == [True, True]

    Feature.objects.filter(code="goal").update(sensitivity="sensitive", purpose=Purpose.SENSITIVE)
    features.ensure_core(world.at)

    assert ask(world.marketer, person, "build_campaigns")["withheld"] == WITHHELD
    assert ask(officer, person, "serve_pages")["withheld"] != WITHHELD
    assert FeatureSet.objects.count() > 1


def test_that_a_client_was_chosen_for_a_mail_is_no_answer(world: World, officer: Staff, ask: Ask) -> None:
    three = people(world)
    campaign = world.campaign("mail", parts=PARTS, audience=EARNS)
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    written = list(Message.objects.values_list("client", flat=True))
    assert written == [three[0].pk]

    told = [bare(ask(world.marketer, one, campaign="mail", channel="email")) for one in three * 2]

    assert told == [{**told[0], "withheld": WITHHELD}] * 6
    assert list(Message.objects.values_list("client", flat=True)) == written
    assert ask(officer, three[0], campaign="mail", channel="email")["status"] == 409


@pytest.mark.parametrize("launch", [by_rule, by_model])
def test_what_was_shown_is_not_looked_up_later(
    world: World, officer: Staff, ask: Ask, client: Browser, launch: Callable[[World, Staff], None]
) -> None:
    person = people(world)[0]
    launch(world, officer)
    shown = ask(officer, person)["decision_id"]
    asked = ask(world.marketer, person)["decision_id"]

    seen = {}
    for staff in (world.marketer, officer):
        client.force_login(staff)
        pages = (f"/api/v1/clients/{person.user_id}/messages", f"/console/messages/{shown}/",
                 f"/console/clients/{person.ref}/", f"/console/messages/{asked}/")  # fmt: skip
        seen[staff] = [(one.status_code == 200, shown in one.content.decode()) for one in map(client.get, pages)]
        preview = client.get(f"/console/campaigns/hero/preview/?client={person.pk}")
        names = re.search(rf"\b{person.user_id}\b", preview.content.decode())  # not in the middle of a form's token
        seen[staff].append((preview.status_code == 200, names is not None))

    assert seen[world.marketer] == [(True, False), (False, False), (True, False), (False, False), (True, False)]
    assert [found for found, _ in seen[officer]] == [True] * 5
    assert seen[officer][0] == seen[officer][2] == seen[officer][4] == (True, True)


def test_no_feature_that_every_firm_has_keeps_a_page_from_a_marketer() -> None:
    usable = [one["code"] for one in CORE if one["sensitivity"] != Feature.Sensitivity.FORBIDDEN]

    assert [one for one in usable if discretion.is_sensitive(one, frozenset())] == []


def test_a_model_that_cannot_be_read_may_have_read_anything(db: None) -> None:
    assert telling.read_by("of no model") == telling.UNREADABLE
    assert discretion.reads_sensitive(telling.UNREADABLE)
