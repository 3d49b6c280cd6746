"""Pressure has points and a budget; calm closes what presses, begins by a signal, and is lifted by two people."""

from collections import Counter
from datetime import timedelta
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import choosing, explanations, messages, plans, reasons, runs, serving
from campaigns.limits import said
from campaigns.models import BlockVersion, Calm, Message, Variant, WellbeingPolicy
from campaigns.sending import delivery
from campaigns.wellbeing import calm, policy, pressing
from compliance import review
from compliance.models import LedgerEntry, ReviewItem, Role, Staff
from personalize import facts
from personalize.decide.limits import Closed
from tests import owner
from tests.at_once import at_once
from tests.campaigns.sink import Sink
from tests.campaigns.test_caps import DAY, again, send
from tests.campaigns.test_serving import may_see_web
from tests.campaigns.world import World
from tests.people import reviewer

PRESSING = (("hello", True), ("pushy", False), ("plain", True), ("read", True))
RULE = {**policy.USUAL, "points": 60, "signal": "volatility", "at_least": 0.3, "topics": ["crypto"]}
PHRASES = [*pressing.URGENCY, *pressing.FEAR, "calm", "Don’t wait", "ACT  NOW", "hurrying", "a fear.", "\n", "ﬂat"]


def enacted(world: World, **change: Any) -> WellbeingPolicy:
    """A policy that two people approved."""
    made = policy.propose({**RULE, **change}, why="For clients.", by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)
    for by in (world.editor, reviewer("officer", Role.OFFICER)):
        item = review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=world.at)
    return made


def pressed(world: World, *, days: float = 0, slug: str = "guide", **fields: Any) -> Any:
    """A run whose messages press, read and released."""
    campaign = world.campaign(slug, parts=PRESSING, **fields)
    run = again(world, campaign, days=days)
    world.approve()
    runs.release(at=world.at + days * DAY)
    return run


def test_a_block_is_scored_by_the_database_and_by_nobody_else(world: World) -> None:
    version = world.block("pushy")
    waiting = world.block("draft", slot="body", body="Hurry. You could lose everything.", approved=False)

    assert (version.urgency, version.fear, version.lexicon) == (60, 0, pressing.VERSION)
    assert (waiting.urgency, waiting.fear) == (50, 60)
    assert ReviewItem.objects.get(digest=waiting.digest).snapshot["pressure"] == {
        "urgency": 50,
        "fear": 60,
        "lexicon": 1,
    }
    assert [(one.words, one.kind, one.points) for one in pressing.spans(waiting.body)] == [
        ("Hurry", "urgency", 50), ("lose everything", "fear", 60),
    ]  # fmt: skip
    rough = BlockVersion.objects.create(
        block=version.block, number=9, body="Act now.", digest="x", author=world.marketer, made_at=world.at, urgency=1
    )
    BlockVersion.objects.filter(pk=rough.pk).update(urgency=0, lexicon=7)
    rough.refresh_from_db()
    assert (rough.urgency, rough.lexicon) == (60, 1)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.sampled_from(PHRASES), max_size=6), glue=st.sampled_from([" ", ", ", ".\n", "-"]))
def test_author_and_database_count_alike(words: list[str], glue: str) -> None:
    text = glue.join(words)
    with connection.cursor() as cursor:
        cursor.execute("select campaigns_pressing(%s, 'urgency'), campaigns_pressing(%s, 'fear')", [text, text])
        counted = cursor.fetchone()

    assert counted == (pressing.points(text, "urgency"), pressing.points(text, "fear"))


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_spend_more_than_the_budget(world: World, sink: Sink) -> None:
    enacted(world, points=120)  # two messages of 60 points
    twins = [world.client(number, email="shared@mail.example") for number in (1, 2)]
    alone = world.client(3)
    campaign = world.campaign(parts=PRESSING, max_per_week=50)
    for _ in range(5):
        again(world, campaign)
    world.approve()
    runs.release(at=world.at)
    faults = at_once(8, lambda: delivery.send(limit=10, at=world.at, seconds=60))
    for later in (0.01, 0.02, 0.03):  # what was replaced asks anew when it is due
        send(world, days=later)

    urgent = Counter(address for address, mail in sink.mails if b"Act now" in mail)
    assert faults == []
    assert urgent == {twins[0].email: 2, alone.email: 2}
    calmer = Counter(address for address, mail in sink.mails if b"Act now" not in mail)
    assert calmer == {twins[0].email: 3, alone.email: 3}  # the fallback took their place


def test_texts_of_before_pressure_had_points_are_given_theirs(world: World) -> None:
    world.client(1)
    pressed(world, max_per_week=50)
    before = dict(Variant.objects.values_list("pk", "pressure"))
    assert 60 in before.values()

    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table campaigns_variant disable trigger variant_words_never_change")
        cursor.execute("update campaigns_variant set pressure = 0")
        cursor.execute("alter table campaigns_variant enable always trigger variant_words_never_change")
        assert set(Variant.objects.values_list("pressure", flat=True)) == {0}
        cursor.execute(import_module("campaigns.migrations.0039_words_of_before_have_their_points").UP)

    assert dict(Variant.objects.values_list("pk", "pressure")) == before


def test_points_come_back_when_the_window_has_rolled(world: World, sink: Sink) -> None:
    enacted(world, days=7)
    world.client(1)
    pressed(world, max_per_week=50)
    send(world)
    for number, days in ((1, 6.9), (2, 7.1)):
        pressed(world, slug=f"later-{number}", days=days, max_per_week=50)
        send(world, days=days)
        send(world, days=days)

    kept = Message.objects.select_related("variant").order_by("decided_at")
    assert [(one.state, one.variant.pressure) for one in kept] == [("sent", 60), ("sent", 0), ("sent", 60)]
    assert said.window(kept[1].window) == "These words press with 60 points; 60 of 60 were spent in 7 days."


def test_without_a_calmer_fallback_what_is_over_the_budget_is_dropped_with_its_reason(world: World, sink: Sink) -> None:
    enacted(world, points=10)
    world.client(1)
    pressed(world)
    Message.objects.update(choice=messages.fallback_choice(Message.objects.get().run.plan).tolist())

    assert send(world).suppressed == 1
    dropped = Message.objects.get()
    assert (dropped.state, dropped.reason, sink.mails) == ("suppressed", "pressed_enough", [])
    assert "budget of urgency and fear" in reasons.told(dropped)


def test_the_budget_is_the_usual_one_until_two_people_have_set_another(world: World) -> None:
    assert policy.budget(at=world.at) == policy.Budget(30, 200)
    made = policy.propose(RULE, why="Less.", by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)

    for by, budget in ((world.editor, 200), (reviewer("officer", Role.OFFICER), 60)):
        item = review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=world.at)
        assert policy.budget(at=world.at).points == budget
    assert policy.budget(at=world.at + 800 * DAY).points == 60  # what restricts never ends by time


@pytest.mark.parametrize(
    "change",
    [
        {"days": 0}, {"days": 91}, {"points": -1}, {"points": True}, {"at_least": None}, {"signal": ""},
        {"signal": "VIX!"}, {"topics": ["No Code"]}, {"topics": "crypto"}, {"closes_pressing": False, "topics": []},
        {"more": 1}, {"at_least": float("nan")}, {"at_least": float("inf")}, {"signal": "", "at_least": "much"},
    ],
)  # fmt: skip
def test_a_policy_that_says_nothing_clear_is_refused(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(policy.BadPolicy):
        policy.propose({**RULE, **change}, why="x", by=world.marketer, at=world.at)
    with pytest.raises(policy.BadPolicy, match="why"):
        policy.propose(RULE, why=" ", by=world.marketer, at=world.at)
    assert not WellbeingPolicy.objects.exists()


def test_a_signal_begins_calm_and_what_presses_is_closed_until_two_people_lift_it(world: World, sink: Sink) -> None:
    enacted(world, points=500)
    client = world.client(1)
    run = pressed(world, max_per_week=50)
    facts.signal("volatility", 0.29, effective_at=world.at - DAY, source="index")
    assert calm.current(at=world.at) is None

    facts.signal("volatility", 0.34, effective_at=world.at, source="index")

    held = calm.current(at=world.at)
    assert held is not None
    assert (held.signal["value"], held.begun_by) == (0.34, None)
    send(world)  # assembled before: the gate gives the fallback
    send(world)
    sent = Message.objects.select_related("variant", "campaign").get()
    assert (sent.state, sent.variant.pressure, sent.window["calm"]) == ("sent", 0, held.pk)
    assert "Markets were unsettled, so we left out words that press for a decision." in explanations.for_client(sent)
    decided = choosing.decide(run.plan, np.array([client.pk]), seed=run.seed, at=world.at)
    assert [Closed(one) for one in decided.closed[0]] == [Closed.OPEN, Closed.CALM, Closed.OPEN, Closed.OPEN]

    officer = reviewer("officer", Role.OFFICER)
    with pytest.raises(calm.NotCalm):
        calm.lift(held.pk, by=officer, at=world.at)
    admin = reviewer("admin", Role.ADMIN)
    with pytest.raises(calm.NotYours):
        calm.ask_lift(held.pk, by=admin, at=world.at)
    with pytest.raises(IntegrityError, match="two_reviewers_lift_calm"), transaction.atomic():
        Calm.objects.filter(pk=held.pk).update(lift_asked_by=admin, lift_asked_at=world.at)
    calm.ask_lift(held.pk, by=officer, at=world.at)
    with pytest.raises(calm.NotYours):
        calm.lift(held.pk, by=admin, at=world.at)
    with pytest.raises(calm.NotYours):
        calm.lift(held.pk, by=officer, at=world.at)
    with pytest.raises(IntegrityError, match="calm_is_lifted_by_two"), transaction.atomic():
        Calm.objects.filter(pk=held.pk).update(lifted_by=officer, lifted_at=world.at)
    facts.signal("volatility", 0.1, effective_at=world.at + timedelta(hours=1), source="index")
    assert calm.current(at=world.at + 100 * DAY) == held  # neither a quiet market nor time lifts it
    calm.lift(held.pk, by=world.editor, at=world.at + timedelta(hours=2))
    decided = choosing.decide(run.plan, np.array([client.pk]), seed=run.seed, at=world.at + DAY)
    assert decided.closed[0, 1] == Closed.OPEN
    kinds = LedgerEntry.objects.filter(kind__startswith="calm.").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["calm.lift_asked", "calm.lifted"]


def test_calm_closes_topics_and_products_as_the_policy_says(world: World) -> None:
    enacted(world, topics=["learning"])
    client = world.client(1)
    world.block("coins", slot="body", body="What a coin is.", topics=["learning"])
    parts = (("hello", True), ("coins", False), ("plain", True), ("read", True))
    plan = plans.snapshot(world.campaign(parts=parts), at=world.at)
    before = choosing.decide(plan, np.array([client.pk]), seed=1, at=world.at).closed[0, 1]

    calm.begin(reason="A bank failed.", by=world.editor, at=world.at)

    assert before == Closed.OPEN
    assert choosing.decide(plan, np.array([client.pk]), seed=1, at=world.at).closed[0, 1] == Closed.CALM
    service = {**plan, "purpose": "service"}
    assert choosing.decide(service, np.array([client.pk]), seed=1, at=world.at).closed[0, 1] == Closed.OPEN


def test_one_person_begins_calm_with_a_reason_once(world: World) -> None:
    with pytest.raises(calm.NoReason):
        calm.begin(reason=" ", by=world.editor, at=world.at)
    made = calm.begin(reason="A bank failed.", by=world.editor, at=world.at)
    with pytest.raises(calm.AlreadyCalm):
        calm.begin(reason="Again.", by=world.editor, at=world.at)

    assert calm.closes(at=world.at) == calm.Closes(pressing=True, topics=frozenset())
    assert calm.closes(at=world.at - DAY) == calm.NOTHING
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Calm.objects.filter(pk=made.pk).update(reason="Other")
    assert Calm.objects.get().reason == "A bank failed."


def test_words_that_press_are_no_fallback(world: World) -> None:
    world.client(1)
    campaign = world.campaign(parts=(("hello", True), ("pushy", True), ("read", True)))

    codes = [one.code.rpartition("_")[0] for one in plans.blockers(campaign, at=world.at)]

    assert codes == ["pressing_fallback"]


def test_the_page_shows_calm_everywhere_and_lets_two_lift_it(world: World, client: Any, officer: Any) -> None:
    enacted(world)
    client.force_login(world.editor)
    assert b"Calm holds" not in client.get("/compliance/wellbeing/").content

    refused = client.post("/compliance/wellbeing/calm/", {"reason": ""})
    begun = client.post("/compliance/wellbeing/calm/", {"reason": "A bank failed."})
    twice = client.post("/compliance/wellbeing/calm/", {"reason": "Again."})

    assert (refused.status_code, begun.status_code, twice.status_code) == (422, 302, 409)
    client.force_login(officer)
    assert b"Calm holds." in client.get("/compliance/").content
    asked = {"days": "7", "points": "x", "signal": "volatility", "at_least": "0.3", "topics": "", "why": "y"}
    asked["closes_pressing"] = "on"
    assert client.post("/compliance/wellbeing/policy/", asked).status_code == 422
    assert client.post("/compliance/wellbeing/policy/", {**asked, "points": "90"}).status_code == 302
    assert WellbeingPolicy.objects.count() == 2
    client.force_login(world.marketer)
    assert client.post("/compliance/wellbeing/calm/", {"reason": "Mine."}).status_code == 403


def test_calm_holds_on_pages_too(world: World) -> None:
    person = may_see_web(world, world.client(1))
    parts = (("hello", True), ("pushy", False), ("plain", True), ("read", True))
    campaign = world.campaign(parts=parts, channel="web", placement="home-hero")
    runs.launch(campaign, by=world.marketer, at=world.at)
    campaign.refresh_from_db()

    serving.fill(person, campaign, channel="web", at=world.at)
    world.approve()  # words that press are read as a whole

    before = serving.fill(person, campaign, channel="web", at=world.at)
    calm.begin(reason="A bank failed.", by=world.editor, at=world.at)
    after = serving.fill(person, campaign, channel="web", at=world.at)

    assert [one["block"] for one in before.blocks] == ["hello", "pushy", "read"]
    assert [one["block"] for one in after.blocks] == ["hello", "plain", "read"]
    assert "Markets were unsettled, so we left out words that press for a decision." in after.reasons


def test_n08_a_policy_approved_while_the_market_is_past_its_mark_begins_calm(world: World) -> None:
    facts.signal("volatility", 0.34, effective_at=world.at - DAY, source="index")
    assert calm.current(at=world.at) is None

    enacted(world)

    held = calm.current(at=world.at)
    assert held is not None
    assert (held.signal["value"], held.policy, held.begun_by) == (0.34, policy.in_force(at=world.at), None)


@pytest.mark.parametrize("newest", [0.29, None])
def test_n08_a_policy_approved_in_a_calm_market_begins_nothing(world: World, newest: float | None) -> None:
    facts.signal("volatility", 0.34, effective_at=world.at - 2 * DAY, source="index")
    facts.signal("volatility" if newest else "oil", newest or 0.5, effective_at=world.at - DAY, source="index")

    enacted(world, signal="volatility" if newest else "oil", at_least=0.3 if newest else 0.6)

    assert calm.current(at=world.at) is None


def test_n08_the_policy_in_force_ends_by_two_reviewers_and_never_by_one(world: World, officer: Any) -> None:
    enacted(world)
    item = ReviewItem.objects.get(snapshot__about="policy:wellbeing")
    why = {"reason": "Too strict.", "at": world.at}

    for one in (world.marketer, world.editor, officer):  # its author, and either reviewer, alone
        with pytest.raises(review.NotYours):
            review.withdraw(item.pk, by=one, **why)
        with pytest.raises(IntegrityError, match="two_people_end_what_restricts"), transaction.atomic():
            ReviewItem.objects.filter(pk=item.pk).update(state="withdrawn", decided_by=one, decided_at=world.at)
    with pytest.raises(review.NotYours):
        review.ask_end(item.pk, by=world.marketer, **why)
    assert policy.budget(at=world.at) == policy.Budget(30, 60)
    assert ReviewItem.objects.get(pk=item.pk).end_asked_by is None

    review.ask_end(item.pk, by=world.editor, **why)
    for one in (world.editor, reviewer("editor2", Role.EDITOR)):  # the first again, and nobody from compliance
        with pytest.raises(review.NotYours):
            review.withdraw(item.pk, by=one, **why)
        with pytest.raises(IntegrityError, match="two_people_end_what_restricts"), transaction.atomic():
            ReviewItem.objects.filter(pk=item.pk).update(state="withdrawn", decided_by=one, decided_at=world.at)
    with pytest.raises(IntegrityError, match="an_end_is_asked_for_once_and_first"), transaction.atomic():
        ReviewItem.objects.filter(pk=item.pk).update(end_asked_by=officer)
    assert policy.in_force(at=world.at) is not None

    review.withdraw(item.pk, by=officer, **why)
    assert policy.in_force(at=world.at) is None
    assert list(LedgerEntry.objects.filter(kind__in=("review.end_asked", "review.withdrawn")).order_by("pk")
                .values_list("kind", "actor")) == [
        ("review.end_asked", f"staff:{world.editor.pk}"), ("review.withdrawn", f"staff:{officer.pk}"),
    ]  # fmt: skip


def test_n08_whoever_asked_and_left_is_replaced_as_the_first_of_two(world: World, officer: Any) -> None:
    enacted(world)
    item, why = ReviewItem.objects.get(snapshot__about="policy:wellbeing"), {"reason": "Too strict.", "at": world.at}
    leaver = reviewer("editor2", Role.EDITOR)
    review.ask_end(item.pk, by=leaver, **why)
    with pytest.raises(review.AlreadyDecided):  # who asked is still here
        review.ask_end(item.pk, by=world.editor, **why)
    Staff.objects.filter(pk=leaver.pk).update(is_active=False)

    with pytest.raises(review.NotYours, match="first one of them asks"):
        review.withdraw(item.pk, by=officer, **why)
    assert policy.in_force(at=world.at) is not None
    review.ask_end(item.pk, by=world.editor, **why)
    review.withdraw(item.pk, by=officer, **why)

    assert policy.in_force(at=world.at) is None


def test_n08_its_page_asks_for_the_second_person(world: World, officer: Any, client: Any) -> None:
    enacted(world)
    path = f"/review/{ReviewItem.objects.get(snapshot__about='policy:wellbeing').pk}/"
    client.force_login(world.editor)

    assert "Ask for its end" in client.get(path).content.decode()
    assert client.post(f"{path}withdraw/", {"reason": "Too strict."}).status_code == 302
    assert client.post(f"{path}withdraw/", {"reason": "Too strict."}).status_code == 403
    shown = client.get(path).content.decode()
    assert ("says that it may end" in shown, "Agree: end it" in shown) == (True, False)
    assert policy.in_force(at=world.at) is not None
    client.force_login(officer)
    assert "Agree: end it" in client.get(path).content.decode()
    assert client.post(f"{path}withdraw/", {"reason": "Agreed."}).status_code == 302
    assert policy.in_force(at=world.at) is None
