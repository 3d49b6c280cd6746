"""Experiment statistics against gbstats 0.8.0, scipy and hand-computed cases."""

import math

import numpy as np
import pytest
from scipy import stats

from personalize.learn import distributions, effects
from personalize.learn.effects import Sample

TREATED, BASE = Sample.of_proportion(1100, 5000), Sample.of_proportion(1000, 5000)


@pytest.mark.parametrize(
    ("counts", "p"), [([5000, 5200], 0.0476703806561615), ([10000, 10100, 9900], 0.36787944117144245)]
)
def test_sample_ratio_is_what_gbstats_says(counts, p):
    assert effects.sample_ratio(counts, [1] * len(counts)) == pytest.approx(p, abs=1e-12)


@pytest.mark.parametrize(
    ("compare", "relative", "p", "low", "high"),
    [
        (effects.fixed, True, 0.01929394, 0.0162372126, 0.1837627874),
        (effects.fixed, False, 0.01407079, 0.0040366883, 0.0359633117),
        (effects.sequential, True, 0.31251661, -0.0308221911, 0.2308221911),
        (effects.sequential, False, 0.24072283, -0.0049317803, 0.0449317803),
    ],
)
def test_differences_are_what_gbstats_says(compare, relative, p, low, high):
    found = compare(TREATED, BASE, relative=relative)

    assert (found.p, found.low, found.high) == pytest.approx((p, low, high), abs=1e-8)
    assert found.difference == pytest.approx(0.1 if relative else 0.02)


@pytest.mark.parametrize("df", [1, 2, 3, 7, 40, 500])
@pytest.mark.parametrize("x", [1e-6, 0.3, 1.0, 5.0, 41.0, 600.0])
def test_chi_square_tail_is_scipys(df, x):
    assert distributions.chi_square_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 9990.7])
@pytest.mark.parametrize("p", [0.6, 0.95, 0.975, 0.9995])
def test_student_quantile_is_scipys(df, p):
    assert distributions.student_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9)


@pytest.mark.parametrize(
    ("treated", "base"), [((0, 0), (0, 0)), ((0, 50), (0, 60)), ((1, 1), (0, 60)), ((50, 50), (60, 60))]
)
def test_nothing_is_claimed_where_nothing_can_be_said(treated, base):
    found = effects.difference(*treated, *base)

    assert (found.low, found.high, found.p) == (-math.inf, math.inf, None)


@pytest.mark.parametrize(
    ("counts", "shares", "p"), [([0, 0], [1, 1], None), ([5], [1], None), ([5, 5], [1, 0], 0.0), ([7, 0], [1, 0], None)]
)
def test_sample_ratio_knows_its_edges(counts, shares, p):
    assert effects.sample_ratio(counts, shares) == p


def test_wilson_is_the_textbook_case():
    # Newcombe, Statistics in Medicine 1998, table I: 15 of 148, method 3.
    assert effects.wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert effects.wilson(0, 0) == (0.0, 1.0)


def test_looking_often_deceives_the_fixed_interval_and_not_the_sequential_one():
    rng = np.random.default_rng(7)
    fooled = {"fixed": 0, "sequential": 0}
    for _ in range(200):
        a, b = rng.random((2, 4000)) < 0.2
        for name, compare in (("fixed", effects.fixed), ("sequential", effects.sequential)):
            for n in range(200, 4001, 200):
                found = compare(Sample.of_proportion(int(a[:n].sum()), n), Sample.of_proportion(int(b[:n].sum()), n))
                if found.p is not None and found.p < 0.05:
                    fooled[name] += 1
                    break

    assert fooled["fixed"] > 30
    assert fooled["sequential"] <= 10


def test_cuped_keeps_the_effect_and_takes_out_what_was_known_before():
    rng = np.random.default_rng(3)
    before = rng.normal(10, 3, (2, 4000))
    after = 0.7 * before + rng.normal(0, 2, (2, 4000))
    after[0] += 1.0

    adjusted = effects.cuped(after[0], before[0], after[1], before[1])

    raw, taken = effects.fixed(Sample.of(after[0]), Sample.of(after[1])), effects.fixed(adjusted.treated, adjusted.base)
    assert adjusted.theta == pytest.approx(0.7, abs=0.02)
    assert adjusted.variance_kept == pytest.approx(4 / (4 + 0.49 * 9), abs=0.03)
    assert taken.low < 1.0 < taken.high
    assert taken.high - taken.low < 0.75 * (raw.high - raw.low)
