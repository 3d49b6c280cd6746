"""Through time: judged on later rows; a model that forgets old ones takes over where that is clearly better."""

from pathlib import Path

import numpy as np
import pytest

from personalize import fitting
from personalize.decide import score
from personalize.decide.features import NUMBER, Column
from personalize.learn import calibration, forward, propensity
from personalize.learn.rows import Rows
from tests import anchors

COLUMNS = (Column("a", NUMBER), Column("b", NUMBER))


def rows(n, *, turns, seed=1):
    """Half-way through, what speaks for success speaks against it, if it turns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    sign = np.where((np.arange(n) > n / 2) & turns, -1.0, 1.0)
    y = (rng.random(n) < score.probability(-1 + sign * 1.5 * x[:, 0])).astype(float)
    return Rows(x, y, COLUMNS, (0, 1))


def test_what_clients_do_now_wins_over_what_they_did():
    turned = rows(4_000, turns=True)

    judged = fitting.judge(turned, np.arange(4_000))

    assert judged.card["adapted"]
    assert judged.card["walk"]["adapted"]["auc"] > 0.65 > 0.5 > judged.card["walk"]["static"]["auc"]
    later = rows(8_000, turns=True, seed=2).some(np.arange(6_000, 8_000))
    assert calibration.auc(later.y, judged.trained.model.probability(later.x)) > 0.7
    assert calibration.ece(later.y, judged.trained.model.probability(later.x)) < 0.06


def test_where_nothing_turns_every_row_counts():
    judged = fitting.judge(rows(4_000, turns=False), np.arange(4_000))

    assert not judged.card["adapted"]
    assert judged.card["walk"]["static"]["auc"] > 0.75


def test_no_row_is_predicted_by_a_later_one():
    given = rows(3_000, turns=False)
    changed = Rows(given.x, np.where(np.arange(3_000) >= 2_900, 1 - given.y, given.y), COLUMNS, (0, 1))
    order = np.arange(3_000)

    first = forward.walk(given, order, seed=1, method="linear", penalty=1.0)
    second = forward.walk(changed, order, seed=1, method="linear", penalty=1.0)

    before = 2_900 - 2_100  # later rows before the change
    assert first.adapted[:before].tolist() == second.adapted[:before].tolist()
    assert first.kept[:before].tolist() == second.kept[:before].tolist()


def test_too_little_is_not_walked_through():
    assert forward.walk(rows(400, turns=False), np.arange(400), seed=1, method="linear") is None


def test_old_rows_count_half_after_a_half_life():
    assert forward._weight(5, 2).tolist() == pytest.approx([0.25, 0.5**1.5, 0.5, 0.5**0.5, 1.0])
    assert forward._weight(3, 0).tolist() == [1.0, 1.0, 1.0]


def test_a_row_that_counts_twice_is_two_rows():
    given = rows(300, turns=False)
    weight = np.where(np.arange(300) < 100, 2.0, 1.0)
    twice = given.some(np.r_[np.arange(300), np.arange(100)])

    once = propensity.main(Rows(given.x, given.y, COLUMNS, (0, 1), weight=weight), "linear", 5.0, None, 1)

    doubled = propensity.linear.fit(lambda at: propensity.design(once.inputs, twice.x[at]), twice.y, np.full(4, 5.0))
    assert once.weight.tolist() == pytest.approx(doubled.weight.tolist(), abs=1e-6)


@pytest.mark.skipif(not (Path(anchors.DATA) / "bank_marketing_train.csv.gz").is_file(), reason="no bank file beside")
def test_a_date_ordered_file_keeps_its_ranking():
    from tests.anchors.bank import bank

    given = bank()

    trained = propensity.fit(given, seed=fitting.SEED, settings=propensity.Settings(rounds=150, rate=0.1))

    assert calibration.auc(given.y, score.probability(trained.held_out)) >= 0.78
    assert calibration.scores(given.y, trained.model.probability(given.x)).auc >= 0.78
