"""Erasure: nothing personal is left in the database, every proof verifies, and a restored backup forgets again."""

import dataclasses
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from campaigns import replay
from campaigns.models import Message
from campaigns.sending import delivery
from compliance import consent, contact, fence, ledger, suppression
from compliance.datamap import tables
from compliance.models import (
    Client,
    ConsentEvent,
    Erasure,
    LedgerEntry,
    Role,
    SealedValue,
    Staff,
    SubjectKey,
    Suppression,
)
from compliance.rights import erasure, holds, log, requests, retention, sealing
from personalize import identity
from personalize.models import Event, MergeRequest, QuarantinedItem, Source
from tests import owner
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World
from tests.merged import merge
from tests.people import reviewer
from tests.sealing import seal

WHY = "The client asked for it."
YEAR = timedelta(days=366)
TEXTS = """
select format('select %L, count(*) from %s t where t::text ilike any (%%s)', c.oid::regclass, c.oid::regclass)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'fairness', 'pgmq') and c.relkind in ('r', 'p')
"""


def found(*words: str) -> dict[str, int]:
    """Every table, history and ledger too, in which a row holds one of these words, in text or bytes, and how many."""
    asked = [f"%{one}%" for word in words for one in (word, word.encode().hex())]
    seen: dict[str, int] = {}
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute(TEXTS)
        for question in [row[0] for row in cursor.fetchall()]:
            cursor.execute(question, [asked])
            table, rows = cursor.fetchone()
            if rows:
                seen[table] = rows
    return seen


@pytest.fixture
def ann(world: World, sink: Sink) -> Client:
    """A client with everything: a mail sent, events, what they told us, a device joined in, a rejected item."""
    person = world.client(1, email="ann-zyxw@mail.example", life_goal="vwut-house")
    Client.objects.filter(pk=person.pk).update(first_name="Annzyxw", last_name="Vwutson", user_id="u-zyxw")
    device = Client.objects.create(first_seen_at=world.at, email="other-zyxw@mail.example", last_name="Vwutson")
    merge(person.pk, device.pk, at=world.at)
    source = Source.objects.create(slug="s", name="S", key_sha256=b"1" * 32, created_at=world.at)
    Event.objects.create(
        source=source, message_id="1", client=person, type="track", name="Opened", properties={"note": "secret-zyxw"},
        occurred_at=world.at, received_at=world.at,
    )  # fmt: skip
    QuarantinedItem.objects.create(
        source=source, reason="bad", body='{"email":"ann-zyxw@mail.example"}', received_at=world.at
    )
    launched(world)
    assert delivery.send(limit=9, at=world.at).sent == 1
    return Client.objects.get(pk=person.pk)


WORDS = ("zyxw", "Vwutson", "vwut-house")


def test_t46_an_erased_person_is_nowhere_and_every_proof_verifies(ann: Client, world: World, officer: Staff) -> None:
    assert {"compliance_client", "campaigns_message", "personalize_event", "personalize_mergerequest"} <= set(
        found(*WORDS)
    )
    proofs = {row[0]: bytes(row[1]) for row in LedgerEntry.objects.values_list("pk", "digest")}
    before = [bytes(one) for one in Message.objects.values_list("mime_sha256", flat=True)]

    assert replay.rebuild(Message.objects.get().pk).identical

    done = erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)

    assert found(*WORDS) == {}
    assert {
        row[0]: bytes(row[1]) for row in LedgerEntry.objects.filter(pk__in=proofs).values_list("pk", "digest")
    } == proofs
    # The law keeps what was sent, and its proof: the fingerprint of the bytes, and sealed what was put in.
    message = Message.objects.get()
    assert replay.rebuild(message.pk) == replay.Replay(
        False, "The client was erased on 2026-11-23: what the message was made of is sealed.", ()
    )
    assert ([bytes(message.mime_sha256)], message.address, message.merge) == (before, "", {})
    sealed = {one["id"]: one for one in sealing.unseal(done.sealed.get(table="campaigns.Message"))}
    assert sealed[str(message.pk)]["address"] == "ann-zyxw@mail.example"
    assert done.until == retention.later(world.at.date(), 72)
    # Suppression works: the address may be written to by nobody, whoever brings it back.
    assert Suppression.objects.get(contact_hmac=contact.key("ann-zyxw@mail.example", "email")).reason == "erased"
    back = world.client(9, email="ann-zyxw@mail.example")
    assert consent.may_send(back.pk, purpose="marketing", channel="email", at=world.at).reason == "suppressed"
    assert consent.may_send(ann.pk, purpose="marketing", channel="email", at=world.at).reason == "erased"
    assert not Event.objects.exists()
    assert not QuarantinedItem.objects.exists()
    assert ConsentEvent.objects.filter(client=ann).exists()
    with pytest.raises(erasure.AlreadyErased):
        erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)


def test_t46_with_the_key_goes_all_that_was_kept(ann: Client, world: World, officer: Staff) -> None:
    done = erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)
    kept = SealedValue.objects.get(table="campaigns.Message")

    assert erasure.destroy_due(at=world.at + 5 * YEAR) == 0
    assert erasure.destroy_due(at=world.at + 7 * YEAR) == 1

    assert not SubjectKey.objects.filter(pk=ann.pk).exists()
    assert not SealedValue.objects.exists()
    with pytest.raises(sealing.KeyDestroyed):
        sealing.unseal(kept)  # from a backup of the sealed rows
    assert erasure.destroy_due(at=world.at + 7 * YEAR) == 0
    assert [one.did for one in log.lines()] == ["erased", "destroyed"]
    assert Erasure.objects.get().pk == done.pk


def test_t46_the_hash_in_the_ledger_is_salted_with_the_persons_own_secret(world: World, officer: Staff) -> None:
    one, other = world.client(1, consented=False), world.client(2, consented=False)
    row_hash = "encode(sha256(k.key || convert_to(c::text, 'UTF8')), 'hex')"
    asked = f"select c.id, {row_hash} from compliance_client c join compliance_subjectkey k on k.client_id = c.id"
    with owner.as_owner(), connection.cursor() as cursor:
        cursor.execute(asked)
        hashes = dict(cursor.fetchall())

    images = {
        about: facts["row_hash"]
        for about, facts in LedgerEntry.objects.filter(
            kind="row.insert", about__startswith="compliance_client:"
        ).values_list("about", "facts")
    }
    assert images == {f"compliance_client:{pk}": told for pk, told in hashes.items()}
    assert set(hashes) == {one.pk, other.pk}


@pytest.mark.django_db(transaction=True)
def test_t46_the_sealed_tree_verifies_before_and_after(world: World, officer: Staff) -> None:
    person = world.client(1, risk_tolerance="cautious")
    head = seal()
    erasure.erase(person.pk, why=WHY, by=officer, at=world.at)
    seal()

    verdict = ledger.verify(outside=[head.note])

    assert (verdict.sound, verdict.fault) == (True, "")


def test_t46_a_hold_wins_over_erasure_and_key(ann: Client, world: World, officer: Staff) -> None:
    hold = holds.place("client", client_id=ann.pk, reason="A court asks.", by=officer, at=world.at)

    with pytest.raises(holds.OnHold, match="A court asks"):
        erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)
    for raw in (
        lambda: Client.objects.filter(pk=ann.pk).update(erased_at=world.at),
        lambda: SubjectKey.objects.filter(pk=ann.pk).delete(),
        lambda: Event.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError, match="a_hold_wins_over_every_deletion"), transaction.atomic():
            raw()

    assert Client.objects.get(pk=ann.pk).erased_at is None
    assert not Erasure.objects.exists()
    assert not list(log.lines())
    holds.ask_lift(hold.pk, by=officer, at=world.at)
    with pytest.raises(holds.NotYours):
        holds.lift(hold.pk, by=officer, at=world.at)
    holds.lift(hold.pk, by=reviewer("officer2", Role.OFFICER), at=world.at)
    assert erasure.erase(ann.pk, why=WHY, by=officer, at=world.at).kept == 2


def test_t46_a_person_of_three_records_is_erased_whole_whichever_was_asked_for(world: World, officer: Staff) -> None:
    first, second, last = (world.client(one, consented=False) for one in (1, 2, 3))
    Client.objects.update(first_name="Ann")
    asked = requests.receive(first.pk, "erasure", came_by="letter", by="system:test", at=world.at)
    merge(second.pk, first.pk, at=world.at)
    merge(last.pk, second.pk, at=world.at)
    hold = holds.place("client", client_id=first.pk, reason="A claim.", by=officer, at=world.at)
    requests.know(asked.pk, how="Called back.", by=officer, at=world.at)

    with pytest.raises(holds.OnHold):
        requests.close(asked.pk, answer="Done.", by=officer, at=world.at)
    holds.ask_lift(hold.pk, by=officer, at=world.at)
    holds.lift(hold.pk, by=reviewer("officer2", Role.OFFICER), at=world.at)
    requests.close(asked.pk, answer="Done.", by=officer, at=world.at)

    assert Erasure.objects.get().client_id == last.pk
    assert set(Client.objects.values_list("email", "first_name", "erased_at")) == {("", "", world.at)}
    with pytest.raises(requests.BadRequestOfRights, match="erased"):
        requests.receive(first.pk, "access", came_by="letter", by="system:test", at=world.at)


def test_a_hold_on_a_campaign_keeps_all_that_hangs_on_its_messages() -> None:
    hanging = {model._meta.label: one.campaign for model, one in tables() if one.client.startswith("message__")}

    assert len(hanging) == 4
    assert set(hanging.values()) == {"message__campaign__slug"}


def test_t46_what_only_looks_like_the_firms_own_key_stays(world: World, officer: Staff) -> None:
    person = world.client(7, consented=False)
    source = Source.objects.create(slug="s", name="S", key_sha256=b"1" * 32, created_at=world.at)
    for said in ("u7", "U7", "u77", "au7", "u7_b"):
        body = f'{{"userId":"{said}"}}'
        QuarantinedItem.objects.create(source=source, reason="bad", body=body, received_at=world.at)

    erasure.erase(person.pk, why=WHY, by=officer, at=world.at)

    left = QuarantinedItem.objects.order_by("pk").values_list("body", flat=True)
    assert list(left) == ['{"userId":"u77"}', '{"userId":"au7"}', '{"userId":"u7_b"}']


def test_t46_the_plan_says_what_goes_what_stays_and_why(ann: Client, world: World, officer: Staff) -> None:
    plan = erasure.plan(ann.pk, at=world.at)

    assert {one.table for one in plan.gone} >= {
        "personalize.Event",
        "personalize.Declaration",
        "compliance.ConsentState",
    }
    assert {(one.table, one.fate) for one in plan.kept} >= {
        ("campaigns.Message", "seal"),
        ("compliance.ConsentEvent", "keep"),
    }
    assert all(one.ground for one in plan.kept)
    assert not Erasure.objects.exists()
    done = erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)
    assert done.counts == {one.table: {one.fate: one.rows} for one in plan.lines}


def test_t47_a_restored_backup_forgets_again_before_it_may_send(
    ann: Client, world: World, officer: Staff, sink: Sink
) -> None:
    backup = transaction.savepoint()
    erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)
    transaction.savepoint_rollback(backup)  # the database is that of before the erasure; the log outside is not

    assert Client.objects.get(pk=ann.pk).email == "ann-zyxw@mail.example"
    assert (fence.state().is_armed, fence.state().why) == (False, fence.FORGOTTEN)
    assert delivery.send(limit=9, at=world.at).total == 0
    with pytest.raises(fence.NotForgotten):
        fence.arm(by=officer, at=world.at)
    said = StringIO()
    call_command("rearm", "--by", officer.username, stdout=said)
    assert "1 deeds of the erasure log are unknown" in said.getvalue()
    assert Client.objects.get(pk=ann.pk).erased_at is None

    call_command("rearm", "--by", officer.username, "--yes", stdout=said)

    assert "1 were repeated: erased stays erased" in said.getvalue()
    assert fence.state().is_armed
    assert found(*WORDS) == {}
    assert (
        suppression.suppress("ann-zyxw@mail.example", channel="email", reason="x", source="x", by=officer, at=world.at)
        is False
    )
    assert Erasure.objects.get().why == erasure.REPLAY
    assert erasure.replay(by=officer, at=world.at) == 0


def test_t47_a_backup_from_before_the_client_or_the_keys_end_is_caught_up_too(world: World, officer: Staff) -> None:
    empty = transaction.savepoint()
    person = world.client(1)
    known = transaction.savepoint()
    erasure.erase(person.pk, why=WHY, by=officer, at=world.at)
    assert [one.did for one in log.lines()] == ["erased", "destroyed"]
    transaction.savepoint_rollback(known)
    assert SubjectKey.objects.filter(pk=person.pk).exists()
    assert erasure.replay(by=officer, at=world.at) == 2
    assert not SubjectKey.objects.filter(pk=person.pk).exists()
    transaction.savepoint_rollback(empty)
    assert not Client.objects.exists()

    assert erasure.replay(by=officer, at=world.at) > 0
    assert (log.missing(), fence.state().is_armed, Erasure.objects.get().client) == ([], True, None)


def test_t47_a_backup_from_before_a_merge_forgets_every_record_of_the_person(world: World, officer: Staff) -> None:
    first, second, last = (world.client(one, consented=False) for one in (1, 2, 3))
    other = world.client(4, consented=False)
    apart = transaction.savepoint()
    merge(second.pk, first.pk, at=world.at)
    merge(last.pk, second.pk, at=world.at)
    erasure.erase(first.pk, why=WHY, by=officer, at=world.at)
    assert [{one.ref, *one.others} for one in log.lines()] == [{first.ref, second.ref, last.ref}]
    transaction.savepoint_rollback(apart)
    assert found("client1@", "client2@", "client3@") != {}

    assert erasure.replay(by=officer, at=world.at) == 1

    assert found("client1@", "client2@", "client3@") == {}
    assert not SubjectKey.objects.exclude(pk=other.pk).exists()
    assert Client.objects.get(erased_at=None) == other
    assert (log.missing(), erasure.replay(by=officer, at=world.at), fence.state().is_armed) == ([], 0, True)


def test_t46_an_address_that_a_merge_took_away_is_suppressed_too_and_nobody_elses_is(
    world: World, officer: Staff
) -> None:
    kept, absorbed, apart = (world.client(one, consented=False) for one in (1, 2, 3))
    merge(kept.pk, absorbed.pk, at=world.at)
    MergeRequest.objects.create(kept=kept, absorbed=apart, reason="x", asked_at=world.at)
    undone = identity.merge(MergeRequest.objects.get(absorbed=apart).pk, by=officer, at=world.at)
    identity.undo(undone.pk, by=officer, at=world.at)
    assert Client.objects.get(pk=absorbed.pk).email == ""

    erasure.erase(kept.pk, why=WHY, by=officer, at=world.at)

    keyed = {one: contact.key(one, "email") for one in (kept.email, absorbed.email, apart.email)}
    told = {address: Suppression.objects.filter(contact_hmac=one).exists() for address, one in keyed.items()}
    assert told == {kept.email: True, absorbed.email: True, apart.email: False}


def test_a_log_whose_last_line_is_long_is_read_to_its_beginning(world: World, settings, tmp_path) -> None:
    settings.ERASURES = tmp_path / "erasures"
    for refs in (1, 100):
        line = log.Line(uuid4(), uuid4(), "erased", world.at, tuple(uuid4() for _ in range(refs)))
        log.append(line)

        assert list(log.lines())[-1] == dataclasses.replace(line, others=tuple(sorted(line.others, key=str)))
        assert not log.is_caught_up()
    Erasure.objects.create(pk=line.erasure, ref=line.ref, why="x", by="system:test", at=world.at)
    assert log.is_caught_up()


def test_rearm_says_that_a_hold_stands_in_the_way(ann: Client, world: World, officer: Staff) -> None:
    backup = transaction.savepoint()
    erasure.erase(ann.pk, why=WHY, by=officer, at=world.at)
    transaction.savepoint_rollback(backup)
    holds.place("everything", reason="An examination.", by=officer, at=world.at)

    with pytest.raises(CommandError, match="An examination"):
        call_command("rearm", "--by", officer.username, "--yes", stdout=StringIO())

    assert Client.objects.get(pk=ann.pk).erased_at is None
    assert not fence.state().is_armed
