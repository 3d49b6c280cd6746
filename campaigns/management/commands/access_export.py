"""`manage.py access_export`: everything we hold about one client, for the client."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from campaigns import copies
from compliance.models import Client
from compliance.web import acting


class Command(BaseCommand):
    """Writes one zip."""

    help = "Write a client's own copy of everything held about them: README.html to read, data.json for programs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", help="the firm's user id of the client")
        parser.add_argument("out", type=Path, help="the zip to write")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Client.objects.filter(user_id=options["client"]).first()
        if person is None:
            raise CommandError(f"There is no client {options['client']}.", returncode=2)
        with acting("system:access"):
            content = copies.make(person.pk, by="system:access", at=now())
        try:
            options["out"].write_bytes(content)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error}", returncode=2) from None
        self.stdout.write(f"{options['out']}: {len(content):,} bytes. It names the client: hand it to nobody else.")
