"""Whoever is to be spared is never pressed; non-mass-market words reach only those with a certificate in date."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client as Browser

from campaigns import audiences, choosing, copies, plans, reasons, runs, traces
from campaigns.limits import said
from campaigns.models import Campaign, CampaignBlock, Message
from compliance import certificates, vulnerability
from compliance.models import Client, ComprehensionTest, Role, Staff, Vulnerability
from personalize.decide import limits
from personalize.decide.limits import Closed
from personalize.models import Feature
from tests import owner
from tests.campaigns.sink import Sink
from tests.campaigns.test_caps import again, send
from tests.campaigns.test_wellbeing import PRESSING
from tests.campaigns.world import World
from tests.people import reviewer

DAY = timedelta(days=1)
CERTIFIED = {"field": "certificate", "op": "exists", "value": True}
NMMI = (("hello", True), ("bonds", False), ("plain", True), ("read", True))


@pytest.fixture
def officer(db: None) -> Staff:
    return reviewer("officer", Role.OFFICER)


def spared(world: World, person: Client, officer: Staff, *, days: int = 0) -> Vulnerability:
    at = world.at + days * DAY
    return vulnerability.note(
        person.pk, "health", words="Ill since May.", source="client", ground="vital",
        review_on=at.date() + 30 * DAY, by=officer, at=at,
    )  # fmt: skip


def certify(world: World, person: Client, officer: Staff, *, days: int = 300) -> Any:
    today = world.at.date()
    return certificates.record(person.pk, "high_net_worth", signed_on=today, until=today + days * DAY,
                               evidence="Vault", by=officer, at=world.at)  # fmt: skip


def closed(world: World, campaign: Campaign, *people: Client, days: int = 0) -> list[list[Closed]]:
    """The codes of the body's candidates but the fallback, for each client."""
    plan, at = plans.snapshot(campaign, at=world.at), world.at + days * DAY
    decided = choosing.decide(plan, np.array([one.pk for one in people]), seed=1, at=at)
    bodies = sum(one.slot == "body" and not one.is_fallback for one in campaign.candidates.all())
    return [[Closed(code) for code in row[1 : 1 + bodies]] for row in decided.closed.tolist()]


@pytest.mark.django_db
def test_t32_vulnerability_closes_and_never_opens_also_past_its_review_day(world: World, officer: Staff) -> None:
    told = {"risk_tolerance": "growth", "experience": "expert"}
    ann, ben = world.client(1, **told), world.client(2, **told)
    campaign = world.campaign(parts=(("hello", True), ("calm", False), ("bold", False), ("pushy", False),
                                     ("plain", True), ("read", True)))  # fmt: skip
    free = [Closed.OPEN, Closed.OPEN, Closed.OPEN]
    assert closed(world, campaign, ann, ben) == [free, free]

    made = spared(world, ann, officer)

    gentle = [Closed.OPEN, Closed.FRAMING, Closed.VULNERABLE]
    assert closed(world, campaign, ann, ben) == [gentle, free]
    assert closed(world, campaign, ann, days=60) == [gentle]
    vulnerability.ask_end(made.pk, why="over", by=officer, at=world.at)
    assert closed(world, campaign, ann) == [gentle]
    vulnerability.end(made.pk, by=reviewer("officer2", Role.OFFICER), at=world.at)
    assert closed(world, campaign, ann) == [free]


@pytest.mark.django_db(transaction=True)
def test_t32_whoever_is_noted_after_the_decision_is_not_pressed_at_the_last_gate(
    world: World, officer: Staff, sink: Sink
) -> None:
    ann, ben = world.client(1), world.client(2)
    again(world, world.campaign(parts=PRESSING))
    world.approve()
    runs.release(at=world.at)
    spared(world, ann, officer)

    for later in (0, 0.01):
        send(world, days=later)

    mails = {address: b"Act now" in mail for address, mail in sink.mails}
    assert mails == {ann.email: False, ben.email: True}
    kept = Message.objects.get(client=ann)
    assert kept.window == {"pressure": 60, "replaced": True}
    assert reasons.told(kept).endswith("These words press with 60 points.")


@pytest.mark.django_db
def test_t32_only_officers_are_told_that_a_client_is_to_be_spared(world: World, officer: Staff) -> None:
    told = {"risk_tolerance": "growth", "experience": "expert", "vulnerable": True}
    world.client(1, **told)
    campaign = world.campaign(parts=(("hello", True), ("bold", False), ("pushy", False), ("plain", True),
                                     ("read", True)))  # fmt: skip
    again(world, campaign)
    [message] = Message.objects.all()

    def told_of(*, is_veiled: bool) -> list[str]:
        body = next(one for one in traces.places(message, is_veiled=is_veiled) if one.label == "Body")
        return [one.because for one in body.candidates[:2]]

    assert told_of(is_veiled=False) == [limits.SENTENCES[Closed.FRAMING], limits.SENTENCES[Closed.VULNERABLE]]
    assert told_of(is_veiled=True) == [limits.UNSUITED] * 2


@pytest.mark.django_db
def test_t32_what_depends_on_the_client_is_told_alike_to_whoever_may_not_know() -> None:
    alike = {code for code in Closed if limits.sentence(code, is_veiled=True) == limits.UNSUITED}

    assert alike == set(Closed) - {
        Closed.OPEN, Closed.EXPIRED, Closed.UNAPPROVED, Closed.FALLBACK, Closed.COMBINATION, Closed.CALM
    }  # fmt: skip
    assert {limits.sentence(code, is_veiled=False) for code in Closed} == set(limits.SENTENCES.values())


@pytest.mark.django_db
def test_t32_a_marketer_reads_no_figure_of_pressure_on_pages_and_in_calls(
    world: World, officer: Staff, client: Browser
) -> None:
    ann, ben = world.client(1), world.client(2)
    again(world, world.campaign(parts=PRESSING))
    spared_one = {"pressure": 60}
    budget = {"points": 200, "days": 30, "spent": 180, "pressure": 60}
    for person, window in ((ann, spared_one), (ben, budget)):
        Message.objects.filter(client=person).update(state="suppressed", reason="pressed_enough", window=window)
    [run] = set(Message.objects.values_list("run", flat=True))

    def read(who: Staff, person: Client) -> list[str]:
        client.force_login(who)
        message = Message.objects.get(client=person)
        pages = (f"/console/messages/{message.pk}/", f"/console/clients/{person.ref}/",
                 f"/console/runs/{run}/?state=suppressed", f"/api/v1/clients/{person.user_id}/messages")  # fmt: skip
        answers = [client.get(page) for page in pages]
        assert {one.status_code for one in answers} == {200}
        return [one.content.decode() for one in answers]

    for person in (ann, ben):
        shown = read(world.marketer, person)
        assert not [one for one in shown if "points" in one or "180" in one or "&quot;pressure&quot;: 60" in one]
        assert all("has been pressed as much as" in one for one in shown)
    calls = [json.loads(read(world.marketer, one)[-1])["results"][0] for one in (ann, ben)]
    assert [(one["window"], one["state_sentence"]) for one in calls] == [
        ({"by": "pressure"}, reasons.sentence("suppressed", "pressed_enough"))
    ] * 2
    assert json.loads(read(officer, ben)[-1])["results"][0]["window"] == budget
    assert "180 of 200 were spent" in read(officer, ben)[0]
    assert said_in_words({**spared_one, "replaced": True}) == said_in_words({**budget, "replaced": True}) != ""


def said_in_words(window: dict[str, Any]) -> str:
    return said.window(said.veiled(window))


@pytest.mark.django_db
def test_t32_a_campaign_from_before_that_reads_vulnerability_can_be_stopped_and_not_started(world: World) -> None:
    rule = {"field": "attribute:vulnerability_reason", "op": "exists", "value": True}
    world.client(1)
    campaign = world.campaign()
    run = again(world, campaign)
    old = {"campaigns_campaign": "audience", "campaigns_campaignblock": "rule"}
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        for table, column in old.items():
            cursor.execute(f"alter table {table} disable trigger nobody_chosen_changed")
            cursor.execute(f"update {table} set {column} = %s", [json.dumps(rule)])
            cursor.execute(f"alter table {table} enable always trigger nobody_chosen_changed")

    assert runs.stop(run.pk, by=world.marketer, at=world.at)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.audience) == ("stopped", rule)
    for audience in (rule, {}):  # a candidate's rule alone is enough
        with pytest.raises(IntegrityError), transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(state="running", audience=audience)
    CampaignBlock.objects.filter(campaign=campaign).update(rule={})
    assert Campaign.objects.filter(pk=campaign.pk).update(state="running", audience={})


@pytest.mark.django_db
def test_t32_a_clients_own_copy_opens_what_was_noted_and_nobody_elses(world: World, officer: Staff) -> None:
    ann, ben = world.client(1), world.client(2)
    spared(world, ann, officer)

    def told(person: Client) -> list[str]:
        copy = zipfile.ZipFile(io.BytesIO(copies.make(person.pk, by=officer, at=world.at)))
        return [name for name in ("data.json", "README.html") if b"Ill since May." in copy.read(name)]

    assert told(ann) == ["data.json", "README.html"]
    assert told(ben) == []


@pytest.mark.django_db
def test_t32_vulnerability_is_no_audience_no_rule_and_no_feature(world: World) -> None:
    rule = {"all": [{"field": "attribute:vulnerability_reason", "op": "exists", "value": True}]}
    with pytest.raises(audiences.BadRule):
        audiences.check(rule)
    campaign = world.campaign()
    for change in (
        lambda: Campaign.objects.filter(pk=campaign.pk).update(audience=rule),
        lambda: CampaignBlock.objects.filter(campaign=campaign).update(rule=rule),
        lambda: Feature.objects.filter(code="goal").update(spec={"attribute": "vulnerability_reason"}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    campaign.refresh_from_db()
    assert campaign.audience == {}


@pytest.mark.django_db
def test_t21_non_mass_market_words_reach_only_the_certified(world: World, officer: Staff) -> None:
    world.block("bonds", slot="body", body="How these notes work.", topics=["non_mass_market"])
    plain, rich, professional, lapsed = (
        world.client(1), world.client(2), world.client(3, client_category="professional"), world.client(4),
    )  # fmt: skip
    certify(world, rich, officer)
    certify(world, lapsed, officer, days=1)
    campaign = world.campaign(parts=NMMI)

    found = closed(world, campaign, plain, rich, professional, lapsed)
    assert found == [[Closed.CERTIFICATE], [Closed.OPEN], [Closed.OPEN], [Closed.OPEN]]
    assert closed(world, campaign, rich, lapsed, days=2) == [[Closed.OPEN], [Closed.CERTIFICATE]]
    assert audiences.members(CERTIFIED, at=world.at).tolist() == [rich.pk, lapsed.pk]
    assert audiences.members(CERTIFIED, at=world.at + 2 * DAY).tolist() == [rich.pk]


@pytest.mark.django_db
def test_t21_a_campaign_about_them_asks_for_the_certificate(world: World, officer: Staff) -> None:
    world.block("bonds", slot="body", body="How these notes work.", topics=["non_mass_market"])
    certify(world, world.client(1), officer)
    either = {"field": "attribute:client_category", "op": "eq", "value": "professional"}
    other = {"field": "language", "op": "eq", "value": "en"}

    def codes(slug: str, audience: dict[str, Any]) -> bool:
        made = world.campaign(slug, parts=NMMI, audience=audience)
        return "no_certificate" in [one.code for one in plans.blockers(made, at=world.at)]

    for number, wide in enumerate(({}, other, {"not": CERTIFIED}, {"any": [CERTIFIED, other]}, {"any": []})):
        assert codes(f"wide-{number}", wide), wide
    for number, narrow in enumerate((CERTIFIED, either, {"all": [other, CERTIFIED]}, {"any": [CERTIFIED, either]})):
        assert not codes(f"narrow-{number}", narrow), narrow


@pytest.mark.django_db(transaction=True)
def test_t21_a_certificate_that_was_taken_back_stops_the_message_at_the_last_gate(
    world: World, officer: Staff, sink: Sink
) -> None:
    world.block("bonds", slot="body", body="How these notes work.", topics=["non_mass_market"])
    ann, ben = world.client(1), world.client(2)
    mine, _ = certify(world, ann, officer), certify(world, ben, officer)
    ComprehensionTest.objects.create(
        campaign="guide", question="What can you lose?", sample=40, correct=0.9, correct_vulnerable=0.9,
        tested_on=world.at.date(), recorded_by=officer,
    )  # fmt: skip
    again(world, world.campaign(parts=NMMI, audience=CERTIFIED))
    for _ in range(2):
        world.approve()
    runs.release(at=world.at)
    assert Message.objects.filter(state="pending", variant__text__contains="How these notes work.").count() == 2
    certificates.end(mine.pk, by=officer, at=world.at)

    send(world, days=0.01)

    gone = Message.objects.get(client=ann)
    assert (gone.state, gone.reason) == ("suppressed", "uncertified")
    assert "certificate" in reasons.told(gone)
    assert [address for address, _ in sink.mails] == [ben.email]
