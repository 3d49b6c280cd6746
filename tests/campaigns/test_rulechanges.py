"""Copy rules change: tried on what we have, approved by another person, and then binding on words approved before."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from campaigns import runs, variants
from campaigns.models import Message, Run, Variant
from campaigns.rulechanges import enacting, radius
from compliance import review, routing
from compliance.copyrules import book
from compliance.models import CopyRule, LateFinding, LedgerEntry, ReviewItem, Role, Staff
from compliance.reviewing import copyrules
from compliance.words import lint
from tests.campaigns.world import World
from tests.people import reviewer

pytestmark = pytest.mark.django_db
STEP = lint.Rule(
    code="Z90", family="unsubstantiated", severity="BLOCK", text="No “step by step”.", citation="House style 4.",
    suggestion="Say how many steps there are.", phrases=("step by step",), trips=("Here it is, step by step.",),
    spares=("The next step is yours.",), valid_from="2026-01-01",
)  # fmt: skip


@pytest.fixture
def officer(db: None) -> Staff:
    return reviewer("officer", Role.OFFICER)


def approved(world: World, officer: Staff, rule: lint.Rule = STEP) -> CopyRule:
    """A version that the officer wrote and the editor let pass."""
    made = copyrules.draft(rule, why="A new guide says so.", by=officer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)
    review.approve(item.pk, by=world.editor, seen=item.digest, reason="Agreed.", at=world.at)
    return made


def in_force(world: World, officer: Staff, rule: lint.Rule = STEP) -> enacting.Effect:
    """The version written, approved and enacted."""
    made = approved(world, officer, rule)
    assert enacting.due(world.at) == [made.pk]
    effect = enacting.enact(made.pk, at=world.at)
    assert effect is not None
    return effect


# -- writing -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phrases": ("stop by stop",)}, "trips"),
        ({"spares": ("Go step by step.",)}, "spares"),
        ({"trips": ()}, "trips"),
        ({"match": "(a+)+$", "phrases": ()}, "match"),
        ({"match": "(?:x|xx)*z"}, "match"),
        ({"match": "(?:(?:[ae][xy])+)+!"}, "match"),
        ({"match": "step ("}, "match"),
        ({"phrases": ("a ~3",)}, "phrases"),
        ({"citation": " "}, "citation"),
        ({"suggestion": ""}, "suggestion"),
        ({"valid_to": "2025-01-01"}, "valid_to"),
        ({"valid_from": "tomorrow"}, "valid_from"),
        ({"severity": "STOP"}, "severity"),
        ({"check": "text:unsubscribe"}, "check"),
        ({"code": "z 90"}, "code"),
    ],
)
def test_a_version_that_does_not_hold_is_not_kept(world: World, officer: Staff, change, field) -> None:
    before = CopyRule.objects.count()

    with pytest.raises(copyrules.BadRule) as refused:
        copyrules.draft(replace(STEP, **change), why="Because.", by=officer, at=world.at)

    assert field in refused.value.errors
    assert (CopyRule.objects.count(), ReviewItem.objects.count()) == (before, 0)
    assert copyrules.draft(STEP, why="Because.", by=officer, at=world.at).version == 1


def test_only_an_officer_writes_and_nobody_approves_their_own(world: World, officer: Staff) -> None:
    with pytest.raises(review.NotYours):
        copyrules.draft(STEP, why="Because.", by=world.marketer, at=world.at)
    made = copyrules.draft(STEP, why="Because.", by=officer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)

    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=officer, seen=item.digest, reason="Mine.", at=world.at)

    assert enacting.due(world.at) == []
    assert STEP.code not in {one.code for one in book.in_force(world.at).rules}


RAW = {
    "an editor writes": ("author_id = (select id from compliance_staff where username = 'editor')", "officers_write"),
    "born in force": ("enacted_at = now()", "enacted_after_its_approval"),
    "a version left out": ("version = 7", "versions_of_a_rule_are_counted"),
    "nobody wrote version two": ("version = 2, author_id = null, enacted_at = now()", "has_an_author"),
}


@pytest.mark.parametrize("how", RAW)
def test_raw_sql_cannot_slip_a_rule_in(world: World, officer: Staff, how: str) -> None:
    made = copyrules.draft(STEP, why="Because.", by=officer, at=world.at)
    change, refused = RAW[how]
    change = change if "version" in change else f"{change}, version = 2"
    sets = dict(one.split(" = ", 1) for one in change.split(", "))
    names = [one.column for one in CopyRule._meta.local_fields if one.column != "id"]
    values = ["'x'" if one == "digest" else sets.get(one, one) for one in names]
    copy = f"insert into compliance_copyrule ({', '.join(names)}) select {', '.join(values)} "

    with pytest.raises(IntegrityError, match=refused), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{copy} from compliance_copyrule where id = %s", [made.pk])

    assert CopyRule.objects.filter(code=STEP.code).count() == 1


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("update compliance_copyrule set severity = 'WARN' where id = %s", "version_of_a_rule_never_changes"),
        ("update compliance_copyrule set enacted_at = now() where id = %s", "enacted_after_its_approval"),
    ],
)
def test_raw_sql_cannot_change_or_enact_what_nobody_approved(world: World, officer: Staff, sql, refused) -> None:
    made = copyrules.draft(STEP, why="Because.", by=officer, at=world.at)

    with pytest.raises(IntegrityError, match=refused), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [made.pk])

    made.refresh_from_db()
    assert (made.severity, made.enacted_at) == ("BLOCK", None)


def test_raw_sql_cannot_enact_what_its_author_let_pass(world: World, officer: Staff) -> None:
    """The author hides: another hands the version in, and no authorship is written."""
    made = CopyRule.objects.create(**book.columns(STEP), why="x", author=officer, made_at=world.at)
    facts = {"kind": "copy_rule", "title": "x", "snapshot": {"parts": {"rule": "x"}}, "ruleset": "x", "reason": "x"}
    item = ReviewItem.objects.create(
        digest=made.digest, approvals_needed=1, submitted_by=world.marketer, submitted_at=world.at, due_at=world.at,
        **facts,
    )  # fmt: skip
    review.approve(item.pk, by=officer, seen=made.digest, reason="Mine.", at=world.at)

    with pytest.raises(IntegrityError, match="nobody_enacts_their_own_rule"), transaction.atomic():
        enacting.enact(made.pk, at=world.at)

    made.refresh_from_db()
    assert made.enacted_at is None


# -- taking effect -------------------------------------------------------------------------------
def test_a_blocking_rule_puts_approved_words_back_and_stops_them(world: World, officer: Staff) -> None:
    world.client(1)
    campaign = world.campaign()
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    runs.assemble(run.chunks.get().pk, at=world.at)
    calm = ReviewItem.objects.get(title__startswith="Calm")

    tried = radius.of(STEP, at=world.at)
    effect = in_force(world, officer)
    calm.refresh_from_db()

    assert [(one.title, one.campaigns) for one in tried.caught] == [("Calm (version 1)", ("A guide",))]
    assert tried.stopped == ["A guide"]
    assert "flag 1 approved block in 1 live campaign; 1 would stop" in tried.sentence
    assert (calm.state, calm.round, calm.officers_needed) == ("waiting", 2, 1)
    assert review.is_blocked(calm)
    assert [(one.quote, one.part) for one in LateFinding.objects.filter(item=calm)] == [("step by step", "body")]
    assert effect.put_back >= 1
    stands = variants.standing(list(Variant.objects.all()), at=world.at)
    using = Variant.objects.filter(blocks__contains=[calm.digest])
    assert {stands[one.pk] for one in using} <= {variants.HELD}
    with pytest.raises(review.NotYours, match="compliance officer"):
        review.approve(calm.pk, by=world.editor, seen=calm.digest, reason="Fine.", at=world.at)
    again = review.approve(calm.pk, by=officer, seen=calm.digest, reason="It has four steps.", at=world.at)
    assert again.state == "approved"
    with pytest.raises(runs.LaunchRefused):  # the campaign itself still runs: nothing else was changed
        runs.launch(campaign, by=world.marketer, at=world.at)
    assert (Run.objects.count(), Message.objects.count()) == (1, 1)


def test_a_message_in_which_only_the_whole_breaks_the_rule_goes_back(world: World, officer: Staff) -> None:
    world.client(1)
    campaign = world.campaign()
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    runs.assemble(run.chunks.get().pk, at=world.at)
    message = Message.objects.select_related("variant").get()
    assert variants.standing([message.variant], at=world.at) == {message.variant_id: variants.GO}

    whole = replace(
        STEP, phrases=("guide ~~40 harbourwell",), trips=("A guide from Harbourwell",), styles=("full_email",)
    )
    in_force(world, officer, replace(whole, spares=("A guide.",)))
    message.variant.refresh_from_db()

    assert message.variant.needs_review
    assert variants.standing([message.variant], at=world.at) == {message.variant_id: variants.HELD}
    assert ReviewItem.objects.filter(digest=message.variant.digest, state="waiting").exists()


def test_a_review_rule_gives_five_days(world: World, officer: Staff) -> None:
    world.block("calm")
    item = ReviewItem.objects.get(title__startswith="Calm")

    in_force(world, officer, replace(STEP, severity="REVIEW"))
    item.refresh_from_db()
    assert (item.state, LateFinding.objects.get().put_back_at) == ("approved", None)
    assert enacting.put_back(at=world.at + enacting.GRACE - timedelta(seconds=1)) == 0

    assert enacting.put_back(at=world.at + enacting.GRACE) == 1
    item.refresh_from_db()
    assert item.state == "waiting"


def test_words_that_were_let_pass_under_the_rule_are_not_put_back_by_its_next_version(
    world: World, officer: Staff
) -> None:
    world.block("calm")
    in_force(world, officer)
    item = ReviewItem.objects.get(title__startswith="Calm")
    review.approve(item.pk, by=officer, seen=item.digest, reason="Four steps.", at=world.at + timedelta(hours=1))

    second = approved(world, officer, replace(STEP, text="Never “step by step”."))
    effect = enacting.enact(second.pk, at=world.at + timedelta(hours=2))

    assert effect is not None
    assert effect.put_back == 0


def test_a_rule_in_force_ends_by_a_later_version_only(world: World, officer: Staff) -> None:
    in_force(world, officer)
    item = ReviewItem.objects.get(kind="copy_rule")

    with pytest.raises(review.NotYours, match="later version"):
        review.withdraw(item.pk, by=world.editor, reason="No.", at=world.at)
    with pytest.raises(IntegrityError, match="ends_by_a_later_one"), transaction.atomic():
        ReviewItem.objects.filter(pk=item.pk).update(state="withdrawn", decided_at=world.at)
    assert book.named(STEP.code, at=world.at) is not None

    in_force(world, officer, replace(STEP, valid_to="2026-01-02"))
    assert book.named(STEP.code, at=world.at) is None


def test_what_held_on_a_day_is_known(world: World, officer: Staff) -> None:
    before = book.in_force(world.at - timedelta(days=30))
    in_force(world, officer)
    later = approved(world, officer, replace(STEP, severity="WARN", valid_from="2026-12-24"))
    assert enacting.due(world.at) == []
    christmas = world.at.replace(month=12, day=24)
    enacting.enact(later.pk, at=christmas)

    def held(at):
        found = [one for one in book.in_force(at).rules if one.code == STEP.code]
        return [(one.version, one.severity) for one in found]

    assert held(world.at - timedelta(days=30)) == []
    assert held(christmas - timedelta(seconds=1)) == [(1, "BLOCK")]
    assert held(christmas) == [(2, "WARN")]
    assert book.in_force(world.at - timedelta(days=30)).digest == before.digest == lint.shipped().digest


def test_a_finding_names_the_version_and_a_review_the_ruleset(world: World, officer: Staff) -> None:
    in_force(world, officer)

    version = world.block("calm", approved=False)
    item = ReviewItem.objects.get(digest=version.digest)

    assert [(one["rule"], one["version"], one["suggestion"]) for one in item.findings] == [
        (STEP.code, 1, STEP.suggestion)
    ]
    assert item.ruleset == routing.ruleset(book.in_force(world.at))
    assert LedgerEntry.objects.filter(kind="copy_rule.enacted").count() == 1
