"""The curve that makes the tables' log-odds honest: it rises, it goes through 0, and parts still sum to the score."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.decide import modeltext, score
from personalize.decide.features import NUMBER, Column
from personalize.decide.score import Curve
from personalize.learn import calibration, propensity, tables
from personalize.learn.rows import Rows

SMALL = tables.Settings(rounds=40, leaves=12)
BENT = Curve(np.array([-1.0, 0.5, 2.0]), np.array([0.6, -0.9, 0.3]))
SUMS = st.lists(st.floats(-30, 30), min_size=2, max_size=40)


def agreeing(n=12_000, seed=3, *, top=0.4):
    """Clients whose signs agree: the rate is steep in the middle and flat at both ends, which no sum can tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    t = 1.4 * x[:, 0] + 1.4 * x[:, 1] + x[:, 2]
    z = -2.5 + np.where(t < 0, 0.3 * t, np.where(t < 1.5, 2 * t, 3 + top * (t - 1.5)))
    columns = tuple(Column(f"c{number}", NUMBER) for number in range(4))
    return Rows(x, (rng.random(n) < score.probability(z)).astype(float), columns, (0, 1, 2, 3))


@pytest.fixture(scope="module")
def half():
    """A model of half of the clients, the other half, and the same model as it came."""
    rows = agreeing()
    seen, unseen = rows.some(np.arange(6_000)), rows.some(np.arange(6_000, 12_000))
    settings = replace(SMALL, pairs=())
    model = propensity.fit(seen, seed=5, method="tables", settings=settings).model
    straight = propensity.main(seen, "tables", 0.0, replace(settings, seeds=propensity.SEEDS), 5)
    return model, unseen, straight


@given(SUMS)
def test_a_curve_rises_and_leaves_nothing_at_nothing(sums):
    t = np.sort(np.array(sums))

    bent = BENT.at(t)

    assert (np.diff(bent) >= -1e-12).all()
    assert BENT.at(np.zeros(1))[0] == pytest.approx(0, abs=1e-12)
    assert BENT.stretch(t) * t == pytest.approx(bent, abs=1e-9)
    assert (BENT.stretch(t) > 0).all()
    assert (Curve().at(t) == t).all()


def test_unseen_rows_find_the_bent_model_more_honest(half):
    model, unseen, straight = half

    before = calibration.scores(unseen.y, straight.probability(unseen.x))
    after = calibration.scores(unseen.y, model.probability(unseen.x))

    assert len(model.curve.knots) == propensity.KNOTS
    assert after.ece < 0.6 * before.ece
    assert after.log_loss < before.log_loss
    assert after.auc == before.auc  # who comes before whom is as it was


def test_a_curve_that_would_fall_is_left_out():
    rows = agreeing(8_000, top=-1.0)

    fitted = propensity.fit(rows, seed=5, method="tables", settings=replace(SMALL, pairs=()))

    assert not len(fitted.model.curve.knots)


@pytest.mark.parametrize("many", [300, 6_000])
def test_parts_sum_to_the_bent_score_for_few_and_for_many(half, many):
    model, unseen, _ = half
    x = unseen.x[:many]

    main = model.main(x)

    assert np.abs(model.base + model.parts(x).sum(axis=1) - main).max() < 1e-9
    assert np.abs(model.start(None, many) + model.contributions(x).sum(axis=1) - main).max() < 1e-9
    assert np.abs(propensity.stretched(model, 0.7, 0.2).main(x) - (0.7 * main + 0.2)).max() < 1e-9


def test_rows_that_are_honest_already_bend_nothing():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(8_000, 2))
    y = (rng.random(8_000) < score.probability(x[:, 0])).astype(float)
    rows = Rows(x, y, (Column("a", NUMBER), Column("b", NUMBER)), (0, 1))

    fitted = propensity.fit(rows, seed=2, method="tables", settings=replace(SMALL, rounds=60))

    assert not fitted.recalibrated
    assert not len(fitted.model.curve.knots)


def test_a_bent_model_survives_its_text_and_a_straight_one_has_the_text_it_had(half):
    model, unseen, straight = half

    body = modeltext.dump(model)
    again = modeltext.load(body, modeltext.sha256(body))

    assert (again.main(unseen.x) == model.main(unseen.x)).all()
    assert "curve" not in json.loads(modeltext.dump(straight))


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        ({"knots": [0.0, 1.0], "bends": [0.1]}, "do not fit"),
        ({"knots": [1.0, 0.0], "bends": [0.1, 0.1]}, "do not fit"),
        ({"knots": [0.0, 1.0], "bends": [-0.5, -0.5]}, "falls"),
        ({"knots": [0.0], "bends": [float("1e400")]}, "not finite"),
        ({"knots": [0.0]}, "not a model"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(half, curve, why):
    body = json.loads(modeltext.dump(half[0]))
    body["curve"] = curve

    with pytest.raises(score.BadModel, match=why):
        modeltext.load(json.dumps(body), None)


def test_only_tables_are_bent(half):
    body = json.loads(modeltext.dump(propensity.fit(half[1], seed=1, method="linear").model))
    body["curve"] = {"knots": [0.0], "bends": [0.1]}

    with pytest.raises(score.BadModel, match="only tables are bent"):
        modeltext.load(json.dumps(body), None)
    del body["curve"]
    assert modeltext.load(json.dumps(body), None).method == "linear"


def test_a_line_without_bends_is_coxs_recalibration():
    rng = np.random.default_rng(4)
    z = rng.normal(-1, 2, 5_000)
    y = (rng.random(5_000) < score.probability(0.5 * z + 0.3)).astype(float)

    slope, intercept = calibration.recalibration(y, z)

    assert (slope, intercept) == (pytest.approx(0.5, abs=0.05), pytest.approx(0.3, abs=0.1))
    assert calibration.bent(y, z, np.array([0.0]))[2] == pytest.approx(0, abs=0.1)
