"""Compiled models: exact parts, defined answers for what is not known, and no trust in a changed text."""

import json
from dataclasses import replace

import numpy as np
import pytest

from personalize.decide import modeltext, score
from personalize.decide.binning import Grid
from personalize.decide.features import CATEGORY, NUMBER, Column, encode
from personalize.learn import linear, propensity, tables
from personalize.learn.propensity import NothingToLearn
from personalize.learn.rows import Rows, inputs_of

COLUMNS = (
    Column("age", NUMBER), Column("job", CATEGORY, ("clerk", "cook", "pilot")), Column("gone", NUMBER),
    Column("visits", NUMBER), Column("same", NUMBER),
)  # fmt: skip
SMALL = tables.Settings(rounds=40, leaves=12)


def population(n=6_000, seed=1, slots=True):
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.normal(40, 12, n), rng.integers(0, 3, n).astype(float), rng.normal(0, 1, n), rng.poisson(3, n), np.ones(n)
    ])  # fmt: skip
    x[rng.random(n) < 0.2, 2] = np.nan
    x[rng.random(n) < 0.1, 1] = np.nan
    choice = np.column_stack([rng.integers(0, 2, n), rng.integers(-1, 3, n)]).astype(np.int16)
    z = -1 + 0.04 * (x[:, 0] - 40) + 0.8 * (x[:, 1] == 2) + 0.5 * np.isnan(x[:, 2]) * (x[:, 0] > 45)
    z += 0.8 * (choice[:, 0] == 1) * (x[:, 0] > 40) + 0.4 * (choice[:, 1] == 2)
    y = (rng.random(n) < score.probability(z)).astype(float)
    candidates = (("d0", "d1"), ("e0", "e1", "e2"))
    rows = Rows(x, y, COLUMNS, tuple(range(5)))
    return replace(rows, choice=choice, slots=("subject", "body"), candidates=candidates) if slots else rows


@pytest.fixture(scope="module")
def rows():
    return population()


@pytest.fixture(scope="module", params=["linear", "tables"])
def trained(request, rows):
    return propensity.fit(rows, seed=5, method=request.param, settings=SMALL)


def test_parts_and_contributions_sum_to_the_score(trained, rows):
    model, x, choice = trained.model, rows.x, rows.choice

    expected = model.base + model.parts(x).sum(axis=1)
    for number in range(2):
        value = model.value(x, number)
        expected += np.where(choice[:, number] >= 0, value[np.arange(len(x)), choice[:, number]], 0)

    assert np.abs(model.score(x, choice) - expected).max() < 1e-9
    assert np.abs(model.start(choice, len(x)) + model.contributions(x, choice).sum(axis=1) - expected).max() < 1e-9
    assert np.abs(model.main(x) - model.base - model.contributions(x).sum(axis=1)).max() < 1e-9


def test_many_rows_have_the_contributions_that_each_has_alone(trained, rows):
    times = 2 * score.ROWS // len(rows.x) + 2
    x, choice = np.tile(rows.x, (times, 1)), np.tile(rows.choice, (times, 1))
    assert len(x) > 2 * score.ROWS
    edges = np.r_[:3, score.ROWS - 2 : score.ROWS + 2, 2 * score.ROWS - 2 : 2 * score.ROWS + 2, len(x) - 3 : len(x)]

    model = trained.model
    assert np.abs(model.contributions(x)[edges] - model.contributions(x[edges])).max() < 1e-12
    together, alone = model.contributions(x, choice)[edges], model.contributions(x[edges], choice[edges])
    assert np.abs(together - alone).max() < 1e-12


def test_a_gap_is_exactly_what_one_candidate_is_worth_more_than_another(trained, rows):
    model, x = trained.model, rows.x[:200]
    chosen, other = np.zeros(200, np.intp), np.full(200, 2)

    gap = model.gap(x, 1, chosen, other)

    value = model.value(x, 1)
    constant = model.offsets[1][0] - model.offsets[1][2]
    assert np.abs(gap.sum(axis=1) + constant - (value[:, 0] - value[:, 2])).max() < 1e-9


def test_what_is_not_known_new_or_not_there_yet_has_a_defined_answer(trained):
    model = trained.model
    unknown = np.full((1, 5), np.nan)
    odd = np.array([[40.0, 7.0, np.nan, 3.0, 1.0]])
    without = np.array([[40.0, np.nan, np.nan, 3.0, 1.0]])

    assert np.isfinite(model.score(unknown)).all()
    assert model.score(odd).tolist() == model.score(without).tolist()
    assert model.score(unknown[:, :2]).tolist() == model.score(unknown).tolist()
    assert np.isfinite(model.score(np.array([[np.inf, 0, -np.inf, 1e300, 1]]))).all()
    assert model.score(np.zeros((0, 5))).shape == (0,)


def test_a_model_survives_its_text_to_the_last_bit(trained, rows):
    body = modeltext.dump(trained.model)

    again = modeltext.load(body, modeltext.sha256(body))

    assert modeltext.dump(again) == body
    assert again.score(rows.x, rows.choice).tolist() == trained.model.score(rows.x, rows.choice).tolist()


def test_a_model_follows_a_campaigns_own_order_and_knows_nothing_of_new_candidates(trained, rows):
    turned = trained.model.aligned(("body", "visual", "subject"), (("e2", "new", "e0"), ("v",), ("d1", "d0")))

    was, now = trained.model.value(rows.x, 1), turned.value(rows.x, 0)
    assert now[:, [0, 2]].tolist() == was[:, [2, 0]].tolist()
    assert not now[:, 1].any()
    assert not turned.value(rows.x, 1).any()
    assert turned.value(rows.x, 2).tolist() == trained.model.value(rows.x, 0)[:, ::-1].tolist()


def test_who_likes_what_is_learnt(trained, rows):
    old, young = np.array([[60.0, 0, 0, 3, 1]]), np.array([[25.0, 0, 0, 3, 1]])

    value = trained.model.value(np.vstack([old, young]), 0)

    assert value[0, 1] - value[0, 0] > value[1, 1] - value[1, 0] + 0.2
    assert trained.model.offsets[1].argmax() == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + " ",
        lambda text: text.replace('"base":', '"base":1e9,"was":'),
    ],
)
def test_a_changed_text_is_not_loaded(trained, spoil):
    body = modeltext.dump(trained.model)

    with pytest.raises(score.BadModel, match="registered"):
        modeltext.load(spoil(body), modeltext.sha256(body))


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "null", "{}", '{"format":1}', '{"format":99}', "cos\nsystem\n(S'id'\ntR.",
        json.dumps({"format": 1, "method": "magic", "base": 0, "inputs": [], "weight": [], "terms": [], "slots": []}),
        json.dumps({"format": 1, "method": "linear", "base": 0, "inputs": [], "weight": [1], "terms": [], "slots": []}),
        '{"format":1,"method":"linear","base":NaN,"inputs":[],"weight":[],"terms":[],"slots":[]}',
    ],
)  # fmt: skip
def test_what_is_not_a_model_is_refused(body):
    with pytest.raises(score.BadModel):
        modeltext.load(body, None)


@pytest.mark.parametrize("pairs", [None, ((0, 1), (0, 2))])
def test_tables_are_the_trees(rows, pairs):
    inputs = inputs_of(rows)
    grown = tables.grow(inputs, rows.x, rows.y, settings=replace(SMALL, pairs=pairs), seed=3)

    model = tables.compiled(inputs, grown, rows.x)

    strange = np.vstack([rows.x, np.full((1, 5), np.nan), [[1e9, 5, -1e9, 0, 1]], rows.x[:50] + 1e-9])
    expected = grown.log_odds(tables.shown(inputs, grown.ranks, strange))
    assert np.abs(model.main(strange) - expected).max() < 1e-9
    assert np.abs(model.parts(rows.x).mean(axis=0)).max() < 1e-6
    assert all(len(term.inputs) <= 2 for term in model.terms)


def test_a_column_that_never_varies_is_left_out(rows):
    assert [one.column.code for one in inputs_of(rows)] == ["age", "job", "gone", "visits"]


def test_the_kind_of_model_follows_from_how_much_there_is():
    y = np.zeros(5_000)
    y[:500] = 1

    assert [propensity.method_for(one) for one in (y, y[:4_999], np.append(y[1:], 0), 1 - y)] == [
        "tables", "linear", "linear", "tables",
    ]  # fmt: skip


@pytest.mark.parametrize("y", [np.zeros(100), np.ones(100), np.r_[1.0, np.zeros(99)], np.r_[1.0, 1.0, 0.0, 0.0]])
def test_nothing_is_fitted_where_nothing_can_be_learnt(y):
    x = np.random.default_rng(0).normal(size=(len(y), 5))

    with pytest.raises(NothingToLearn):
        propensity.fit(Rows(x, y, COLUMNS, tuple(range(5))), seed=1)


def test_a_date_ordered_file_does_not_turn_the_model_upside_down():
    rng = np.random.default_rng(2)
    n = 6_000
    time = np.arange(n) / n
    x = np.column_stack([rng.normal(size=n), rng.normal(size=n)])
    y = (rng.random(n) < score.probability(-3 + 4 * time + x[:, 0])).astype(float)
    rows = Rows(x, y, (Column("a", NUMBER), Column("b", NUMBER)), (0, 1))

    trained = propensity.fit(rows, seed=1, settings=SMALL)

    from personalize.learn import calibration

    assert calibration.auc(y, score.probability(trained.held_out)) > 0.65


def test_separable_rows_do_not_diverge():
    x = np.linspace(-1, 1, 200)[:, None]

    found = linear.fit(lambda at: x[at], (x[:, 0] > 0).astype(float), np.array([1.0]))

    assert 0 < found.weight[0] < 50


def test_logistic_regression_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(4)
    x = rng.normal(size=(500, 4))
    y = (rng.random(500) < score.probability(x @ [1, -1, 0.5, 0])).astype(float)

    found = linear.fit(lambda at: x[at], y, np.full(4, 2.0))

    theirs = LogisticRegression(C=0.5, tol=1e-10).fit(x, y)
    assert found.weight.tolist() == pytest.approx(theirs.coef_[0].tolist(), abs=1e-5)
    assert found.intercept == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_words_become_codes_and_everything_else_is_not_known():
    x = encode(COLUMNS[:2], {"age": ["41", "", None, "x", "inf"], "job": ["cook", "astronaut", None, "", "pilot"]}, 5)

    assert x[0].tolist() == [41, 1]
    assert np.isnan(x[1:4]).all()
    assert np.isnan(x[4, 0])
    assert x[4, 1] == 2


@pytest.mark.parametrize(
    "cuts",
    [[], [3.0], [0.0, 1.0], [-1e9, 0.0, 1e-9, 1e9], [0.0, 5e-324, 1.0], [1.0, 1.0 + 2**-52, 2.0], [-1e308, 1e308]],
)
def test_a_grid_finds_what_a_search_finds(cuts):
    at = np.array(cuts)
    rng = np.random.default_rng(6)
    value = np.concatenate([at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), rng.normal(0, 3, 500),
                            [np.inf, -np.inf, 0.0, -0.0, 1e300]])  # fmt: skip

    found = Grid.of(at).bins(np.append(value, np.nan))

    assert found[:-1].tolist() == np.searchsorted(at, value, side="left").tolist()
    assert found[-1] == len(cuts) + 1


def test_many_rows_score_like_few(trained, rows):
    many = trained.model.main(rows.x)

    few = np.concatenate([trained.model.main(rows.x[start : start + 100]) for start in range(0, len(many), 100)])
    assert np.abs(many - few).max() < 1e-12
