"""A run from the launch on: everybody is accounted for at every moment."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from campaigns import plans, runs
from campaigns.models import Chunk, LetGo, Message, MessageState, Run, RunState
from compliance.models import LedgerEntry
from compliance.rights import retention
from tests.campaigns.world import World


def assemble_all(run: Run, world: World) -> None:
    for chunk in Chunk.objects.filter(run=run).order_by("number"):
        runs.assemble(chunk.pk, at=world.at)


def test_a_launch_shares_out_the_audience_and_assembles_every_message(world: World) -> None:
    for number in range(5):
        world.client(number, risk_tolerance="growth")
    world.client(9, consented=False)

    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    before = runs.counts(run.pk)
    assemble_all(run, world)

    assert before == runs.Counts(audience=6, pending=6)
    assert runs.counts(run.pk) == runs.Counts(audience=6, pending=5, suppressed={"unknown": 1})
    run.refresh_from_db()
    assert (run.state, run.number, run.policy) == (RunState.SENDING, 1, "rules-1")
    assert LedgerEntry.objects.filter(kind="run.launched").count() == 1
    one = Message.objects.filter(state="pending").first()
    assert one is not None
    assert len(one.choice) == 3
    assert bytes(one.mime_sha256)
    assert one.consent is not None


def test_what_retention_lets_go_still_counts(world: World) -> None:
    for number in range(3):
        world.client(number, consented=number > 0)
    run = runs.launch(world.campaign(share_holdout=0.3), by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    before, later = runs.counts(run.pk), world.at + timedelta(days=9 * 366)
    assert sum((before.sent, before.held, before.failed, before.pending, *before.suppressed.values())) == 3

    assert retention.sweep(at=later)["campaigns.Message"] == 3

    assert not Message.objects.exists()
    assert runs.counts(run.pk) == before
    assert retention.sweep(at=later) == {}
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        LetGo.objects.update(messages=0)


def test_a_campaign_that_is_not_ready_is_refused_and_nothing_is_written(world: World) -> None:
    campaign = world.campaign()

    with pytest.raises(runs.LaunchRefused) as refused:
        runs.launch(campaign, by=world.marketer, at=world.at)

    assert [one.code for one in refused.value.blockers] == ["no_audience"]
    assert not Run.objects.exists()
    world.client(1)
    assert runs.launch(campaign, by=world.marketer, at=world.at).audience == 1


def test_a_second_launch_waits_for_the_first_to_end(world: World) -> None:
    world.client(1)
    campaign = world.campaign()
    run = runs.launch(campaign, by=world.marketer, at=world.at)

    campaign.refresh_from_db()
    assert [one.code for one in plans.blockers(campaign, at=world.at)] == ["running"]

    runs.stop(run.pk, by=world.marketer, at=world.at)
    campaign.refresh_from_db()
    assert plans.blockers(campaign, at=world.at) == []


def test_a_chunk_is_assembled_once_however_often_it_is_asked_for(world: World) -> None:
    world.client(1)
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    chunk = run.chunks.get()

    assert [runs.assemble(chunk.pk, at=world.at) for _ in range(3)] == [1, 0, 0]
    assert Message.objects.count() == 1


def test_a_chunk_whose_worker_died_is_taken_again_when_its_lease_ends(world: World) -> None:
    world.client(1)
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    chunk = run.chunks.get()
    Chunk.objects.filter(pk=chunk.pk).update(attempts=1, lease_until=world.at + runs.LEASE)

    assert runs.assemble(chunk.pk, at=world.at) == 0
    assert runs.waiting(limit=9, at=world.at) == []
    assert runs.assemble(chunk.pk, at=world.at + runs.LEASE + timedelta(seconds=1)) == 1


def test_a_chunk_that_always_fails_is_given_up_and_counted(world: World) -> None:
    world.client(1)
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    chunk = run.chunks.get()
    Chunk.objects.filter(pk=chunk.pk).update(attempts=runs.MOST_ATTEMPTS)

    runs.assemble(chunk.pk, at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=1, failed=1)
    assert runs.finish(at=world.at) == [run.pk]


def test_one_address_gets_one_copy_and_the_holdout_none(world: World) -> None:
    world.client(1, email="same@mail.example", consented=False)
    world.client(2, email="same@mail.example")
    world.client(3, email="same@mail.example")
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)
    assemble_all(run, world)

    assert runs.counts(run.pk) == runs.Counts(audience=3, pending=1, suppressed={"unknown": 1, "duplicate_address": 1})
    assert Message.objects.get(state="pending").client.user_id == "u2"


def test_everybody_in_the_holdout_is_counted_as_such(world: World) -> None:
    for number in range(3):
        world.client(number)
    run = runs.launch(world.campaign(share_holdout=1.0), by=world.marketer, at=world.at)
    assemble_all(run, world)

    assert runs.counts(run.pk) == runs.Counts(audience=3, suppressed={"holdout": 3})
    assert set(Message.objects.values_list("arm", flat=True)) == {"holdout"}


def test_messages_wait_for_the_editor_and_go_when_the_words_are_approved(world: World) -> None:
    world.client(1)
    campaign = world.campaign()
    for one in campaign.candidates.filter(slot="subject"):
        plans.remove_candidate(campaign, one.pk, by=world.marketer, at=world.at)
    subject = world.block("hello-goal", approved=False)
    plans.add_candidate(campaign, subject, is_fallback=True, by=world.marketer, at=world.at)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    assemble_all(run, world)
    held = runs.counts(run.pk)
    nothing = runs.release(at=world.at)
    world.approve()

    assert held == runs.Counts(audience=1, held=1)
    assert nothing == 0
    assert runs.release(at=world.at) == 1
    assert runs.counts(run.pk) == runs.Counts(audience=1, pending=1)


def test_a_rejected_text_gives_way_to_the_fallback(world: World) -> None:
    client = world.client(1, risk_tolerance="growth")
    campaign = world.campaign(parts=(("hello", True), ("plain", True), ("read", True)))
    bold = world.block("bold", approved=False)
    plans.add_candidate(campaign, bold, by=world.marketer, at=world.at)
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    assemble_all(run, world)
    held = Message.objects.get(client=client)
    world.reject()

    assert held.state == MessageState.HELD
    assert runs.release(at=world.at) == 1
    message = Message.objects.select_related("variant").get(client=client)
    assert (message.state, message.propensity) == (MessageState.PENDING, 1.0)
    assert bold.pk in held.variant.versions
    assert bold.pk not in message.variant.versions
    assert bytes(message.mime_sha256) != bytes(held.mime_sha256)


def test_without_an_approved_fallback_a_rejected_text_is_not_sent(world: World) -> None:
    world.client(1)
    campaign = world.campaign(parts=(("hello", True), ("read", True)))
    plans.add_candidate(
        campaign, world.block("plain", approved=False), is_fallback=True, by=world.marketer, at=world.at
    )
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    assemble_all(run, world)
    world.reject()
    runs.release(at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=1, suppressed={"rejected_by_editor": 1})
    assert runs.finish(at=world.at) == [run.pk]


def test_a_stopped_run_counts_everybody_it_did_not_write_to(world: World) -> None:
    for number in range(3):
        world.client(number)
    run = runs.launch(world.campaign(), by=world.marketer, at=world.at)

    assert runs.stop(run.pk, by=world.marketer, at=world.at)
    assert not runs.stop(run.pk, by=world.marketer, at=world.at)
    assert runs.counts(run.pk) == runs.Counts(audience=3, suppressed={"run_stopped": 3})
    assert runs.assemble(run.chunks.get().pk, at=world.at) == 0
    run.refresh_from_db()
    assert (run.state, run.campaign.state) == (RunState.STOPPED, "stopped")
