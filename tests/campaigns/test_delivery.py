"""The hand-over: never twice by ourselves, never against a client's wish, never silently lost."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from uuid import UUID, uuid4

import pytest
from django.db import connection

from campaigns import bulk, reasons, runs
from campaigns.models import Interaction, Message, MessageState, Run
from campaigns.sending import delivery
from compliance import contact, fence, review
from compliance.models import Client, LedgerEntry, Preference, ReviewItem, Suppression
from tests import owner
from tests.campaigns.sink import Sink
from tests.campaigns.world import World


def launched(world: World, *clients: Client, **fields: object) -> Run:
    """A run whose messages all wait to be sent."""
    run = runs.launch(world.campaign(**fields), by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    return run


def ask(message: Message, lease: UUID, *, at: datetime) -> str:
    """What the last gate says of a claimed message."""
    gate = bulk.gate.Gate(contact.pads(), fence.state().epoch)
    rules = bulk.gate.Rules("marketing", None)
    gate.ask(message.pk, lease, at=at, until=at + timedelta(minutes=1), rules=rules, settled=None)
    return gate.answer()


def test_every_message_arrives_once_with_the_bytes_that_were_decided_on(world: World, sink: Sink) -> None:
    clients = [world.client(number) for number in range(3)]
    run = launched(world)

    done = delivery.send(limit=100, at=world.at)
    again = delivery.send(limit=100, at=world.at)

    assert (done.sent, done.total, again.total) == (3, 3, 0)
    assert sorted(address for address, _ in sink.mails) == [one.email for one in clients]
    assert sink.connections == 1
    assert runs.counts(run.pk) == runs.Counts(audience=3, sent=3)
    message = Message.objects.get(client=clients[0])
    (raw,) = sink.to(clients[0].email)
    mail = message_from_bytes(raw, policy=policy.default)
    assert str(message.pk) in mail["Message-ID"].replace("-", "") or message.pk.hex in mail["Message-ID"].replace(
        "-", ""
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.reply.startswith("250 2.0.0 kept")
    assert message.intent_at is not None
    assert runs.finish(at=world.at) == [run.pk]


def test_a_mail_costs_the_database_the_same_however_many_went_before(world: World, sink: Sink) -> None:
    """Rows of messages that the database reads for fifty mails, at the start of a run and later in it."""
    for number in range(200):
        world.client(number)
    launched(world)
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute("analyze campaigns_message")  # as autovacuum does: it has seen none sent

    read = [_read_by(lambda: delivery.send(limit=50, at=world.at)) for _ in range(4)]

    assert len(sink.mails) == 200
    assert max(read) < 1.5 * min(read), read


def _read_by(work: Callable[[], object]) -> int:
    """How many rows of messages were read meanwhile, in this transaction."""
    count = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'campaigns_message'"
    with connection.cursor() as cursor:
        cursor.execute(count)
        before = cursor.fetchone()[0]
        work()
        cursor.execute(count)
        return cursor.fetchone()[0] - before


def test_the_next_envelope_travels_with_the_dot_where_the_server_lets_it(world: World, sink: Sink) -> None:
    sink.pipelines = True
    clients = [world.client(number) for number in range(5)]
    sink.at_rcpt[clients[1].email] = "550 5.1.1 no such user"
    sink.at_dot[clients[2].email] = "554 5.7.1 policy"
    run = launched(world)

    done = delivery.send(limit=100, at=world.at)

    assert (done.sent, done.failed) == (3, 2)
    assert sorted(address for address, _ in sink.mails) == [clients[one].email for one in (0, 3, 4)]
    assert runs.counts(run.pk) == runs.Counts(audience=5, sent=3, failed=2)


def test_a_message_kept_back_at_the_gate_does_not_leave_with_the_next_ones_envelope(world: World, sink: Sink) -> None:
    sink.pipelines = True
    clients = [world.client(number) for number in range(4)]
    launched(world)
    Preference.objects.create(client=clients[2], max_per_week=0, updated_at=world.at)

    done = delivery.send(limit=100, at=world.at)

    assert (done.sent, done.suppressed) == (3, 1)
    assert sorted(address for address, _ in sink.mails) == [clients[one].email for one in (0, 1, 3)]


def test_a_withdrawal_between_claim_and_intent_stops_the_message(world: World, sink: Sink) -> None:
    client, other = world.client(1), world.client(2)
    run = launched(world)
    claim = delivery.bulk.transport.claim

    def claim_then_withdraw(**asked: object) -> list[object]:
        taken = claim(**asked)
        if taken:
            world.withdraw(client)
        return taken

    delivery.bulk.transport.claim = claim_then_withdraw
    try:
        done = delivery.send(limit=100, at=world.at)
    finally:
        delivery.bulk.transport.claim = claim

    assert (done.sent, done.suppressed) == (1, 1)
    assert [address for address, _ in sink.mails] == [other.email]
    assert Message.objects.get(client=client).reason == "withdrawn"
    assert runs.counts(run.pk) == runs.Counts(audience=2, sent=1, suppressed={"withdrawn": 1})


def test_a_refused_recipient_does_not_hold_the_others(world: World, sink: Sink) -> None:
    clients = [world.client(number) for number in range(4)]
    sink.at_rcpt[clients[0].email] = "550 5.1.1 no such user"
    sink.at_dot[clients[1].email] = "554 5.7.1 policy"
    sink.at_rcpt[clients[2].email] = "451 4.7.1 greylisted"
    run = launched(world)

    done = delivery.send(limit=100, at=world.at)

    assert (done.sent, done.failed, done.deferred) == (1, 2, 1)
    assert [address for address, _ in sink.mails] == [clients[3].email]
    found = {one.client_id: (one.state, one.reason, one.intent_at) for one in Message.objects.all()}
    assert found[clients[0].pk] == ("failed", "bounced", None)
    assert found[clients[1].pk] == ("failed", "refused_by_server", None)
    assert found[clients[2].pk] == ("pending", "try_again", None)
    assert runs.counts(run.pk) == runs.Counts(audience=4, sent=1, failed=2, pending=1)
    assert Suppression.objects.count() == 1
    assert Interaction.objects.filter(kind="bounce").count() == 2


def test_a_deferred_message_is_tried_later_and_not_before(world: World, sink: Sink) -> None:
    client = world.client(1)
    sink.at_rcpt[client.email] = "451 4.7.1 greylisted"
    launched(world)
    delivery.send(limit=100, at=world.at)
    del sink.at_rcpt[client.email]

    assert delivery.send(limit=100, at=world.at).total == 0
    assert delivery.send(limit=100, at=world.at + timedelta(minutes=2)).sent == 1
    assert Message.objects.get().attempts == 1


def test_a_message_put_off_too_often_fails(world: World, sink: Sink) -> None:
    client = world.client(1)
    sink.at_dot[client.email] = "452 4.2.2 mailbox full"
    launched(world)
    for day in range(7):
        delivery.send(limit=100, at=world.at + timedelta(days=day))

    message = Message.objects.get()
    assert (message.state, message.reason, message.intent_at) == ("failed", "too_many_tries", None)
    assert not Suppression.objects.exists()
    assert sink.mails == []


def test_a_connection_lost_after_the_dot_is_in_doubt_and_never_sent_again(world: World, sink: Sink) -> None:
    client = world.client(1)
    sink.at_dot[client.email] = "drop"
    run = launched(world)

    done = delivery.send(limit=100, at=world.at)
    for minutes in (1, 10, 1000):
        delivery.reap(at=world.at + timedelta(minutes=minutes))
        delivery.send(limit=100, at=world.at + timedelta(minutes=minutes))

    message = Message.objects.get()
    assert (done.unconfirmed, message.state, message.reason) == (1, "unconfirmed", "connection_lost")
    assert len(sink.mails) == 1
    assert runs.counts(run.pk) == runs.Counts(audience=1, unconfirmed=1)
    assert runs.finish(at=world.at) == [run.pk]


def test_a_person_says_what_became_of_an_unconfirmed_message(world: World, sink: Sink) -> None:
    for number in (1, 2):
        sink.at_dot[world.client(number).email] = "drop"
    run = launched(world)
    delivery.send(limit=100, at=world.at)
    one, other = Message.objects.order_by("client_id")

    delivery.resolve(one.pk, delivered=True, by=world.marketer, at=world.at)
    delivery.resolve(other.pk, delivered=False, by=world.marketer, at=world.at)
    with pytest.raises(delivery.AlreadySettled):
        delivery.resolve(one.pk, delivered=False, by=world.marketer, at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=2, sent=1, failed=1)
    assert LedgerEntry.objects.filter(kind="message.resolved").count() == 2


def test_a_worker_that_died_before_the_intent_leaves_nothing_behind(world: World, sink: Sink) -> None:
    world.client(1)
    launched(world)
    Message.objects.update(state="claimed", lease="00000000-0000-4000-8000-000000000001",
                           lease_until=world.at + delivery.CLAIM_LEASE)  # fmt: skip

    early = delivery.reap(at=world.at)
    late = delivery.reap(at=world.at + timedelta(minutes=3))

    assert (early, late) == ((0, 0), (1, 0))
    assert delivery.send(limit=9, at=world.at + timedelta(minutes=3)).sent == 1


def test_a_worker_that_died_after_the_intent_leaves_a_doubt_and_its_late_answer_still_counts(world: World) -> None:
    world.client(1)
    launched(world)
    message, lease = Message.objects.get(), UUID(int=7)
    Message.objects.update(state="intent", intent_at=world.at, lease=lease, lease_until=world.at)

    assert delivery.reap(at=world.at + timedelta(minutes=3)) == (0, 1)
    assert Message.objects.get().state == MessageState.UNCONFIRMED
    bulk.gate.settle(bulk.gate.Settled(message.pk, lease, world.at, "250 ok"))
    assert Message.objects.get().state == MessageState.SENT


def test_the_zombie_whose_lease_was_given_away_sends_nothing(world: World, sink: Sink) -> None:
    world.client(1)
    launched(world)
    message = Message.objects.select_related("variant", "run", "client").get()
    old, new = UUID(int=1), UUID(int=2)
    Message.objects.update(state="claimed", lease=new, lease_until=world.at + delivery.CLAIM_LEASE)

    assert ask(message, old, at=world.at) == "lost_lease"
    assert Message.objects.get().state == MessageState.CLAIMED
    assert ask(message, new, at=world.at) == "go"
    assert Message.objects.get().state == MessageState.INTENT


def test_the_cap_counts_every_hand_over_of_seven_days_and_the_clients_own_wish_wins(world: World, sink: Sink) -> None:
    client, eager, shy = world.client(1), world.client(2), world.client(3)
    Preference.objects.create(client=eager, max_per_week=2, updated_at=world.at)
    Preference.objects.create(client=shy, max_per_week=0, updated_at=world.at)
    first = launched(world, max_per_week=1)
    delivery.send(limit=9, at=world.at)
    runs.finish(at=world.at)
    first.campaign.refresh_from_db()
    second = runs.launch(first.campaign, by=world.marketer, at=world.at)
    runs.assemble(second.chunks.get().pk, at=world.at)
    delivery.send(limit=9, at=world.at)

    assert runs.counts(first.pk) == runs.Counts(audience=3, sent=2, suppressed={"capped": 1})
    assert runs.counts(second.pk) == runs.Counts(audience=3, sent=1, suppressed={"capped": 2})
    assert [len(sink.to(one.email)) for one in (client, eager, shy)] == [1, 2, 0]


def test_a_cap_reached_after_assembly_is_seen_at_the_gate(world: World, sink: Sink) -> None:
    client = world.client(1)
    run = launched(world)
    Preference.objects.create(client=client, max_per_week=0, updated_at=world.at)

    delivery.send(limit=9, at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=1, suppressed={"capped": 1})
    assert sink.mails == []


def test_an_approval_taken_back_holds_what_was_about_to_leave(world: World, sink: Sink) -> None:
    world.client(1)
    run = launched(world)
    for item in ReviewItem.objects.filter(state="approved"):
        review.withdraw(item.pk, by=world.editor, reason="a mistake", at=world.at)

    delivery.send(limit=9, at=world.at)

    assert sink.mails == []
    assert runs.counts(run.pk).held + sum(runs.counts(run.pk).suppressed.values()) == 1


def test_a_stopped_run_sends_nothing_more_even_what_is_claimed(world: World, sink: Sink) -> None:
    world.client(1)
    run = launched(world)
    message, lease = Message.objects.select_related("variant", "run", "client").get(), UUID(int=1)
    Message.objects.update(state="claimed", lease=lease, lease_until=world.at + delivery.CLAIM_LEASE)
    runs.stop(run.pk, by=world.marketer, at=world.at)

    assert ask(message, lease, at=world.at) == "lost_lease"  # a stop takes back what is only claimed
    assert runs.counts(run.pk) == runs.Counts(audience=1, suppressed={"run_stopped": 1})


def test_words_that_are_not_the_approved_ones_do_not_leave(world: World, sink: Sink) -> None:
    world.client(1)
    run = launched(world)
    Message.objects.update(mime_sha256=b"\0" * 32)

    delivery.send(limit=9, at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=1, failed=1)
    assert Message.objects.get().reason == "not_the_approved_words"
    assert sink.mails == []


def test_a_changed_address_is_not_written_to(world: World, sink: Sink) -> None:
    client = world.client(1)
    run = launched(world)
    Client.objects.filter(pk=client.pk).update(email="new@mail.example")

    delivery.send(limit=9, at=world.at)

    assert runs.counts(run.pk) == runs.Counts(audience=1, suppressed={"address_changed": 1})


def test_when_the_mail_server_is_away_everything_waits(world: World, settings: object) -> None:
    for number in range(3):
        world.client(number)
    run = launched(world)

    done = delivery.send(limit=9, at=world.at)

    assert (done.deferred, done.total) == (3, 3)
    assert runs.counts(run.pk) == runs.Counts(audience=3, pending=3)


def test_quiet_hours_put_a_message_off_until_the_clients_morning(world: World, sink: Sink, settings: object) -> None:
    settings.QUIET_HOURS = "21-8"
    client = world.client(1)
    Client.objects.filter(pk=client.pk).update(timezone="Pacific/Auckland")  # 01:00 there at noon in London
    launched(world)

    assert delivery.send(limit=9, at=world.at).deferred == 1
    message = Message.objects.get()
    assert (message.state, message.reason) == ("pending", "quiet_hours")
    assert message.due_at.isoformat() == "2026-11-23T19:00:00+00:00"
    assert delivery.send(limit=9, at=message.due_at).sent == 1


def test_every_state_and_reason_has_a_sentence() -> None:
    for state in MessageState:
        for reason in reasons.REASONS:
            assert reasons.sentence(state, reason).endswith((".", ":"))


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_and_a_hand_over_take_turns(world: World, sink: Sink) -> None:
    client = world.client(1)
    launched(world)
    held, go = threading.Event(), threading.Event()

    def opt_out() -> None:
        from django.db import transaction

        with transaction.atomic():
            world.withdraw(client)
            held.set()
            go.wait(10)
        connection.close()

    other = threading.Thread(target=opt_out)
    other.start()
    held.wait(10)
    sender = threading.Thread(target=lambda: (delivery.send(limit=9, at=world.at), connection.close()))
    sender.start()
    sender.join(0.5)
    waited = sender.is_alive()
    go.set()
    other.join(10)
    sender.join(10)

    assert waited
    assert sink.mails == []
    assert Message.objects.get().reason == "withdrawn"


@pytest.mark.parametrize(
    "off", ["", "hashjoin, mergejoin, material, hashagg, sort, indexscan, indexonlyscan, bitmapscan"]
)
def test_a_claim_takes_no_more_than_its_limit_whatever_the_plan(world: World, off: str) -> None:
    for number in range(1, 7):
        world.client(number)
    launched(world)
    for number, one in enumerate(Message.objects.all()):  # they lie in the order in which they are due
        Message.objects.filter(pk=one.pk).update(due_at=world.at - timedelta(minutes=10 - number))
    with connection.cursor() as cursor:
        for method in filter(None, off.split(", ")):
            cursor.execute(f"set local enable_{method} = off")

    taken = delivery.bulk.transport.claim(limit=1, lease=uuid4(), until=world.at + timedelta(hours=1), at=world.at)

    assert (len(taken), Message.objects.filter(state=MessageState.CLAIMED).count()) == (1, 1)
