"""A model goes live by shadow and canary, each step approved by two others; the database refuses any other way."""

import json
import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from compliance import review
from compliance.models import Approval, LedgerEntry, Role
from personalize import features, fitting, training
from personalize.models import Artefact, ModelStep, Stage
from personalize.registry import fields, signing, steps
from tests.models import approved, declared, signed, stepped
from tests.people import NOON, reviewer
from tests.personalize.test_training import drawn

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(db, officer, marketer) -> Artefact:
    """Trained and signed; it waits."""
    features.ensure_core(NOON)
    declared("onboarding", owner=marketer, by=officer)
    made = fitting.fit("onboarding", drawn(900), by="system:test", at=NOON)
    return signed(made, owner=marketer, officer=officer, at=NOON)


def raw(row, **change) -> None:
    """What a script by hand would do."""
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**change)


def test_a_model_goes_live_by_shadow_and_canary_and_the_former_retires(model, officer, marketer):
    with pytest.raises(steps.CannotStep, match="canary answers"):
        steps.ask(model.pk, share=0.1, by=marketer, at=NOON)
    seen = []
    for to in (Stage.SHADOW, Stage.CANARY, Stage.LIVE):
        model = stepped(model, to, officer=officer, at=NOON)
        seen.append((model.stage, model.step.to, model.step.share, training.live("onboarding") is not None))
    second = fitting.fit("onboarding", drawn(900, seed=2), by="system:test", at=NOON)
    second = stepped(signed(second, owner=marketer, officer=officer, at=NOON), Stage.LIVE, officer=officer, at=NOON)

    assert seen == [
        ("shadow", "shadow", 0.0, False), ("canary", "canary", 0.1, False), ("live", "live", 0.0, True),
    ]  # fmt: skip
    model.refresh_from_db()
    assert (model.stage, training.live("onboarding")) == (Stage.RETIRED, second)
    assert training.live("onboarding", at=NOON + timedelta(days=400)) is None
    assert (second.approved_by, second.owner) == (officer, marketer)
    with pytest.raises(steps.CannotStep, match="no further step"):
        steps.ask(model.pk, by=marketer, at=NOON)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
        raw(model, stage=Stage.LIVE)
    training.retire(second.pk, by=officer, at=NOON)
    assert training.live("onboarding") is None
    assert LedgerEntry.objects.filter(kind="model.live").count() == 2
    assert LedgerEntry.objects.filter(kind="model.shadow", about=f"model:{second.pk}").count() == 1


def test_no_step_without_two_others(model, officer, marketer, editor):
    step = steps.ask(model.pk, by=marketer, at=NOON)
    item = steps.item(step)

    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=marketer, seen=item.digest, at=NOON)
    with pytest.raises(steps.CannotStep, match="waiting"):
        steps.take(step.pk, by=officer, at=NOON)
    review.approve(item.pk, by=officer, seen=item.digest, at=NOON)
    with pytest.raises(steps.CannotStep, match="waiting"):
        steps.take(step.pk, by=officer, at=NOON)
    with pytest.raises(review.NotYours):
        review.approve(item.pk, by=officer, seen=item.digest, at=NOON)
    with pytest.raises(IntegrityError, match="a_step_needs_an_approval_in_force"):
        raw(step, taken_by=officer, taken_at=NOON)
    model.refresh_from_db()
    assert (model.stage, model.step, Approval.objects.filter(item=item).count()) == (Stage.WAITING, None, 1)

    review.approve(item.pk, by=editor, seen=item.digest, at=NOON)
    with pytest.raises(steps.CannotStep, match="own"):
        steps.take(step.pk, by=marketer, at=NOON)
    with pytest.raises(IntegrityError, match="nobody_lets_their_own_model_go_on"):
        raw(step, taken_by=marketer, taken_at=NOON)
    assert steps.take(step.pk, by=officer, at=NOON).stage == Stage.SHADOW


def test_who_trained_it_is_no_second_pair_of_eyes(model, officer, marketer, editor, editor2):
    mine = fitting.fit("onboarding", drawn(900, seed=5), by=f"staff:{editor.pk}", at=NOON)
    mine = signed(mine, owner=marketer, officer=officer, at=NOON)
    step = steps.ask(mine.pk, by=officer, at=NOON)
    item = steps.item(step)

    for author in (editor, officer):
        with pytest.raises(review.NotYours):
            review.approve(item.pk, by=author, seen=item.digest, at=NOON)

    for other in (editor2, reviewer("officer2", Role.OFFICER)):
        review.approve(item.pk, by=other, seen=item.digest, at=NOON)
    assert steps.take(step.pk, by=officer, at=NOON).stage == Stage.SHADOW


def test_the_database_knows_no_other_way_up(model, officer, marketer):
    other = fitting.fit("onboarding", drawn(900, seed=7), by="system:test", at=NOON)
    other = signed(other, owner=marketer, officer=officer, at=NOON)
    step = approved(steps.ask(model.pk, by=marketer, at=NOON), at=NOON)
    late = model.expires_at

    for change in ({"stage": Stage.SHADOW}, {"stage": Stage.LIVE}, {"stage": Stage.SHADOW, "step": step}):
        with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
            raw(model, **change)
    with pytest.raises(IntegrityError, match="an_expired_model_takes_no_step"):
        raw(step, taken_by=officer, taken_at=late)
    for change in ({"to": "live"}, {"share": 0.2}, {"digest": "0" * 64}):
        with pytest.raises(IntegrityError, match=r"a_step_is_never_changed|steps_are_taken_in_order"):
            raw(step, taken_by=officer, taken_at=NOON, **change)
    with pytest.raises(DatabaseError, match=r"never_deleted|permission denied"), transaction.atomic():
        step.delete()
    with pytest.raises(IntegrityError, match="steps_are_taken_in_order"), transaction.atomic():
        ModelStep.objects.create(artefact=model, to="live", digest="1" * 64, asked_by=marketer, asked_at=NOON)
    with pytest.raises(IntegrityError, match="a_step_is_asked_for_first"), transaction.atomic():
        ModelStep.objects.create(artefact=model, to="shadow", digest="1" * 64, asked_by=marketer, asked_at=NOON,
                                 taken_by=officer, taken_at=NOON)  # fmt: skip
    raw(step, taken_by=officer, taken_at=NOON)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
        raw(model, stage=Stage.CANARY, step=step)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
        raw(other, stage=Stage.SHADOW, step=step)
    raw(model, stage=Stage.SHADOW, step=step)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
        raw(model, stage=Stage.WAITING)
    assert not LedgerEntry.objects.filter(kind__in=("model.shadow", "model.live")).exists()


def test_an_approval_that_was_withdrawn_or_ended_lets_nothing_go_on(model, officer, marketer, editor):
    step = approved(steps.ask(model.pk, by=marketer, at=NOON), at=NOON)
    item = steps.item(step)
    with pytest.raises(steps.CannotStep, match="expired"):
        steps.take(step.pk, by=officer, at=item.valid_until)
    with pytest.raises(IntegrityError, match=r"a_step_needs_an_approval_in_force|an_expired_model"):
        raw(step, taken_by=officer, taken_at=item.valid_until)
    review.withdraw(item.pk, by=editor, reason="Wait.", at=NOON)

    with pytest.raises(steps.CannotStep, match="withdrawn"):
        steps.take(step.pk, by=officer, at=NOON)
    with pytest.raises(IntegrityError, match="a_step_needs_an_approval_in_force"):
        raw(step, taken_by=officer, taken_at=NOON)

    model.refresh_from_db()
    assert model.stage == Stage.WAITING
    later = NOON + timedelta(minutes=1)
    again = steps.ask(model.pk, by=marketer, at=later)
    assert again.pk != step.pk
    assert steps.take(approved(again, at=later).pk, by=officer, at=later).stage == Stage.SHADOW


def test_a_step_waits_while_another_version_stands_there(model, officer, marketer):
    step = approved(steps.ask(model.pk, by=marketer, at=NOON), at=NOON)
    other = fitting.fit("onboarding", drawn(900, seed=4), by="system:test", at=NOON)
    other = stepped(signed(other, owner=marketer, officer=officer, at=NOON), Stage.SHADOW, officer=officer, at=NOON)

    with pytest.raises(steps.CannotStep, match="Retire it first"):
        steps.take(step.pk, by=officer, at=NOON)

    step.refresh_from_db()
    assert step.taken_at is None
    training.retire(other.pk, by=officer, at=NOON)
    assert steps.take(step.pk, by=officer, at=NOON).stage == Stage.SHADOW


def test_a_canary_that_fell_back_needs_new_approvals(model, officer, marketer):
    model = stepped(model, Stage.CANARY, officer=officer, at=NOON)
    was = model.step

    steps.fall_back(model.pk, why="More opt-outs.", by="system:watch", at=NOON)

    model.refresh_from_db()
    assert (model.stage, model.step, steps.open_step(model, at=NOON)) == (Stage.SHADOW, was, None)
    with pytest.raises(IntegrityError, match="a_model_moves_up_by_an_approved_step"):
        raw(model, stage=Stage.CANARY)
    later = NOON + timedelta(days=1)
    assert steps.ask(model.pk, share=0.2, by=marketer, at=later).pk > was.pk
    assert stepped(model, Stage.CANARY, share=0.2, officer=officer, at=later).step.share == 0.2
    assert LedgerEntry.objects.filter(kind="model.fell_back").count() == 1


def test_t33_each_field_that_the_card_lacks_keeps_a_model_from_every_step(model, officer, marketer):
    whole = json.dumps(model.card)

    for path, words in fields.FIELDS.items():
        model.card = holder = json.loads(whole)
        *above, last = path.split(".")
        for one in above:
            holder = holder[one]
        for nothing in ("absent", "empty"):
            if nothing == "absent":
                del holder[last]
            else:
                holder[last] = ""
            model.save(update_fields=["card"])
            with pytest.raises(steps.CannotStep, match=re.escape(words)):
                steps.ask(model.pk, by=marketer, at=NOON)
    assert not ModelStep.objects.exists()

    model.card = json.loads(whole)
    model.save(update_fields=["card"])
    step = approved(steps.ask(model.pk, by=marketer, at=NOON), at=NOON)
    del model.card["limitations"]  # after the approval, before the step
    model.save(update_fields=["card"])
    with pytest.raises(steps.CannotStep, match="limitations"):
        steps.take(step.pk, by=officer, at=NOON)
    model.card = json.loads(whole)
    model.save(update_fields=["card"])
    assert steps.take(step.pk, by=officer, at=NOON).stage == Stage.SHADOW


def test_t33_owner_validator_findings_and_expiry_are_asked_for_too(model, officer, marketer):
    fresh = fitting.fit("onboarding", drawn(900, seed=9), by="system:test", at=NOON)
    with pytest.raises(steps.CannotStep, match="owner; validator; validator's findings"):
        steps.ask(fresh.pk, by=officer, at=NOON)
    signing.own(fresh.pk, by=marketer, at=NOON)
    with pytest.raises(signing.CannotSign, match="Nobody validates"):
        signing.validate(fresh.pk, findings="All good.", by=marketer, at=NOON)
    with pytest.raises(signing.CannotSign, match="Write what"):
        signing.validate(fresh.pk, findings=" ", by=officer, at=NOON)
    with pytest.raises(steps.CannotStep, match=r"validator; validator's findings"):
        steps.ask(fresh.pk, by=officer, at=NOON)
    with pytest.raises(IntegrityError, match="nobody_validates_the_model_they_own"):
        raw(fresh, validator=marketer)
    for name, change in (("expiry", {"expires_at": None}), ("validator's findings", {"findings": ""})):
        before = {one: getattr(model, one) for one in change}
        raw(model, **change)
        with pytest.raises(steps.CannotStep, match=f"{name}|expired"):
            steps.ask(model.pk, by=marketer, at=NOON)
        raw(model, **before)
    with pytest.raises(steps.CannotStep, match="expired"):
        steps.ask(model.pk, by=marketer, at=NOON + timedelta(days=366))
    assert not ModelStep.objects.exists()
    assert steps.ask(model.pk, by=marketer, at=NOON).to == Stage.SHADOW
