"""Start the whole firm on this machine."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from personalize.start import environment, up


class Command(BaseCommand):
    help = (
        "Starts the embedded database, migrates, seeds the demo on first start, runs web, workers, beat and the mail "
        "catcher, and says when it is ready. manage.py runs this before Django, because it makes what settings read."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        up.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(up.run(port=options["port"], data=environment.folder(options["data"]), bare=options["bare"]))
