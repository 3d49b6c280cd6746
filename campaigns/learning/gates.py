"""What a learned policy must pass every day to go on deciding; one failed gate takes it back to rules."""

from dataclasses import dataclass

import numpy as np

from personalize.learn import calibration
from personalize.learn.calibration import SLOPE_WITHIN

ENOUGH = 500  # results, below which calibration says nothing
TIMES = 2.0  # more or less opens than said by this factor, beyond chance
Z = 3.29  # 99.9 %: it is looked at every day, and a good policy must not fall by chance within weeks
LARGEST = 10.0
HARM_TIMES = 1.5  # more harm than the segmented control by this factor, beyond chance


@dataclass(frozen=True, slots=True)
class Gate:
    """One question, whether it was passed, and what was found."""

    code: str
    passed: bool
    found: str


def judge(opened: np.ndarray, odds: np.ndarray, *, harmed: np.ndarray, control: np.ndarray) -> list[Gate]:
    """The gates of what came in since the policy was made and that it has not learnt from yet.

    opened (n,) 0 or 1 and odds (n,), the log-odds it gave them · harmed (m,), control (m,) bool: whom it did not choose
    for
    """
    return [_calibrated(opened, odds), _harmless(harmed, control)]


def _calibrated(opened: np.ndarray, odds: np.ndarray) -> Gate:
    if len(opened) < ENOUGH:
        return Gate("calibration", True, f"{len(opened):,} new results, too few to say")
    p = 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
    weight = p * (1 - p)
    seen, said, chance = float(opened.sum()), float(p.sum()), Z * float(weight.sum()) ** 0.5
    if seen > TIMES * said + chance or TIMES * seen < said - chance:
        return Gate("calibration", False, f"{seen:,.0f} opens where it said {said:,.0f}")
    spread = float((weight * (odds - np.average(odds, weights=weight)) ** 2).sum())
    if spread <= 0:
        return Gate("calibration", True, "it predicts the same for everybody")
    slope, _ = calibration.recalibration(opened, odds)
    error = Z / spread**0.5
    low, high = SLOPE_WITHIN
    passed = slope + error >= low and slope - error <= high
    return Gate("calibration", passed, f"slope {slope:.2f} ± {error:.2f}, wanted {low} to {high}")


def _harmless(harmed: np.ndarray, control: np.ndarray) -> Gate:
    ours, theirs = harmed[~control], harmed[control]
    if len(ours) < ENOUGH or len(theirs) < ENOUGH:
        return Gate("harm", True, f"{len(ours):,} and {len(theirs):,} in the control, too few to say")
    mine, other = float(ours.mean()), float(theirs.mean())
    error = Z * (mine * (1 - mine) / len(ours) + HARM_TIMES**2 * other * (1 - other) / len(theirs)) ** 0.5
    passed = mine - HARM_TIMES * other <= error
    return Gate(
        "harm", passed, f"{1000 * mine:.1f} opt-outs and complaints per 1,000, {1000 * other:.1f} in the control"
    )


def bounded(largest: float) -> Gate:
    """No weight has run away: undamped learning does, silently, on large populations."""
    return Gate("stability", largest < LARGEST, f"largest weight {largest:.2f}, wanted below {LARGEST:g}")
