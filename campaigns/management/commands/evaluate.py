"""evaluate: what another policy would have achieved on logged decisions, with intervals."""

import argparse
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns.examples import ALWAYS
from campaigns.lab import answers
from campaigns.lab.answers import Answer
from campaigns.lab.weighing import CannotTell
from campaigns.models import UseCase

FEW = 500  # effective rows below which the log is too thin to let a policy go live by


class Command(BaseCommand):
    help = (
        "Estimates, from decisions that were drawn by chance, the success rate another policy would have had: inverse "
        "propensity (ips, snips), an outcome model (dm) and both together (dr, sndr, switch-dr), 95 % intervals. "
        "Refuses, with exit code 1, where the two policies overlap too little to say."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("use_case", metavar="USECASE", choices=UseCase.values, help=", ".join(UseCase.values))
        parser.add_argument(
            "--policy", required=True,
            help="uniform; nothing; live; latest; model:VERSION; cross-fitted; or a candidate's digest (its first "
            "characters are enough). cross-fitted judges the way of learning, on rows the model has not seen",
        )  # fmt: skip
        parser.add_argument(
            "--logged", required=True, metavar="SLUG", help="the campaign that was logged; all: every one"
        )
        parser.add_argument("--from", dest="since", default="", metavar="DATE", help="decisions from this day on (UTC)")
        parser.add_argument("--to", dest="until", default="", metavar="DATE", help="decisions before this day (UTC)")

    def handle(self, *args: Any, use_case: str, logged: str, **options: Any) -> None:
        wanted, at = options["policy"], now()
        since, until = _day("--from", options["since"]) or ALWAYS, _day("--to", options["until"]) or at
        if since >= until:
            raise CommandError("--from must lie before --to.")
        self.stderr.write("Reading what was decided and what came of it, and fitting two outcome models …")
        campaign = "" if logged == "all" else logged
        try:
            found = answers.answer(use_case, wanted, campaign=campaign, since=since, until=until, at=at)
        except CannotTell as why:
            raise CommandError(str(why)) from why
        self.stderr.write(f"{found.rows:,} matured decisions, {found.drawn:,} drawn by chance")
        if found.refusal:
            self.stdout.write("\n".join(_overlap(found)))
            raise CommandError(f"No answer. {found.refusal}")
        self.stdout.write("\n".join(_told(wanted, found)))


def _day(name: str, given: str) -> datetime | None:
    if not given:
        return None
    try:
        return datetime.combine(date.fromisoformat(given), time(), UTC)
    except ValueError:
        raise CommandError(f"{name}: “{given}” is no day; write it as 2026-07-01.") from None


def _told(wanted: str, found: Answer) -> list[str]:
    lines = [f"policy {wanted}, success rate per decision:"]
    lines += [f"  {one.name:10} {one.value:.6f}  [{one.low:.6f}, {one.high:.6f}]" for one in found.report.estimates]
    lines += _overlap(found)
    if found.report.ess < FEW:
        lines.append(f"Fewer than {FEW} effective rows: too thin to let a policy go live by.")
    return lines


def _overlap(found: Answer) -> list[str]:
    report = found.report
    return [
        f"logged policy {found.happened[0]:.6f} over {report.n:,} decisions",
        f"effective rows {report.ess:,.0f} · mean weight {report.mean_weight:.4f} ± {1.96 * report.weight_error:.4f} "
        f"(1 when logged chances are true) · largest weight {report.largest:.1f} ({report.share_of_one:.1%} of all)",
    ]
