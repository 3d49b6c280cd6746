"""train: fit, judge and register a model of a use case, and print its card."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns import examples
from campaigns.models import UseCase
from compliance.acting import acting
from personalize import fitting, training

ACTOR = "system:train"


class Command(BaseCommand):
    help = (
        "Fits a model on every matured decision of a use case, judges it on rows it had not seen, registers it and "
        "prints its card. It goes live by shadow and canary, each approved by two people in the console."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("use_case", metavar="USECASE", choices=UseCase.values, help=", ".join(UseCase.values))
        parser.add_argument("--campaign", default="", metavar="SLUG", help="only the decisions of this campaign")

    def handle(self, *args: Any, use_case: str, campaign: str, **options: Any) -> None:
        at = now()
        self.stderr.write("Reading what was decided and what came of it …")
        found = examples.examples(use_case, at=at, campaign=campaign)
        positives = int(found.y.sum())
        ready = training.readiness(use_case, len(found.y), positives)
        self.stderr.write(f"{len(found.y):,} matured decisions, {positives:,} successes: phase {ready.phase}")
        if ready.phase == "rules":
            raise CommandError(
                f"Rules choose until there are {training.POOLED_ROWS:,} decisions and {training.POOLED_POSITIVES} "
                f"successes; {ready.need_rows:,} and {ready.need_positives:,} are missing. Nothing was registered."
            )
        try:
            with acting(ACTOR):
                made = fitting.fit(use_case, found, by=ACTOR, at=at)
        except (training.NotReady, training.ForbiddenFeature) as why:
            raise CommandError(f"{why}. Nothing was registered.") from why
        self.stdout.write("\n".join(_told(made.card, f"{use_case} version {made.version} ({made.stage})", made.sha256)))


def _told(card: dict[str, Any], title: str, digest: str) -> list[str]:
    """The card as lines."""

    def number(name: str) -> str:
        return "–" if card[name] is None else f"{card[name]:.4f}"

    return [
        title,
        f"  sha256      {digest}",
        f"  method      {card['method']}: {card['method_words']}",
        f"  rows        {card['rows']:,} with {card['positives']:,} successes, {' to '.join(card['window'])}",
        f"  held out    AUC {number('auc')} · log-loss {number('log_loss')} · ECE {number('ece')} · "
        f"Brier {number('brier')} · lift@10% {number('lift')}",
        f"  in time     AUC {number('forward_auc')} · ECE {number('forward_ece')} (first 70 % of the time → the rest)",
        *_walked(card["walk"]),
        *(
            f"  beside      {one['name']}: AUC {one['auc']:.4f} · log-loss {one['log_loss']:.4f}"
            for one in card["alternatives"]
        ),
        f"  candidates  {card['candidates']}",
        "  features    " + ", ".join(f"{one['name']} {one['weight']:.3f}" for one in card["importance"][:10]),
        "  refused     " + ", ".join(card["forbidden_checked"]),
        *(f"  note        {one}" for one in card["limitations"]),
    ]


def _walked(walk: dict[str, Any] | None) -> list[str]:
    """How it lives with time: fitted again as time passes, and forgetting what is old."""
    if walk is None:
        return []
    words = {"kept": "fitted again on everything so far", "adapted": "old rows count less, calibrated on the newest"}
    return [
        f"              AUC {walk[one]['auc']:.4f} · ECE {walk[one]['ece']:.4f} {told}" for one, told in words.items()
    ]
