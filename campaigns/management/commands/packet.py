"""`manage.py packet`: the regulator's file for a client, a campaign or a period."""

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from campaigns import exhibits
from campaigns.models import Campaign
from compliance import ledger, packet
from compliance.models import Client
from compliance.web import acting


class Command(BaseCommand):
    """Writes one zip and says what is in it."""

    help = "Write everything about a client, a campaign or a period into one verifiable zip."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("out", type=Path, help="the zip to write")
        parser.add_argument("--client", help="the firm's user id of a client")
        parser.add_argument("--campaign", default="", help="the campaign's slug")
        parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="end", type=date.fromisoformat, help="last day, YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        scope = self._scope(options)
        out: Path = options["out"]
        if out.exists():
            raise CommandError(f"{out} exists; nothing was written.", returncode=2)
        part = out.with_name(out.name + ".part")
        with acting("system:packet"):
            ledger.seal(at=now())
            try:
                manifest = packet.write(part, scope, exhibits=exhibits.of(scope))
                part.rename(out)
            finally:
                part.unlink(missing_ok=True)
            facts = {**scope.kept(), "files": len(manifest["files"])}
            ledger.record("packet.built", by="system:packet", at=now(), about="packet:command", facts=facts)
        for one in manifest["files"]:
            if one["rows"] is not None:
                self.stdout.write(f"{one['rows']:>9,}  {one['path']}")
        self.stdout.write(f"{out} · {len(manifest['files'])} files · {out.stat().st_size:,} bytes")

    def _scope(self, options: dict[str, Any]) -> packet.Scope:
        if not any(options[name] for name in ("client", "campaign", "start", "end")):
            raise CommandError("Name --client, --campaign, --from or --to.", returncode=2)
        client = None
        if options["client"]:
            client = Client.objects.filter(user_id=options["client"]).values_list("pk", flat=True).first()
            if client is None:
                raise CommandError(f"There is no client {options['client']}.", returncode=2)
        if options["campaign"] and not Campaign.objects.filter(slug=options["campaign"]).exists():
            raise CommandError(f"There is no campaign {options['campaign']}.", returncode=2)
        return packet.Scope(client, options["campaign"], options["start"], options["end"])
