"""outlook: what clients may be about to do; judges models, learns when it is time, and tells each client's."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from compliance.acting import acting
from personalize.outlooks import renewal, telling
from personalize.outlooks.cases import BY_CODE, CASES


class Command(BaseCommand):
    help = (
        "For each use case that scores clients: judges the models that stand by what came since, demotes what fails, "
        "learns anew where there is enough and it is time, and tells who is likely. A worker does the same every night."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("case", nargs="?", choices=sorted(BY_CODE), help="only this one")

    def handle(self, *args: Any, case: str | None, **options: Any) -> None:
        for one in [BY_CODE[case]] if case else CASES:
            with acting(renewal.BY):
                found = renewal.renew(one, at=now())
                counts = telling.tell(one, at=now())
            told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
            self.stdout.write(f"{one.code}: {found.outcome}. {found.why} Told: {told}.")
