"""What is known of a model on its way, beside what was live: each measure with intervals, and what can be said."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from campaigns.bulk import trials as bulk
from personalize.learn import effects, offpolicy
from personalize.models import Artefact, Stage
from personalize.outlooks import checks
from personalize.outlooks.cases import BY_CODE

MOST = 200_000
SHADOW_LEAST, CANARY_LEAST, CANARY_FOR = 200, 100, timedelta(days=7)
HARM_TIMES = 1.5  # more opt-outs and complaints than beside it by this factor, beyond chance
MEASURES = ("success", "opened", "harm")
LABELS = {
    "success": "Reached the metric",
    "opened": "Opened or clicked",
    "harm": "Opted out, complained",
}
BETTER, WORSE, UNCLEAR, NOTHING = "better", "worse", "unclear", "nothing"


@dataclass(frozen=True, slots=True)
class Side:
    """A share with its 95 % interval, of n decisions."""

    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: the model's, what was live beside it, their difference with its interval, and what that says.

    verdict  "better", "worse" (proven), "unclear", or "nothing" where there is nothing to compare
    """

    key: str
    label: str
    model: Side
    beside: Side
    low: float
    high: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """decisions the model made on trial · alike  share in which it chose as was chosen, None for a canary

    lines   empty where it has made none · refusal  why the log cannot carry a shadow's estimates, or ""
    lacking what must still come before the next step, in sentences; harm and success proven worse are among it
    """

    stage: str
    since: datetime | None
    decisions: int
    alike: float | None
    lines: tuple[Line, ...]
    refusal: str
    lacking: tuple[str, ...]

    def said(self) -> list[str]:
        """As an approver reads it."""
        if self.since is None:
            return []
        how = "beside what was live, without effect" if self.stage == Stage.SHADOW else "as a canary"
        told = [f"Since {self.since:%-d %B %Y} it made {self.decisions:,} decisions {how}."]
        if self.alike is not None:
            told.append(f"In {self.alike:.0%} it chose what was chosen.")
        told += [
            f"{one.label}: {_percent(one.model)} against {_percent(one.beside)}; {one.verdict}." for one in self.lines
        ]
        return [*told, *([self.refusal] if self.refusal else [])]


def of(model: Artefact, *, at: datetime) -> Evidence:
    """What a model's trial says so far; nothing where it is on none."""
    if model.use_case in BY_CODE:
        return _of_outlook(model)
    if model.stage == Stage.SHADOW and model.step is not None:
        return _of_shadow(model, at=at)
    if model.stage == Stage.CANARY and model.step is not None:
        return _of_canary(model, at=at)
    return Evidence(model.stage, None, 0, None, (), "", ())


def _of_outlook(model: Artefact) -> Evidence:
    """A model that scores clients is on trial against what they did later, not against messages."""
    if model.stage not in (Stage.SHADOW, Stage.CANARY) or model.step is None:
        return Evidence(model.stage, None, 0, None, (), "", ())
    found, lacks = checks.newest(model), checks.lacking(model)
    return Evidence(
        model.stage, model.step.taken_at, found.rows if found else 0, None, (), "", (lacks,) if lacks else ()
    )  # fmt: skip


def _of_shadow(model: Artefact, *, at: datetime) -> Evidence:
    since = model.step.taken_at
    rows = bulk.shadow(model.pk, since=since, limit=MOST, at=at)
    columns = [np.array(one, np.float64) for one in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 6
    weight, alike, opened, harmed, matured, succeeded = columns
    ripe = matured == 1
    lines = [_weighed("success", weight[ripe], succeeded[ripe]), _weighed("opened", weight, opened),
             _weighed("harm", weight, harmed)]  # fmt: skip
    lacking = [] if len(rows) >= SHADOW_LEAST else [
        f"It has decided {len(rows):,} times in shadow; {SHADOW_LEAST} are the least."
    ]  # fmt: skip
    refusal = offpolicy.too_poor(offpolicy.weigh(weight, opened)) if len(rows) > 1 else ""
    return Evidence(
        model.stage, since, len(rows), float(alike.mean()) if len(rows) else None,
        tuple(lines) if len(rows) > 1 else (), refusal, (*lacking, *_proven(lines)),
    )  # fmt: skip


def _weighed(key: str, weight: np.ndarray, y: np.ndarray) -> Line:
    """What the shadow would have reached, by the weights of its own chances, beside what was reached.

    The difference is of the same decisions, so its error is that of each decision's part in both.
    Source: self-normalised importance sampling with the delta method, Owen, Monte Carlo theory, 2013, chapter 9.2.
    """
    n = len(y)
    if n < 2 or not weight.any():
        return _line(key, Side(n, math.nan, math.nan, math.nan), _side(int(y.sum()), n), -math.inf, math.inf)
    found = next(one for one in offpolicy.weigh(weight, y).estimates if one.name == "snips")
    parts = weight * (y - found.value) / weight.mean() - (y - y.mean())
    difference, half = found.value - float(y.mean()), 1.96 * float(parts.std(ddof=1)) / math.sqrt(n)
    mine = Side(n, found.value, max(found.low, 0.0), min(found.high, 1.0))
    return _line(key, mine, _side(int(y.sum()), n), difference - half, difference + half)


def _of_canary(model: Artefact, *, at: datetime) -> Evidence:
    since, nobody = model.step.taken_at, (0, 0, 0, 0, 0)
    found = bulk.sides(model.pk, since=since, at=at)
    mine, others = found.get(True, nobody), found.get(False, nobody)
    lines = tuple(
        _compared(key, mine[events], mine[n], others[events], others[n])
        for key, events, n in (("success", 4, 3), ("opened", 1, 0), ("harm", 2, 0))
    )
    lacking = []
    if mine[0] < CANARY_LEAST:
        lacking.append(f"It has answered {mine[0]:,} clients as a canary; {CANARY_LEAST} are the least.")
    if at < since + CANARY_FOR:
        lacking.append(f"It has been a canary since {since:%-d %B %Y}; {CANARY_FOR.days} days are the least.")
    return Evidence(model.stage, since, mine[0], None, lines if mine[0] else (), "", (*lacking, *_proven(lines)))


def _compared(key: str, events: int, n: int, base_events: int, base_n: int) -> Line:
    """Two groups of clients apart, in such a way that one may look at any time."""
    found = effects.difference(events, n, base_events, base_n)
    return _line(key, _side(events, n), _side(base_events, base_n), found.low, found.high)


def _line(key: str, model: Side, beside: Side, low: float, high: float) -> Line:
    verdict = NOTHING
    if math.isfinite(low) and math.isfinite(high):
        up, down = (WORSE, BETTER) if key == "harm" else (BETTER, WORSE)
        verdict = up if low > 0 else down if high < 0 else UNCLEAR
        if key == "harm" and verdict == WORSE and model.share <= HARM_TIMES * beside.share:
            verdict = UNCLEAR
    return Line(key, LABELS[key], model, beside, low, high, verdict)


def _side(events: int, n: int) -> Side:
    return Side(n, events / n if n else math.nan, *effects.wilson(events, n))


def _proven(lines: Any) -> list[str]:
    """The measures by which it is proven worse, apart from opens, which nobody is to be judged by."""
    return [
        f"{one.label}: {_percent(one.model)}, and {_percent(one.beside)} beside it; chance does not explain that."
        for one in lines
        if one.verdict == WORSE and one.key != "opened"
    ]


def _percent(side: Side) -> str:
    if math.isnan(side.share):
        return "nobody knows"
    return f"{100 * side.share:.1f} % ({100 * side.low:.1f} to {100 * side.high:.1f})"
