"""train: fit, judge and register a model of a use case, and print its card."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns import examples
from campaigns.fairness import gate
from campaigns.models import UseCase
from compliance.acting import acting
from compliance.models import Staff
from personalize import fitting, training
from personalize.models import Artefact, ModelUse
from personalize.registry import signing

ACTOR = "system:train"


class Command(BaseCommand):
    help = (
        "Fits a model on every matured decision of a use case, judges it on rows it had not seen, registers it in "
        "shadow and prints its card. An officer lets it go live: in the console, or here with --go-live."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("use_case", metavar="USECASE", choices=UseCase.values, help=", ".join(UseCase.values))
        parser.add_argument("--campaign", default="", metavar="SLUG", help="only the decisions of this campaign")
        parser.add_argument(
            "--go-live", default="", metavar="OFFICER",
            help="once the card is printed, validate the model and let it decide, in the name of this officer; its "
            "owner is whom the use case's declaration names",
        )  # fmt: skip
        parser.add_argument("--findings", default="", metavar="TEXT", help="what the officer found, for the record")

    def handle(self, *args: Any, use_case: str, campaign: str, go_live: str, findings: str, **options: Any) -> None:
        at = now()
        officer = _officer(go_live) if go_live else None
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
        if officer is not None:
            self.stdout.write(_let_go(made, officer, findings))


def _officer(username: str) -> Staff:
    """Who may let a model decide; asked before anything is fitted."""
    found = Staff.objects.filter(username=username, is_active=True).first()
    if found is None or not found.has_perm("compliance.oversee"):
        raise CommandError(f"“{username}” may not let a model go live: that is an officer's to do. Nothing was fitted.")
    return found


def _let_go(made: Artefact, officer: Staff, findings: str) -> str:
    """The model decides from now on; what is live already stays so."""
    live, at = training.live(made.use_case), now()
    if live is None or live.pk != made.pk:
        use = ModelUse.objects.select_related("owner").filter(use_case=made.use_case).first()
        if use is None:
            raise CommandError(f"{made.use_case}: no owner or footing is declared. It was registered all the same.")
        findings = findings or f"{officer.username} read the printed card and had no finding."
        try:
            with acting(f"staff:{use.owner_id}"):
                signing.own(made.pk, by=use.owner, at=at)
            with acting(f"staff:{officer.pk}"):
                signing.validate(made.pk, findings=findings, by=officer, at=at)
                gate.go_live(made.pk, by=officer, at=at)
        except (training.NotReady, signing.CannotSign) as why:
            raise CommandError(f"{why} It was registered all the same.") from why
    return f"live: runs that start from now on choose by it, on the word of {officer.username}"


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
