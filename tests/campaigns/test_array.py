"""Covering arrays: every pair once, no more rows than the figures to beat, constraints kept, little after a change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.combinations import array


@pytest.mark.parametrize(("factors", "levels", "most"), [(4, 4, 20), (5, 6, 47), (5, 8, 79), (6, 10, 127)])
def test_no_more_rows_than_a_greedy_builder_needs(factors, levels, most):
    sizes = [levels] * factors

    rows, never = array.build(sizes)

    assert all(one.all() for one in array.covered_by(rows, sizes).values())
    assert array.count(never) == 0
    assert len(rows) <= most


def excluded(sizes, rng, share):
    allowed = array.every(sizes)
    return {pair: rng.random(one.shape) >= share for pair, one in allowed.items()}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(0, 10_000), st.sampled_from([0.0, 0.1, 0.3]))
def test_every_pair_that_a_possible_row_has_is_covered_and_no_other(sizes, seed, share):
    allowed = excluded(sizes, np.random.default_rng(seed), share)

    rows, never = array.build(sizes, allowed=allowed, wanted=array.every(sizes))

    good = [row for row in np.ndindex(*sizes) if all(one[row[i], row[j]] for (i, j), one in allowed.items())]
    can, stands = array.covered_by(good, sizes), array.covered_by(rows, sizes)
    assert all((can[pair] == stands[pair]).all() and (can[pair] == ~never[pair]).all() for pair in can)
    assert all(tuple(row) in set(good) for row in rows)
    reached = array.reachable(sizes, allowed=allowed)
    assert all((can[pair] == reached[pair]).all() for pair in can)


def test_after_one_change_only_rows_with_the_new_block_are_asked():
    sizes = [8] * 5
    wanted = {pair: np.zeros_like(one) for pair, one in array.every(sizes).items()}
    for other in range(1, 5):
        wanted[0, other][7] = True  # one new block in the first slot

    rows, _ = array.build(sizes, wanted=wanted)

    assert len(rows) == 8  # an eighth of the 64 that the whole takes
    assert {row[0] for row in rows} == {7}


def test_one_slot_has_no_pairs():
    assert array.build([5]) == ([], {})
