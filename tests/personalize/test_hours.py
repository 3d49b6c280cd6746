"""The hour at which a client is written to: exact probabilities, and a firm whose clients have hours of their own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from personalize.decide import draws, hours
from personalize.decide.hours import DAY, Book
from personalize.learn import hours as learn

WINDOW = (np.arange(DAY) >= 8) & (np.arange(DAY) < 21)
FLAT = np.full(DAY, 1 / DAY)


def book(**change: object) -> Book:
    return Book(**{"pool": FLAT, "concentration": 10.0, "readings": 5_000, "rule_hour": 10, "share_rule": 0.1} | change)


@settings(deadline=None)
@given(
    counts=hnp.arrays(np.int64, (7, DAY), elements=st.integers(0, 60)),
    is_open=hnp.arrays(bool, (7, DAY)),
    readings=st.sampled_from([0, 600, 90_000]),
)
def test_probabilities_are_whole_and_the_drawn_one_is_the_one_that_is_said(
    counts: np.ndarray, is_open: np.ndarray, readings: int
) -> None:
    known = book(readings=readings)
    likely = hours.chances(known, counts, is_open)
    picked = hours.pick(known, counts, is_open, draw=draws.uniform(3, np.arange(7), "hour"))

    some = is_open.any(axis=1)
    assert np.allclose(likely.sum(axis=1), some)
    assert (likely[~is_open] == 0).all()
    assert (picked.hour[~some] == -1).all()
    assert is_open[some, picked.hour[some]].all()
    assert np.allclose(picked.chance[some], likely[some, picked.hour[some]], atol=1e-12)
    if readings == 0:
        assert (picked.chance == 1.0).all(), "under the rule nothing is left to chance"


def test_what_is_drawn_happens_as_often_as_is_said() -> None:
    counts = np.zeros((1, DAY))
    counts[0, 19], counts[0, 9] = 6, 3
    n = 200_000
    draw = draws.uniform(11, np.arange(n), "hour")
    is_open = WINDOW[None, :]
    known = book(readings=600)
    picked = hours.pick(known, np.repeat(counts, n, 0), np.repeat(is_open, n, 0), draw=draw)

    likely = hours.chances(known, counts, is_open)[0]
    seen = np.bincount(picked.hour, minlength=DAY) / n
    assert np.abs(seen - likely).max() < 4 * np.sqrt(0.25 / n)
    assert likely.argmax() == 19
    assert (likely[WINDOW] > 0).all(), "every hour that is open keeps a chance"
    assert abs(picked.is_rule.mean() - known.share_rule) < 0.003


def test_the_declared_hour_gives_way_to_the_next_one_that_is_open() -> None:
    is_open = np.zeros((3, DAY), bool)
    is_open[0, [9, 14]] = True
    is_open[1, 9] = True
    assert hours.by_rule(book(), is_open).tolist() == [14, 9, -1]


def test_few_readings_leave_a_client_where_all_are_and_many_do_not() -> None:
    pool = np.where(WINDOW, 1.0, 0.01)
    pool[10] = 4
    known = book(pool=pool / pool.sum(), concentration=30.0)
    counts = np.zeros((3, DAY))
    counts[1, 19], counts[2, 19] = 2, 60

    at_ten, at_seven = hours.reads(known, counts)[:, 10], hours.reads(known, counts)[:, 19]
    assert (at_seven < at_ten).tolist() == [True, True, False]
    assert np.allclose(hours.reads(known, counts).sum(axis=1), 1)


@pytest.mark.parametrize("concentration", [4.0, 20.0, 80.0])
def test_how_alike_clients_are_is_found_again(concentration: float) -> None:
    rng = np.random.default_rng(5)
    pool = rng.dirichlet(np.full(DAY, 2.0))
    shares = rng.dirichlet(concentration * pool, size=6_000)
    counts = np.array([rng.multinomial(n, one) for n, one in zip(rng.integers(2, 25, 6_000), shares, strict=True)])
    found = learn.fit(counts)

    assert found.concentration == pytest.approx(concentration, rel=0.12)
    assert np.abs(found.share - pool).max() < 0.01
    assert found.phase == "individual"


def test_clients_who_do_not_differ_and_firms_that_know_little_say_so() -> None:
    rng = np.random.default_rng(6)
    same = rng.multinomial(12, np.full(DAY, 1 / DAY), size=4_000)
    assert learn.fit(same).concentration > 500
    assert learn.fit(same[:30]).phase == "rules"
    assert learn.fit(np.zeros((0, DAY))).phase == "rules"
    once = rng.multinomial(1, np.full(DAY, 1 / DAY), size=4_000)
    assert (learn.fit(once).phase, learn.fit(once).concentration) == ("pooled", learn.MOST)


def test_a_firm_whose_clients_have_hours_learns_them() -> None:
    """Clients read around an hour of their own, unknown to us; a mail is opened if it is fresh when they read.

    No visits: what is learnt comes from opens alone, which begin where the declared rule puts them.
    """
    rng, n, weeks = np.random.default_rng(8), 1_500, 16
    own = rng.choice([8, 9, 12, 13, 18, 19, 20], size=n)
    counts, rates = np.zeros((n, DAY)), []
    is_open = np.repeat(WINDOW[None, :], n, 0)
    for week in range(weeks):
        found = learn.fit(counts)
        readings = 0 if found.phase == "rules" else found.readings
        known = book(pool=found.share, concentration=found.concentration, readings=readings)
        picked = hours.pick(known, counts, is_open, draw=draws.uniform(week, np.arange(n), "hour"))
        reads = (own + rng.choice([-1, 0, 0, 1], size=n)) % DAY
        wait = (reads - picked.hour) % DAY
        opened = rng.random(n) < 0.5 * 0.9**wait
        counts[np.flatnonzero(opened), reads[opened]] += 1
        rates.append((opened[picked.is_rule].mean(), opened[~picked.is_rule].mean() if known.readings else np.nan))
    assert np.isnan(rates[0][1]), "the first week has nothing but the rule"
    rule = np.array([one for one, _ in rates[-6:]]).mean()
    learnt = np.array([one for _, one in rates[-6:]]).mean()

    assert learnt > rule * 1.25
    likely = hours.chances(known, counts, is_open)
    near = np.abs(likely.argmax(axis=1) - own) <= 1
    assert near[counts.sum(axis=1) >= hours.OWN].mean() > 0.8
