"""What stops sending as a whole: a thrown switch, and a database that is not the one that sending was armed for."""

from datetime import timedelta

import pytest
from django.test import Client as Browser

from campaigns import runs
from campaigns.models import Message
from campaigns.sending import delivery
from compliance import fence, stops
from compliance.models import Fence, Staff
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World
from tests.compliance.test_processing import approve, nothing_stands, propose

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("scope", "target"),
    [("everything", ""), ("channel", "email"), ("campaign", "guide"), ("block", "hello"), ("topic", "debt")],
)
def test_a_thrown_switch_keeps_what_it_covers_until_two_have_released_it(
    scope: str, target: str, world: World, sink: Sink, officer: Staff
) -> None:
    world.client(1)
    run = launched(world)
    if scope == "topic":
        Message.objects.get().variant.__class__.objects.update(topics=["debt"])
    switch = stops.throw(scope, target, reason="wrong rate", by=officer, at=world.at)

    delivery.send(limit=9, at=world.at)

    assert sink.mails == []
    assert runs.counts(run.pk) == runs.Counts(audience=1, pending=1)
    stops.ask_release(switch.pk, by=officer, at=world.at)
    stops.release(switch.pk, by=world.editor, at=world.at)
    assert delivery.send(limit=9, at=world.at + HOUR).sent == 1


def test_a_switch_for_something_else_stops_nothing(world: World, sink: Sink, officer: Staff) -> None:
    world.client(1)
    launched(world)
    stops.throw("channel", "sms", reason="x", by=officer, at=world.at)
    stops.throw("campaign", "other", reason="x", by=officer, at=world.at)
    stops.throw("block", "bold-other", reason="x", by=officer, at=world.at)
    stops.throw("topic", "crypto", reason="x", by=officer, at=world.at)

    assert delivery.send(limit=9, at=world.at).sent == 1


@pytest.mark.parametrize("wrong", ["system", "timeline", "epoch", "file", "place", "row"])
def test_a_copy_of_the_database_sends_nothing_until_a_person_arms_it(
    wrong: str, world: World, sink: Sink, settings: object, client: Browser
) -> None:
    world.client(1)
    run = launched(world)
    if wrong in ("system", "timeline"):
        Fence.objects.update(**{wrong: 7})
    elif wrong == "epoch":
        Fence.objects.update(epoch="00000000-0000-4000-8000-000000000001")
    elif wrong == "file":
        settings.FENCE.unlink()
    elif wrong == "place":
        settings.FENCE.write_text(settings.FENCE.read_text().replace("fence", "elsewhere"))
    else:
        Fence.objects.all().delete()

    assert delivery.send(limit=9, at=world.at).total == 0

    assert sink.mails == []
    assert runs.counts(run.pk) == runs.Counts(audience=1, pending=1)
    told = client.get("/readyz")
    assert (told.status_code, told.json()["sending"]) == (200, fence.NEVER if wrong == "row" else fence.OTHER)
    fence.arm(by=world.editor, at=world.at)
    assert client.get("/readyz").json()["sending"] == "armed"
    assert delivery.send(limit=9, at=world.at).sent == 1


def test_a_worker_that_was_armed_is_stopped_at_the_gate_by_a_new_epoch(world: World, sink: Sink) -> None:
    world.client(1)
    launched(world)
    state = fence.state

    def armed_elsewhere() -> fence.State:
        seen = state()
        fence.arm(by="system:test", at=world.at)  # another machine takes over between the look and the gate
        return seen

    fence.state = armed_elsewhere
    try:
        assert delivery.send(limit=9, at=world.at).deferred == 1
    finally:
        fence.state = state

    assert sink.mails == []
    assert Message.objects.get().reason == "fenced"
    assert delivery.send(limit=9, at=world.at + HOUR).sent == 1


def test_t33_what_waits_for_a_record_goes_once_one_stands(world: World, sink: Sink, officer: Staff) -> None:
    world.client(1)
    gone = world.client(2)
    run = launched(world)
    world.withdraw(gone)
    nothing_stands()

    assert delivery.send(limit=9, at=world.at).deferred == 1

    assert sink.mails == []
    assert runs.counts(run.pk) == runs.Counts(
        audience=2, pending=1, suppressed={"withdrawn": 1}
    )  # what the client said is final
    assert set(Message.objects.values_list("reason", flat=True)) == {"no_record", "withdrawn"}
    approve(propose(world.marketer, world.at, "marketing"), world.at, world.editor, officer)
    assert delivery.send(limit=9, at=world.at + HOUR).sent == 1


def test_a_first_start_arms_itself_and_a_firm_with_clients_does_not(world: World) -> None:
    Fence.objects.all().delete()

    assert fence.arm_if_new(by="system:start", at=world.at)
    assert not fence.arm_if_new(by="system:start", at=world.at)
    Fence.objects.all().delete()
    world.client(1)
    assert not fence.arm_if_new(by="system:start", at=world.at)
    assert not fence.state().is_armed
