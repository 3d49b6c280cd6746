"""`replay MESSAGE_ID`: rebuild a past decision and message; exit 0 when identical, 1 with the first difference."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from campaigns import replay
from campaigns.models import Message


class Command(BaseCommand):
    help = "Rebuild a past decision and message from stored versions; say identical, or name the first difference."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("message_id", help="the message's id, as the console and its Message-ID show it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = replay.rebuild(UUID(options["message_id"].strip("<>").partition("@")[0]))
        except ValueError:
            raise CommandError("A message id reads like 0190c1de-7c3a-8b1e-9f00-2a4b6c8d0e1f.", returncode=2) from None
        except Message.DoesNotExist:
            raise CommandError("There is no message with this id.", returncode=2) from None
        compared = ", ".join(found.compared) or "nothing that was stored"
        if not found.identical:
            self.stdout.write(f"different: {found.difference} (compared: {compared})")
            raise SystemExit(1)
        self.stdout.write(f"identical (compared: {compared})")
