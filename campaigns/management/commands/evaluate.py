"""evaluate: what another policy would have achieved on logged decisions, with intervals."""

import argparse
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns import examples, offpolicy
from campaigns.examples import Logged
from campaigns.models import UseCase
from campaigns.offpolicy import CannotTell, Guesses, Policy
from personalize import fitting, training
from personalize.decide import modeltext, policy
from personalize.learn.offpolicy import Report
from personalize.models import Artefact

FEW = 500  # effective rows below which the log is too thin for a decision


class Command(BaseCommand):
    help = (
        "Estimates, from decisions that were drawn by chance, the success rate another policy would have had: inverse "
        "propensity (ips, snips), an outcome model (dm) and both together (dr, sndr, switch-dr), 95 % intervals."
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

    def handle(self, *args: Any, use_case: str, logged: str, **options: Any) -> None:
        wanted, at = options["policy"], now()
        self.stderr.write("Reading what was decided and what came of it …")
        log = examples.logged(use_case, at=at, campaign="" if logged == "all" else logged)
        if len(log.examples.y) < 2:
            raise CommandError(f"{logged}: there is no matured decision to judge by")
        self.stderr.write(f"{len(log.examples.y):,} matured decisions, {int(log.drawn.sum()):,} drawn by chance")
        try:
            guesses = self._guesses(log)
            if wanted == "cross-fitted":
                targets = [Policy("model", model, _gamma(log)) for model in guesses.models]
                report = offpolicy.judge_folds(log, targets, guesses=guesses)
            else:
                report = offpolicy.judge(log, _policy(wanted, use_case, log), guesses=guesses)
        except (CannotTell, training.NotReady) as why:
            raise CommandError(str(why)) from why
        self.stdout.write("\n".join(_told(wanted, log, report)))

    def _guesses(self, log: Logged) -> Guesses:
        """Two outcome models, each fitted on the half that the other is asked about."""
        found = log.examples
        fold = np.random.default_rng(fitting.SEED).permutation(len(found.y)) % 2
        models = []
        for number in (0, 1):
            self.stderr.write(f"Fitting outcome model {number + 1} of 2 on the other half …")
            models.append(fitting.outcome_model(found, fold != number))
        return Guesses(tuple(models), fold, found.x)


def _gamma(log: Logged) -> float:
    """Gamma for differences of log-odds: a step of d is worth about rate (1 - rate) d in probability."""
    rate = float(log.examples.y.mean())
    return policy.gamma_for(len(log.examples.y)) * rate * (1 - rate)


def _policy(wanted: str, use_case: str, log: Logged) -> Policy:
    if wanted in ("uniform", "nothing"):
        return Policy(wanted)
    versions = Artefact.objects.filter(use_case=use_case)
    found = None
    if wanted == "live":
        found = training.live(use_case)
    elif wanted == "latest":
        found = versions.order_by("-version").first()
    elif wanted.startswith("model:"):
        number = wanted.removeprefix("model:")
        found = versions.filter(version=int(number)).first() if number.isdigit() else None
    else:
        digests = [one for slot in log.examples.candidates for one in slot if one.startswith(wanted)]
        if len(digests) != 1:
            raise CannotTell(f"{wanted!r} names {len(digests)} candidates of this log, not one")
        return Policy("candidate", digest=digests[0])
    if found is None:
        raise CannotTell(f"there is no model {wanted!r} of {use_case}")
    return Policy("model", modeltext.load(found.body, found.sha256), _gamma(log))


def _told(wanted: str, log: Logged, report: Report) -> list[str]:
    lines = [f"policy {wanted}, success rate per decision:"]
    lines += [f"  {one.name:10} {one.value:.6f}  [{one.low:.6f}, {one.high:.6f}]" for one in report.estimates]
    lines += [
        f"logged policy {log.examples.y[log.drawn].mean():.6f} over {report.n:,} decisions",
        f"effective rows {report.ess:,.0f} · mean weight {report.mean_weight:.4f} ± {1.96 * report.weight_error:.4f} "
        f"(1 when logged chances are true) · largest weight {report.largest:.1f}",
    ]
    if report.ess < FEW:
        lines.append(f"Fewer than {FEW} effective rows: too thin to decide by.")
    return lines
