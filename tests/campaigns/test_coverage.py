"""N3: launch is refused while a reachable pair is unread; only what is new is asked; rules bind choice and message."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection

from campaigns import choosing, coverage, messages, plans, runs, variants
from campaigns.combinations import pairs, rules, space
from campaigns.models import CoveredPair, Run
from compliance import review
from compliance.models import ReviewItem, ReviewKind, Role
from personalize.decide import combining
from tests.campaigns.world import World
from tests.people import reviewer

pytestmark = pytest.mark.django_db
DEBT = {"slot": "body", "body": "If you are worried about debt, StepChange offers free help.", "topics": ["debt"]}


@pytest.fixture
def sensitive(world: World):
    """A campaign with two bodies about debt and two subjects, all approved one by one."""
    world.client(1)
    made = world.campaign(parts=(("hello", True), ("hello-goal", False), ("plain", True), ("read", True)))
    officer = reviewer("officer", Role.OFFICER)
    for number in range(2):
        version = world.block(f"debt-{number}", approved=False, **{**DEBT, "body": f"{DEBT['body']} Part {number}."})
        for by in (world.editor, officer):
            item = ReviewItem.objects.get(digest=version.digest)
            review.approve(item.pk, by=by, seen=item.digest, reason="Kind.", at=world.at)
        plans.add_candidate(made, version, by=world.marketer, at=world.at)
    return made


def codes(campaign, at):
    return [one.code for one in plans.blockers(campaign, at=at)]


def test_launch_is_refused_until_every_reachable_pair_was_read(world: World, sensitive) -> None:
    with pytest.raises(runs.LaunchRefused, match="6 of 11 reachable pairs") as refused:
        runs.launch(sensitive, by=world.marketer, at=world.at)
    assert not Run.objects.exists()

    item = runs.ask(sensitive, refused.value.blockers, by=world.marketer, at=world.at)
    officer = reviewer("officer", Role.OFFICER)
    first = review.approve(item.pk, by=world.editor, seen=item.digest, reason="Kind.", at=world.at)
    assert (first.state, codes(sensitive, world.at)) == ("waiting", ["unread_pairs"])  # debt needs an officer too
    review.approve(item.pk, by=officer, seen=item.digest, reason="Agreed.", at=world.at)

    assert runs.launch(sensitive, by=world.marketer, at=world.at).audience == 1
    scope = {"kind": "pair_set", "pairs": CoveredPair.objects.count(), "rows": len(item.snapshot["parts"])}
    assert item.approvals.first().scope["kind"] == scope["kind"]
    assert item.snapshot["scope"]["pairs"] == scope["pairs"]


def test_what_was_read_in_pairs_is_not_held_message_by_message(world: World, sensitive) -> None:
    world.read_together(sensitive)
    run = runs.launch(sensitive, by=world.marketer, at=world.at)

    messages.make(run, np.array([world.client(2).pk]), at=world.at)

    assert not ReviewItem.objects.filter(kind=ReviewKind.VARIANT).exists()


def test_the_last_gate_says_the_same_of_texts_that_go_by_their_pairs(world: World, sensitive) -> None:
    chosen = [one.version for one in sensitive.candidates.select_related("version__block").order_by("pk")]
    words = [one for one in chosen if one.block.slug in ("hello", "debt-0", "read")]
    item = world.read_together(sensitive)
    made = variants.ensure(sensitive, words, by=world.marketer, at=world.at)

    def gate() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("select campaigns_words_may_go(%s, %s)", [made.pk, world.at])
            return cursor.fetchone()[0]

    assert (made.needs_review, bool(made.pairs)) == (True, True)
    assert (variants.standing([made], at=world.at)[made.pk], gate()) == ("go", True)
    review.withdraw(item.pk, by=world.editor, reason="On second thoughts.", at=world.at)
    assert (variants.standing([made], at=world.at)[made.pk], gate()) == ("held", False)


def test_a_set_whose_approval_was_taken_back_covers_nothing(world: World, sensitive) -> None:
    item = world.read_together(sensitive)
    assert codes(sensitive, world.at) == []

    review.withdraw(item.pk, by=world.editor, reason="On second thoughts.", at=world.at)

    assert codes(sensitive, world.at) == ["unread_pairs"]


def test_t24_one_character_more_is_another_text_that_nobody_read(world: World, sensitive) -> None:
    world.read_together(sensitive)
    before = sensitive.candidates.get(version__block__slug="debt-0")
    edited = world.block("debt-0", approved=False, **{**DEBT, "body": f"{before.version.body}!"})

    plans.remove_candidate(sensitive, before.pk, by=world.marketer, at=world.at)
    plans.add_candidate(sensitive, edited, by=world.marketer, at=world.at)

    assert edited.digest != before.version.digest
    assert codes(sensitive, world.at) == ["unread_pairs"]
    with pytest.raises(runs.LaunchRefused):
        runs.launch(sensitive, by=world.marketer, at=world.at)
    plans.remove_candidate(sensitive, sensitive.candidates.get(version=edited).pk, by=world.marketer, at=world.at)
    plans.add_candidate(sensitive, before.version, by=world.marketer, at=world.at)
    assert codes(sensitive, world.at) == []


def test_after_one_change_only_the_messages_with_it_are_asked(world: World, sensitive) -> None:
    whole = world.read_together(sensitive)
    version = world.block("debt-9", approved=False, **{**DEBT, "body": "Money worries? Free help is there."})
    plans.add_candidate(sensitive, version, by=world.marketer, at=world.at)

    item = coverage.ask(sensitive, plans.snapshot(sensitive, at=world.at), by=world.marketer, at=world.at)

    assert item.snapshot["scope"]["rows"] < whole.snapshot["scope"]["rows"]
    covering = [f"Message {number}" for number in range(1, item.snapshot["scope"]["rows"] + 1)]
    assert all("Free help is there." in item.snapshot["parts"][one] for one in covering)


def test_without_the_policy_even_plain_words_are_read_together(world: World) -> None:
    world.client(1)
    made = world.campaign()
    assert codes(made, world.at) == []

    review.withdraw(
        ReviewItem.objects.get(digest=pairs.PLAIN_DIGEST).pk, by=world.editor, reason="Too loose.", at=world.at
    )

    assert codes(made, world.at) == ["unread_pairs"]
    world.read_together(made)
    assert codes(made, world.at) == []


def test_the_texts_are_shown_with_values_that_break_them(world: World, sensitive) -> None:
    item = world.read_together(sensitive)

    notes = " ".join(item.snapshot["notes"].values())
    assert "another script" in notes
    assert "fields that nobody filled in" in notes
    assert coverage.filled('Dear {{ first_name|fallback:"client" }},', {}) == "Dear client,"


def in_force(world: World, code: str, kind: str, body: dict):
    """The rule, approved by two people."""
    made = rules.draft(code=code, name=code, kind=kind, body=body, why="A test.", by=world.marketer, at=world.at)
    for by in (world.editor, reviewer("officer", Role.OFFICER)):
        item = ReviewItem.objects.get(digest=made.digest)
        review.approve(item.pk, by=by, seen=made.digest, reason="Right.", at=world.at)
    return made


def test_a_rule_binds_once_two_people_approved_it(world: World) -> None:
    body = {"a": {"block": ["hello-goal"]}, "b": {"block": ["calm"]}}
    made = rules.draft(code="r", name="R", kind="excludes", body=body, why="x", by=world.marketer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)

    review.approve(item.pk, by=world.editor, seen=made.digest, reason="Right.", at=world.at)
    assert rules.in_force(at=world.at) == []
    review.approve(item.pk, by=reviewer("officer", Role.OFFICER), seen=made.digest, reason="Right.", at=world.at)
    assert rules.in_force(at=world.at) == [made]
    item, later = ReviewItem.objects.get(digest=made.digest), world.at + timedelta(days=400)
    for one in (world.marketer, world.editor):  # alone, and after the date too
        with pytest.raises(review.NotYours):
            review.withdraw(item.pk, by=one, reason="x", at=later)
    assert rules.in_force(at=later) == [made]
    with pytest.raises(rules.BadRule):
        rules.draft(code="r", name="R", kind="excludes", body={}, why="x", by=world.marketer, at=world.at)


def test_what_a_rule_keeps_apart_is_not_drawn_not_asked_and_not_sent(world: World) -> None:
    parts = (("hello", True), ("hello-goal", False), ("calm", False), ("plain", True), ("read", True))
    in_force(world, "apart", "excludes", {"a": {"block": ["hello-goal"]}, "b": {"block": ["calm"]}})
    made = world.campaign(parts=parts)
    ids = np.array([world.client(number).pk for number in range(1, 41)])
    run = runs.launch(made, by=world.marketer, at=world.at)
    table = rules.compiled(run.plan)

    decided = choosing.decide(run.plan, ids, seed=run.seed, at=world.at)

    assert (decided.choice >= 0).all()
    assert (combining.violated(table, decided.choice) < 0).all()
    assert space.of(run.plan).kept_apart == 1
    again = choosing.redraw(
        run.plan, int(ids[0]), seed=run.seed, features=decided.features[0], closed=decided.closed[0]
    )
    assert again.choice.tolist() == decided.choice[0].tolist()
    names = [[one["block"] for one in slot["candidates"]] for slot in run.plan["slots"]]
    bad = np.array([[names[0].index("hello-goal"), names[1].index("calm"), 0]], np.int16)
    (text,) = messages._texts(made, run.plan, bad, at=world.at).values()
    assert (text.state, text.reason, text.variant) == ("suppressed", "combination_refused", None)


def test_fallbacks_that_a_rule_keeps_apart_refuse_the_launch(world: World) -> None:
    world.client(1)
    made = world.campaign()
    in_force(world, "apart", "excludes", {"a": {"block": ["hello"]}, "b": {"block": ["plain"]}})

    assert "fallbacks_kept_apart" in codes(made, world.at)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ({"field": "goal", "op": "eq", "value": "house"}, {"field": "goal", "op": "eq", "value": "car"}, True),
        ({"field": "goal", "op": "in", "value": ["home", "car"]}, {"field": "goal", "op": "eq", "value": "car"}, False),
        ({"field": "age", "op": "gte", "value": 60}, {"field": "age", "op": "lte", "value": 50}, True),
        ({"field": "age", "op": "eq", "value": "12"}, {"field": "age", "op": "eq", "value": 12.0}, False),
        ({"field": "goal", "op": "exists", "value": False}, {"field": "goal", "op": "eq", "value": "car"}, True),
        ({"any": [{"field": "x", "op": "eq", "value": "a"}]}, {"field": "x", "op": "eq", "value": "b"}, False),
        ({"field": "goal", "op": "not", "value": ["car"]}, {"field": "goal", "op": "eq", "value": "car"}, False),
        ({}, {"field": "goal", "op": "eq", "value": "car"}, False),
    ],
)  # fmt: skip
def test_only_what_is_surely_impossible_is_left_out(one, other, apart) -> None:
    assert space.contradict(one, other) is apart
