"""The gates of a learned policy: what fails, and that a good one does not fall by chance."""

import numpy as np
import pytest

from campaigns.learning import gates

RNG = np.random.default_rng(11)
ODDS = RNG.normal(-1.0, 1.0, 4_000)
OPENED = (RNG.random(4_000) < 1 / (1 + np.exp(-ODDS))).astype(float)
CONTROL = np.arange(4_000) < 1_000
NOBODY = np.zeros(4_000)


def failed(opened=OPENED, odds=ODDS, harmed=NOBODY, control=CONTROL) -> list[str]:
    return [one.code for one in gates.judge(opened, odds, harmed=harmed, control=control) if not one.passed]


def test_a_policy_that_says_the_truth_passes_and_too_little_says_nothing():
    assert failed() == []
    assert failed(opened=1 - OPENED[:400], odds=ODDS[:400]) == []


@pytest.mark.parametrize("odds", [3 * ODDS, 0.2 * ODDS, -ODDS, ODDS + 4, ODDS - 4])
def test_odds_that_are_too_sure_too_shy_upside_down_or_far_off_fail(odds):
    assert failed(odds=odds) == ["calibration"]


def test_much_more_harm_than_the_control_fails_and_a_little_more_does_not():
    ours, theirs = np.flatnonzero(~CONTROL), np.flatnonzero(CONTROL)
    harmed = NOBODY.copy()
    harmed[theirs[:10]], harmed[ours[:33]] = 1, 1
    assert failed(harmed=harmed) == []
    harmed[ours[:200]] = 1
    assert failed(harmed=harmed) == ["harm"]


def test_a_weight_that_ran_away_fails():
    assert [gates.bounded(one).passed for one in (9.9, 10.1)] == [True, False]
