"""Let mails leave from this database: after a restore, a failover or a move."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns.sending import evidence
from compliance import fence
from compliance.models import Staff
from compliance.rights import erasure, holds, log


class Command(BaseCommand):
    help = (
        "Shows what this database and the mail server's log disagree about, then arms sending for this database. "
        "Without --yes nothing is changed. Exit code 1 when they disagree and --anyway was not given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--log", type=Path, help="the mail server's log; messages in it that wait here were sent")
        parser.add_argument("--hours", type=int, default=72, help="look at messages due in the last so many hours")
        parser.add_argument("--by", required=True, help="sign-in of the person who confirms")
        parser.add_argument("--yes", action="store_true", help="arm sending")
        parser.add_argument("--anyway", action="store_true", help="arm although log and database disagree")

    def handle(self, *args: Any, **options: Any) -> None:
        at, stands = now(), fence.state()
        self.stdout.write(stands.why)
        staff = Staff.objects.filter(username=options["by"], is_active=True).first()
        if staff is None:
            raise CommandError(f"Nobody active signs in as {options['by']!r}.", returncode=2)
        waiting = evidence.waiting(since=at - timedelta(hours=options["hours"]))
        self.stdout.write(f"{len(waiting):,} messages wait to be sent in the last {options['hours']} hours.")
        sent = evidence.in_log(options["log"], waiting) if options["log"] else []
        if options["log"]:
            self.stdout.write(f"{len(sent):,} of them are in the log as delivered already.")
        else:
            self.stdout.write("No log was given, so nobody compared them with what the mail server did.")
        forgotten = log.missing()
        self.stdout.write(f"{len(forgotten):,} deeds of the erasure log are unknown to this database.")
        if not options["yes"]:
            self.stdout.write("Nothing was changed. Run it again with --yes to arm sending.")
            return
        if sent and not options["anyway"]:
            raise CommandError(
                "The log shows messages that would be sent again. Settle them first: "
                "manage.py resolve_unconfirmed --log FILE; or arm with --anyway."
            )
        if forgotten:
            try:
                self.stdout.write(f"{erasure.replay(by=staff, at=at):,} were repeated: erased stays erased.")
            except holds.OnHold as held:
                raise CommandError(f"{held} Two people lift it first; nothing is sent until then.") from None
        fence.arm(by=staff, at=at)
        self.stdout.write("Sending is armed for this database.")
