"""The hot path: draws, choices, limits, reasons and hours, by edge tables, properties and hand-computed cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from personalize.decide import draws, limits, policy, reasons
from personalize.decide.limits import Closed
from personalize.decide.values import Candidates, Circumstances, FeatureTable

# -- draws ---------------------------------------------------------------------------------------


def test_a_draw_is_the_documented_hash():
    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    g = 0x9E3779B97F4A7C15
    by_hand = mix(mix(mix((42 + g) % 2**64) ^ ((7 + g) % 2**64)) ^ mix((1001 + g) % 2**64)) >> 11

    assert draws.uniform(42, np.array([1001]), 7).tolist() == [by_hand * 2.0**-53]


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63 - 1, 2**64 + 5])
@pytest.mark.parametrize("stream", [0, 1, "slot:body", 2**64 - 1])
def test_draws_are_the_same_again_and_uniform(seed, stream):
    ids = np.arange(20_000)

    u = draws.uniform(seed, ids, stream)

    assert u.tolist() == draws.uniform(seed, ids[::-1], stream)[::-1].tolist()
    assert (u.min(), u.max()) == pytest.approx((0, 1), abs=2e-3)
    assert u.max() < 1
    assert np.histogram(u, 20, (0, 1))[0] == pytest.approx([1000] * 20, abs=150)


def test_streams_and_seeds_do_not_repeat_each_other():
    ids = np.arange(5_000)
    one = draws.uniform(1, ids, 0)

    for other in (draws.uniform(2, ids, 0), draws.uniform(1, ids, 1), draws.uniform(1, ids + 1, 0)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05


def test_the_experiment_has_the_shares_that_were_asked_for():
    side = draws.experiment(9, np.arange(100_000), control=0.2, holdout=0.05)

    assert (np.bincount(side, minlength=3) / 1000).tolist() == pytest.approx([75, 20, 5], abs=0.6)


@pytest.mark.parametrize(("control", "holdout"), [(-0.1, 0), (0.6, 0.5), (1.1, 0)])
def test_impossible_shares_are_refused(control, holdout):
    with pytest.raises(ValueError, match="shares"):
        draws.experiment(1, np.arange(3), control=control, holdout=holdout)


# -- policy --------------------------------------------------------------------------------------


@st.composite
def slates(draw):
    n, k = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    value = draw(hnp.arrays(np.float64, (n, k), elements=st.floats(-50, 50)))
    return value, draw(hnp.arrays(bool, (n, k)))


@given(slates(), st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_chances_sum_to_one_and_are_those_of_the_pick(slate, gamma, u):
    value, allowed = slate

    chances = policy.chances(value, allowed, gamma=gamma)
    picked = policy.pick(value, allowed, gamma=gamma, draw=np.full(len(value), u))

    some = allowed.any(axis=1)
    assert chances.sum(axis=1) == pytest.approx(some.astype(float), abs=1e-12)
    assert (chances[~allowed] == 0).all()
    assert (chances[allowed] > 0).all()
    assert (picked.arm[~some] == -1).all()
    assert (picked.propensity[~some] == 1).all()
    rows = np.flatnonzero(some)
    assert allowed[rows, picked.arm[rows]].all()
    assert picked.propensity[rows].tolist() == chances[rows, picked.arm[rows]].tolist()


def test_inverse_gap_weighting_by_hand():
    # K = 3, gamma 10: gaps .2 and .5 from the best give 1 / (3 + 2) and 1 / (3 + 5), the best has the rest.
    chances = policy.chances(np.array([[0.3, 0.5, 0.0]]), np.ones((1, 3), bool), gamma=10)

    assert chances[0].tolist() == pytest.approx([1 / 5, 1 - 1 / 5 - 1 / 8, 1 / 8])


@pytest.mark.parametrize(("value", "gamma"), [(np.array([[5.0, 1.0, 9.0, 2.0]]), 0.0), (np.full((1, 4), 0.7), 1e5)])
def test_without_greed_or_difference_the_choice_is_uniform(value, gamma):
    allowed = np.array([[True, False, True, True]])

    assert policy.chances(value, allowed, gamma=gamma)[0].tolist() == pytest.approx([1 / 3, 0, 1 / 3, 1 / 3])


def test_picks_come_as_often_as_their_chance_says():
    n = 100_000
    value, allowed = np.tile([0.1, 0.3, 0.2, 0.0], (n, 1)), np.tile([True, True, True, False], (n, 1))

    picked = policy.pick(value, allowed, gamma=20, draw=draws.uniform(3, np.arange(n), "pick"))

    expected = policy.chances(value[:1], allowed[:1], gamma=20)[0]
    assert (np.bincount(picked.arm, minlength=4) / n).tolist() == pytest.approx(expected.tolist(), abs=0.005)
    assert (1 / 3 / picked.propensity).mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("value", "allowed", "gamma", "draw"),
    [
        (np.zeros((2, 3)), np.ones((2, 2), bool), 1, np.zeros(2)),
        (np.zeros((2, 3)), np.ones((2, 3), bool), -1, np.zeros(2)),
        (np.zeros((2, 3)), np.ones((2, 3), bool), np.inf, np.zeros(2)),
        (np.zeros((2, 3)), np.ones((2, 3), bool), 1, np.zeros(3)),
        (np.zeros((2, 3)), np.ones((2, 3), bool), 1, np.ones(2)),
        (np.full((2, 3), np.nan), np.ones((2, 3), bool), 1, np.zeros(2)),
    ],
)
def test_impossible_slates_are_refused(value, allowed, gamma, draw):
    with pytest.raises(ValueError, match=r".+"):
        policy.pick(value, allowed, gamma=gamma, draw=draw)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nobody_or_nothing_to_choose_is_fine(shape):
    picked = policy.pick(np.zeros(shape), np.zeros(shape, bool), gamma=1, draw=np.zeros(shape[0]))

    assert picked.arm.tolist() == [-1] * shape[0]


# -- limits --------------------------------------------------------------------------------------


def candidates(
    *framing, language="en", topics=frozenset(), urgent=False, approved=True, in_date=True, audience="retail",
    markets=frozenset(), knowledge="", calmed=False,
):  # fmt: skip
    k = len(framing)
    return Candidates(framing, (language,) * k, (topics,) * k, np.full(k, urgent), np.full(k, approved),
                      np.full(k, in_date), (audience,) * k, (markets,) * k, (knowledge,) * k,
                      np.full(k, calmed))  # fmt: skip


def circumstances(
    risk="", experience="", language="en", vulnerable=False, declined=frozenset(), fatigued=False, category="",
    market="UK",
):  # fmt: skip
    return Circumstances((risk,), (experience,), (language,), np.array([vulnerable]), (declined,), np.array([fatigued]),
                         (category,), (market,))  # fmt: skip


ALL = ("neutral", "conservative", "balanced", "growth", "experienced")


@pytest.mark.parametrize(
    ("risk", "experience", "suits"),
    [
        ("cautious", "experienced", "neutral conservative"),
        ("Very cautious", "", "neutral conservative"),
        ("conservative", "", "neutral conservative"),
        ("", "", "neutral conservative balanced"),
        ("what?", "experienced", "neutral conservative balanced"),
        ("balanced", "new", "neutral conservative balanced"),
        ("balanced", "experienced", "neutral conservative balanced experienced"),
        ("growth", "", "neutral conservative balanced growth"),
        ("Adventurous", "Expert", "neutral conservative balanced growth experienced"),
    ],
)
def test_framing_follows_what_the_client_said_of_risk(risk, experience, suits):
    codes = limits.open_arms(circumstances(risk, experience), candidates(*ALL))

    assert [one for one, code in zip(ALL, codes[0], strict=True) if code == Closed.OPEN] == suits.split()
    assert set(codes[0].tolist()) <= {Closed.OPEN, Closed.FRAMING}


@pytest.mark.parametrize(
    ("client", "candidate", "why"),
    [
        ({}, {"approved": False, "in_date": False}, Closed.UNAPPROVED),
        ({}, {"in_date": False}, Closed.EXPIRED),
        ({"declined": frozenset({"tax"})}, {"topics": frozenset({"tax", "pensions"})}, Closed.TOPIC),
        ({"vulnerable": True}, {"urgent": True}, Closed.VULNERABLE),
        ({"language": "de"}, {}, Closed.LANGUAGE),
        ({"language": "en-GB"}, {}, Closed.OPEN),
        ({"fatigued": True}, {}, Closed.FATIGUE),
        ({}, {"urgent": True}, Closed.OPEN),
        ({}, {"calmed": True}, Closed.CALM),
        ({}, {"audience": "professional"}, Closed.AUDIENCE),
        ({"category": "retail"}, {"audience": "professional"}, Closed.AUDIENCE),
        ({"category": "professional"}, {"audience": "professional"}, Closed.OPEN),
        ({"category": "professional"}, {}, Closed.OPEN),
        ({}, {"markets": frozenset({"US", "EU"})}, Closed.MARKET),
        ({"market": ""}, {"markets": frozenset({"US"})}, Closed.MARKET),
        ({"market": "US"}, {"markets": frozenset({"US", "EU"})}, Closed.OPEN),
        ({"experience": "new"}, {"knowledge": "some"}, Closed.KNOWLEDGE),
        ({}, {"knowledge": "some"}, Closed.KNOWLEDGE),
        ({"experience": "some"}, {"knowledge": "some"}, Closed.OPEN),
        ({"experience": "some"}, {"knowledge": "experienced"}, Closed.KNOWLEDGE),
        ({"experience": "Expert"}, {"knowledge": "some"}, Closed.OPEN),
        ({"experience": "expert"}, {"knowledge": "unheard-of"}, Closed.KNOWLEDGE),
    ],
)
def test_each_limit_closes_with_its_own_reason(client, candidate, why):
    assert limits.open_arms(circumstances(**client), candidates("neutral", **candidate)).tolist() == [[why]]


def test_a_rule_closes_and_every_code_has_its_words():
    codes = limits.open_arms(circumstances(), candidates("neutral", "neutral"), rules=np.array([[True, False]]))

    assert codes.tolist() == [[Closed.OPEN, Closed.RULE]]
    assert set(limits.SENTENCES) == set(Closed)


def test_growth_talk_never_reaches_a_vulnerable_client():
    codes = limits.open_arms(circumstances("growth", "expert", vulnerable=True), candidates(*ALL))

    assert codes[0].tolist() == [0, 0, 0, Closed.FRAMING, Closed.FRAMING]


# -- reasons, hours, tables ------------------------------------------------------------------------


class Word:
    def __init__(self, words):
        self.client_words = words


def test_only_what_speaks_for_the_choice_is_named_strongest_first():
    positions, values = reasons.top(np.array([[0.1, -3.0, 0.5, 0.0], [-1.0, 0.0, np.nan, -2.0]]), 3)

    assert positions.tolist() == [[2, 0, -1], [-1, -1, -1]]
    assert values.tolist() == [[0.5, 0.1, 0.0], [0.0, 0.0, 0.0]]


def test_sentences_are_the_registrys_words_once_each():
    registry = [Word("you told us A"), Word("you told us B"), Word("you told us A")]

    assert reasons.sentences([2, 1, 0, -1, 99], [3.0, 2.0, 1.0, 1.0, 1.0], registry) == [
        "Because you told us A.",
        "Because you told us B.",
    ]
    assert reasons.sentences([0], [0.0], registry) == []


@pytest.mark.parametrize(("n", "f", "k"), [(0, 4, 2), (2, 0, 2), (3, 2, 5)])
def test_reasons_of_nobody_or_nothing(n, f, k):
    positions, values = reasons.top(np.ones((n, f)), k)

    assert positions.shape == values.shape == (n, k)


def test_a_column_is_found_by_its_code():
    table = FeatureTable(np.array([1, 2]), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), ("a", "b"), 1)

    assert table.column("b").tolist() == [2, 4]
    with pytest.raises(KeyError):
        table.column("c")
