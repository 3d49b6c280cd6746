"""The ladder of evidence: the server's log, what the client did, and three days after which nobody is asked again."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from campaigns import runs
from campaigns.models import Interaction, Message, MessageState, Run
from campaigns.sending import delivery, evidence
from compliance import fence
from compliance.models import Fence, LedgerEntry
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World

DAY = timedelta(days=1)


@pytest.fixture
def doubted(world: World) -> Run:
    """Three messages whose answer never came."""
    for number in range(3):
        world.client(number)
    run = launched(world)
    Message.objects.update(state="unconfirmed", reason="connection_lost", intent_at=world.at)
    return run


def log(folder: Path, *ends: tuple[Message, str]) -> Path:
    """A Postfix log of these messages."""
    lines = []
    for number, (message, status) in enumerate(ends):
        queued = f"4F2A{number:04d}B"
        lines += [
            f"Nov 26 09:00:01 mx postfix/cleanup[1]: {queued}: message-id=<{message.pk}@mail.example>",
            f"Nov 26 09:00:02 mx postfix/smtp[1]: {queued}: to=<{message.address}>, dsn=2.0.0, status={status} (ok)",
        ]
    path = folder / "mail.log"
    path.write_text("\n".join(["junk \udce9"[:4], *lines, "half a li"]) + "\n")
    return path


def test_a_mail_servers_log_ends_the_doubt_it_knows_the_end_of(doubted: Run, tmp_path: Path) -> None:
    first, second, third = Message.objects.order_by("client_id")
    path, said = log(tmp_path, (first, "sent"), (second, "bounced"), (third, "deferred")), StringIO()

    call_command("resolve_unconfirmed", "--log", path, "--dry-run", stdout=said)
    assert runs.counts(doubted.pk).unconfirmed == 3
    call_command("resolve_unconfirmed", "--log", path, stdout=said)
    call_command("resolve_unconfirmed", "--log", path, stdout=said)

    assert runs.counts(doubted.pk) == runs.Counts(audience=3, sent=1, failed=1, unconfirmed=1)
    assert said.getvalue().splitlines() == [
        "1 would be settled as sent, 1 as bounced; the log does not know 1.",
        "1 settled as sent, 1 as bounced; the log does not know 1.",
        "0 settled as sent, 0 as bounced; the log does not know 1.",
    ]
    assert LedgerEntry.objects.filter(kind="message.resolved").count() == 2


def test_a_log_that_is_not_there_is_named(doubted: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.log"):
        call_command("resolve_unconfirmed", "--log", tmp_path / "none.log")

    assert runs.counts(doubted.pk).unconfirmed == 3


def test_whoever_opened_a_message_had_it_and_a_machine_proves_nothing(doubted: Run, world: World) -> None:
    first, second, _ = Message.objects.order_by("client_id")
    seen = {"kind": "open", "at": world.at}
    Interaction.objects.create(message=first, is_human=True, actor_class="human", **seen)
    Interaction.objects.create(message=second, is_human=False, actor_class="scanner", **seen)

    assert evidence.settle_from_replies(at=world.at) == 1

    assert [one.state for one in Message.objects.order_by("client_id")] == ["sent", "unconfirmed", "unconfirmed"]


def test_time_closes_marketing_in_doubt_and_sends_nothing(doubted: Run, world: World, sink: Sink) -> None:
    assert evidence.close_old(at=world.at + 2 * DAY) == 0
    assert evidence.close_old(at=world.at + 4 * DAY) == 3
    assert evidence.close_old(at=world.at + 5 * DAY) == 0
    delivery.send(limit=9, at=world.at + 5 * DAY)

    assert {one.reason for one in Message.objects.all()} == {"closed_unconfirmed"}
    assert {one.state for one in Message.objects.all()} == {MessageState.UNCONFIRMED}
    assert sink.mails == []


def test_a_service_notice_in_doubt_waits_for_a_person(doubted: Run, world: World) -> None:
    Run.objects.update(plan={**doubted.plan, "purpose": "service"})

    assert evidence.close_old(at=world.at + 9 * DAY) == 0


def test_rearm_compares_with_the_log_before_it_arms(doubted: Run, world: World, tmp_path: Path) -> None:
    Fence.objects.all().delete()
    Message.objects.update(state="pending", intent_at=None, reason="", due_at="2099-01-01T00:00Z")
    path, said = log(tmp_path, (Message.objects.order_by("client_id").first(), "sent")), StringIO()
    asked = ("--log", path, "--by", world.editor.username)

    call_command("rearm", *asked, stdout=said)
    assert "3 messages wait" in said.getvalue()
    assert "1 of them are in the log" in said.getvalue()
    assert not fence.state().is_armed
    with pytest.raises(CommandError, match="sent again"):
        call_command("rearm", *asked, "--yes", stdout=said)
    assert not fence.state().is_armed
    with pytest.raises(CommandError, match="Nobody"):
        call_command("rearm", "--by", "nobody", "--yes", stdout=said)

    call_command("rearm", *asked, "--yes", "--anyway", stdout=said)

    assert fence.state().is_armed
    assert LedgerEntry.objects.get(kind="sending.armed", actor=f"staff:{world.editor.pk}")
