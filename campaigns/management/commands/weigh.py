"""weigh: what attention costs, from opens alone to outcomes alone, a curve for each use case."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns.lab import tradeoffs
from campaigns.models import TradeOff, UseCase
from compliance.acting import acting


class Command(BaseCommand):
    help = (
        "Weighs past decisions by policies between opens alone and outcomes alone, and keeps the curve that the page "
        "of rewards shows. A worker does the same once a week."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("use_case", nargs="?", choices=UseCase.values, help="only this one")

    def handle(self, *args: Any, use_case: str | None, **options: Any) -> None:
        with acting(tradeoffs.BY):
            found = [tradeoffs.one(use_case, at=now())] if use_case else tradeoffs.draw(at=now())
        made = [one for one in found if one is not None]
        if not made:
            raise CommandError(f"Nothing can be weighed below {tradeoffs.LEAST} matured decisions with known opens.")
        for one in made:
            self.stdout.write("\n".join(_told(one)))


def _told(one: TradeOff) -> list[str]:
    head = f"{one.use_case}: {one.decisions:,} decisions, {one.happened['opened']:.2%} opened, "
    lines = [f"{head}{one.happened['served']:.2%} served. {one.refusal}".rstrip()]
    for point in one.points:
        opened, served = (f"{name} {point[name][0]:.2%} [{point[name][1]:.2%}, {point[name][2]:.2%}]"
                          for name in tradeoffs.MEASURES)  # fmt: skip
        lines.append(f"  opens weigh {point['share']:4.0%}: {opened}, {served}")
    return lines
