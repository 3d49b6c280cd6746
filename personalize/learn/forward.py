"""What a model is worth on rows later than its own: walked forward through time, and kept fit as time passes.

Source of the method: prequential evaluation, Dawid 1984; every row is predicted by models of earlier rows only.
"""

from dataclasses import dataclass, replace

import numpy as np

from personalize.decide import score
from personalize.decide.score import Model
from personalize.learn import calibration, propensity
from personalize.learn.rows import Rows, inputs_of
from personalize.learn.tables import Settings

SHARE, STEP = 0.7, 0.025  # the later part that is scored, and how much time passes between two fits
BACK = 6  # steps that the choice of window and the calibration look back on
HALF_LIVES = (1_000, 2_000, 4_000, 8_000, 0)  # rows after which a row counts half; 0: all count alike
PENALTY = 10.0  # of the adapting model: what all rows together would choose knows nothing of change
REACH = 6  # half-lives beyond which a row no longer matters
NEWEST = 60_000  # rows that a walk looks back on at most
ENOUGH_ROWS, ENOUGH_EACH = 500, 20  # below: no walk, its steps would hold nothing
CLEARLY = 2.0  # standard errors by which adapting must win


@dataclass(frozen=True, slots=True)
class Walk:
    """Probabilities of the later rows by three ways of living with time, with what came.

    y          (n,) outcomes of the later rows, in order
    static     fitted once on the earlier rows
    kept       the same method fitted again as time passes, on everything so far
    adapted    a linear model whose rows count less as they age, half-life and calibration chosen by the newest rows
    half_life  what would be chosen now · slope, intercept  the calibration that would be used now
    chosen     the half-life of each step, for the card
    """

    y: np.ndarray
    static: np.ndarray
    kept: np.ndarray
    adapted: np.ndarray
    half_life: int
    slope: float
    intercept: float
    chosen: tuple[int, ...]

    @property
    def adapts(self) -> bool:
        """Whether adapting loses clearly less log-loss than fitting on everything so far."""
        gain = _losses(self.y, self.kept) - _losses(self.y, self.adapted)
        return bool(gain.mean() > CLEARLY * gain.std() / np.sqrt(len(gain)))


def walk(
    rows: Rows, order: np.ndarray, *, seed: int, method: str, penalty: float = 0.0, settings: Settings | None = None
) -> Walk | None:
    """Score the last 30 % in time by models of what came before; None where there is too little to walk through.

    order  (n,) when each row happened; candidates are left out: who they went to changes with time as well
    """
    rows = _in_time(rows, order)
    n = len(rows.y)
    border = round(SHARE * n)
    late = rows.y[border:]
    if n < ENOUGH_ROWS or min(late.sum(), len(late) - late.sum()) < ENOUGH_EACH or rows.y[:border].sum() < ENOUGH_EACH:
        return None
    step = max(1, round(STEP * n))
    starts = [*range(border - BACK * step, n, step)]
    blocks = [slice(start, min(start + step, n)) for start in starts if start > 0]
    first = next(number for number, block in enumerate(blocks) if block.start >= border)
    static = propensity.main(rows.some(np.arange(border)), method, penalty, settings, seed).probability(rows.x[border:])
    tried = _tried(rows, blocks, seed)
    adapted, chosen = np.empty(n), []
    for number in range(first, len(blocks)):
        half_life, slope, intercept = _choice(rows.y, tried, blocks[max(0, number - BACK)].start, blocks[number].start)
        adapted[blocks[number]] = score.probability(slope * tried[half_life][blocks[number]] + intercept)
        chosen.append(half_life)
    half_life, slope, intercept = _choice(rows.y, tried, blocks[-min(BACK, len(blocks))].start, n)
    kept = _kept(rows, blocks[first:], method, penalty, settings, seed)
    return Walk(late, static, kept, adapted[border:], half_life, slope, intercept, tuple(chosen))


def newest(rows: Rows, order: np.ndarray, *, walk: Walk, seed: int) -> Model:
    """The adapting model of now, with its calibration."""
    rows = _in_time(rows, order)
    weighed = replace(rows, weight=_weight(len(rows.y), walk.half_life))
    return propensity.stretched(propensity.main(weighed, "linear", PENALTY, None, seed), walk.slope, walk.intercept)


def _in_time(rows: Rows, order: np.ndarray) -> Rows:
    return rows.some(np.argsort(order, kind="stable")[-NEWEST:])


def _tried(rows: Rows, blocks: list[slice], seed: int) -> dict[int, np.ndarray]:
    """The log-odds that models of each half-life, fitted just before each block, gave to it."""
    found = {half_life: np.full(len(rows.y), np.nan) for half_life in HALF_LIVES}
    for block in blocks:
        for half_life, log_odds in found.items():
            first = max(0, block.start - REACH * half_life) if half_life else 0
            part = rows.some(np.arange(first, block.start))
            part = replace(part, weight=_weight(len(part.y), half_life))
            log_odds[block] = propensity.main(part, "linear", PENALTY, None, seed).main(rows.x[block])
    return found


def _kept(
    rows: Rows, blocks: list[slice], method: str, penalty: float, settings: Settings | None, seed: int
) -> np.ndarray:
    """Probabilities of the blocks by the method itself, fitted again before every fourth one, in half the rounds."""
    found = []
    if settings is not None:
        settings = replace(settings, rate=2 * settings.rate, rounds=settings.rounds // 2)
    for first in range(0, len(blocks), 4):
        block = slice(blocks[first].start, blocks[min(first + 3, len(blocks) - 1)].stop)
        model = propensity.main(rows.some(np.arange(block.start)), method, penalty, settings, seed)
        found.append(model.probability(rows.x[block]))
    return np.concatenate(found)


def _choice(y: np.ndarray, tried: dict[int, np.ndarray], start: int, stop: int) -> tuple[int, float, float]:
    """The half-life that lost least on rows start to stop, and the calibration that makes it honest there."""
    past = slice(start, stop)
    best = min(tried, key=lambda one: float(_losses(y[past], score.probability(tried[one][past])).mean()))
    slope, intercept = calibration.recalibration(y[past], tried[best][past])
    return best, slope, intercept


def _weight(n: int, half_life: int) -> np.ndarray:
    """(n,) what rows in time order count: 1 for the newest."""
    return np.ones(n) if half_life == 0 else 0.5 ** (np.arange(n - 1, -1, -1) / half_life)


def _losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def unseasonal(rows: Rows, seasonal: frozenset[str]) -> Rows:
    """The rows without columns that tell the time of year: in one year's rows they cannot be told from a trend."""
    kept = [number for number, one in enumerate(rows.columns) if one.code not in seasonal]
    fewer = replace(
        rows, columns=tuple(rows.columns[one] for one in kept), positions=tuple(rows.positions[one] for one in kept)
    )
    return fewer if inputs_of(fewer) else rows
