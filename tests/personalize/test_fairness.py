"""Are groups treated alike? Planted disparities are found, none is not, and too few clients are never a pass."""

from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, demographic_parity_ratio, selection_rate
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportions_ztest

from personalize.learn import fairness
from personalize.learn.fairness import Cell, Kind, Verdict

BASE, DISPARITY = 0.10, 0.7


def cells(
    group: np.ndarray, value: np.ndarray, *, p: np.ndarray | None = None, stratum: np.ndarray | None = None
) -> Any:
    """What the database gives: sums by group, probability and stratum."""
    p = np.ones(len(group)) if p is None else np.round(p, 2)
    stratum = np.zeros(len(group), int) if stratum is None else stratum
    keys = sorted(set(zip(group.tolist(), p.tolist(), stratum.tolist(), strict=True)))
    for name, chance, part in keys:
        mine = value[(group == name) & (p == chance) & (stratum == part)]
        yield Cell(name, chance, part, len(mine), float(mine.sum()), float((mine**2).sum()))


def shown(n: int, ratio: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n clients in each of two groups; the second is shown the offer `ratio` times as often as the first's 10 %."""
    rng = np.random.default_rng(seed)
    group = np.array(["a"] * n + ["b"] * n)
    return group, (rng.random(2 * n) < np.where(group == "a", BASE, BASE * ratio)).astype(float)


@pytest.mark.parametrize(
    ("base", "ratio", "needed"),
    [(0.02, 0.8, 17_341), (0.05, 0.8, 6_745), (0.1, 0.8, 3_213), (0.2, 0.8, 1_447), (0.3, 0.8, 859), (0.5, 0.8, 388),
     (0.1, 0.9, 13_495), (0.5, 0.9, 1_565)],
)  # fmt: skip
def test_how_many_clients_a_ratio_takes(base: float, ratio: float, needed: int) -> None:
    """The compliance specification's own table, section 6.2."""
    assert fairness.needed_for_ratio(base, ratio) == needed


def test_how_many_clients_a_difference_takes() -> None:
    assert [fairness.needed_for_difference(one) for one in (0.2, 0.1)] == [393, 1_570]
    for one in (0.2, 0.1):
        theirs = NormalIndPower().solve_power(one, alpha=0.05, power=0.8)
        assert fairness.needed_for_difference(one) == pytest.approx(theirs, abs=1)


def test_a_planted_disparity_is_found_and_none_is_not() -> None:
    n, verdicts = fairness.needed_for_ratio(BASE, 0.8), {}
    for ratio in (DISPARITY, 1.0):
        verdicts[ratio] = [
            fairness.compare(Kind.GOOD, cells(*shown(n, ratio, seed=seed)))[0].verdict for seed in range(100)
        ]

    assert verdicts[DISPARITY].count(Verdict.FAIL) >= 95
    assert verdicts[1.0].count(Verdict.FAIL) <= 2
    assert verdicts[1.0].count(Verdict.PASS) + verdicts[1.0].count(Verdict.NOT_ENOUGH) >= 80


def test_too_few_clients_are_never_a_pass() -> None:
    for seed in range(100):
        for ratio in (1.0, DISPARITY):
            (found,) = fairness.compare(Kind.GOOD, cells(*shown(200, ratio, seed=seed)))
            assert found.verdict in (Verdict.NOT_ENOUGH, Verdict.FAIL)
            assert found.verdict == Verdict.NOT_ENOUGH or found.p < 0.05
    assert fairness.overall([]) == Verdict.NOT_ENOUGH
    assert fairness.overall([Verdict.PASS, Verdict.NOT_ENOUGH, Verdict.WARN]) == Verdict.NOT_ENOUGH


def test_shares_agree_with_fairlearn_and_statsmodels() -> None:
    rng = np.random.default_rng(3)
    group = rng.choice(["a", "b", "c"], 9_000, p=[0.5, 0.3, 0.2])
    value = (rng.random(9_000) < np.where(group == "c", 0.12, 0.2)).astype(float)

    found = {one.group: one for one in fairness.compare(Kind.GOOD, cells(group, value))}

    rates = MetricFrame(metrics=selection_rate, y_true=value, y_pred=value, sensitive_features=group).by_group
    assert found["b"].value == pytest.approx(rates["b"] / rates["a"])
    both = group != "b"
    theirs = demographic_parity_ratio(value[both], value[both], sensitive_features=group[both])
    assert found["c"].value == pytest.approx(theirs)
    raw = [proportions_ztest([value[group == one].sum(), value[group == "a"].sum()],
                             [(group == one).sum(), (group == "a").sum()])[1] for one in "bc"]  # fmt: skip
    assert [found[one].p for one in "bc"] == pytest.approx(multipletests(raw, method="holm")[1])
    assert (found["c"].versus, found["c"].worse_off, found["c"].verdict) == ("a", "c", Verdict.FAIL)


def test_within_strata_a_difference_that_need_explains_is_gone() -> None:
    rng = np.random.default_rng(4)
    need = rng.integers(0, 2, 40_000)
    group = np.where(rng.random(40_000) < np.where(need == 1, 0.7, 0.3), "a", "b")
    value = (rng.random(40_000) < np.where(need == 1, 0.3, 0.1)).astype(float)

    (ratio,) = fairness.compare(Kind.GOOD, cells(group, value))
    (gap,) = fairness.compare(Kind.GAP, cells(group, value, stratum=need))

    assert ratio.verdict == Verdict.FAIL
    assert abs(gap.value) < 0.01
    assert gap.verdict == Verdict.PASS
    worse = value * (rng.random(40_000) < np.where(group == "b", 0.6, 1.0))
    (gap,) = fairness.compare(Kind.GAP, cells(group, worse, stratum=need))
    assert (gap.verdict, gap.worse_off) == (Verdict.FAIL, "b")


def test_dearer_products_for_one_group_are_found() -> None:
    rng = np.random.default_rng(5)
    group = np.array(["a"] * 2_500 + ["b"] * 1_500)
    fee = rng.normal(100, 20, 4_000) + np.where(group == "b", 8, 0)

    (found,) = fairness.compare(Kind.LEVEL, cells(group, fee))

    assert found.value == pytest.approx(0.4, abs=0.08)
    assert (found.verdict, found.worse_off) == (Verdict.FAIL, "b")
    assert found.low < found.value < found.high


@pytest.mark.parametrize(("quality", "regressed_from"), [(3.2, 0.65), (2.0, 0.6), (1.4, 0.55)])
def test_a_proxy_is_told_as_bounds_and_judged_by_the_worse(quality: float, regressed_from: float) -> None:
    """As in section 6.3: the weighted estimator alone would let a disparity of 0.7 pass."""
    rng = np.random.default_rng(6)
    n = 400_000
    member = rng.random(n) < 0.2
    signal = rng.normal(size=n) + quality * member
    odds = 0.25 * np.exp(quality * signal - quality**2 / 2)
    p = odds / (1 + odds)  # calibrated: the exact probability of belonging given the signal
    value = (rng.random(n) < np.where(member, BASE * DISPARITY, BASE)).astype(float)

    (found,) = fairness.compare(Kind.GOOD, cells(np.full(n, "b"), value, p=p))

    weighted = (p * value).sum() / p.sum() / (((1 - p) * value).sum() / (1 - p).sum())
    assert found.is_proxy
    assert found.high == pytest.approx(weighted, abs=0.01)
    assert found.high > DISPARITY
    assert regressed_from < found.low < 0.78
    assert found.value == found.low
    assert found.verdict == Verdict.FAIL


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5_000), st.floats(0, 1)), min_size=1, max_size=12),
    st.sampled_from(list(Kind)),
)
def test_renaming_groups_changes_no_number_and_every_verdict_is_one(rows: list, kind: Kind) -> None:
    def made(names: str) -> list[Cell]:
        return [Cell(names["abc".index(name)], 1.0, i % 2, n, round(n * share), round(n * share))
                for i, (name, n, share) in enumerate(rows)]  # fmt: skip

    found = fairness.compare(kind, made("abc"))

    for one in found:
        assert one.verdict in list(Verdict)
        assert one.verdict != Verdict.PASS or one.n >= one.needed
        assert one.worse_off in ("", one.group, one.versus)
    sizes = {name: sum(n for other, n, _ in rows if other == name) for name in "abc"}
    if len(set(sizes.values())) == 3:  # no tie about which is the largest
        again = fairness.compare(kind, made("xyz"))
        assert [one.value for one in again] == [one.value for one in found]
