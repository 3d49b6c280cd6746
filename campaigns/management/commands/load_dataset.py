"""manage.py load_dataset {bank-marketing,hillstrom} FILE."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns import datasets
from compliance.web import acting
from personalize.importing.table import BadFile


class Command(BaseCommand):
    help = (
        "Turn a public data set into clients, events, a logged campaign and outcomes. The sets say nothing of consent: "
        "without --consent nobody of them may be written to."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", choices=sorted(datasets.SHAPES))
        parser.add_argument("file", type=Path, help="the CSV file, .gz too")
        parser.add_argument(
            "--consent",
            action="store_true",
            help='record consents with the source "dataset demo", so that a run on these clients can be tried',
        )

    def handle(self, *, dataset: str, file: Path, consent: bool, **options: Any) -> None:
        shape = datasets.SHAPES[dataset]
        try:
            with acting("system:dataset"):
                done = datasets.load(shape, file, with_consent=consent, at=now(), told=self.stderr.write)
        except BadFile as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(
            f"{done.rows:,} rows: {done.clients:,} new clients, {done.events:,} events, {done.messages:,} logged "
            f"decisions, {done.outcomes:,} outcomes, {done.consents:,} demonstration consents. All dates were moved by "
            f"{done.shift_days:,} days.\nCampaign dataset-{shape.slug}, use case {shape.use_case}, success metric "
            f"{shape.metric}: python manage.py train {shape.use_case}"
        )
