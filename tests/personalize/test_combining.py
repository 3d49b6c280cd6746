"""Combination rules as tables: each kind by hand, no dead ends of their own making, and speed."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.decide import combining
from personalize.decide.combining import Block, Rule


def growth_without_risk(choice):
    return (choice[0] == 0 or choice[1] == 1) and choice[2] == 1


def characters(choice):
    return (40 if choice[0] == 0 else 10) + (60 if choice[1] else 10) + 20


def block(length=10, **facts):
    return Block(
        {name: frozenset([words] if isinstance(words, str) else words) for name, words in facts.items()}, length
    )


SLOTS = [
    [block(slot="subject", framing="growth", length=40), block(slot="subject", framing="conservative")],
    [block(slot="body", topic="bereavement", framing="neutral"), block(slot="body", framing="growth", length=60)],
    [block(slot="disclosure", topic="risk", language="en"), block(slot="disclosure", language="fr")],
    [block(slot="call_to_action", **{"is": "offer"}, language="en"), block(slot="call_to_action", **{"is": ["link"]})],
]
CASES = {
    "excludes": ({"a": {"topic": ["bereavement"]}, "b": {"is": ["offer"]}}, lambda c: c[1] == 0 and c[3] == 0),
    "requires": ({"when": {"framing": ["growth"]}, "then": {"topic": ["risk"]}}, growth_without_risk),
    "order": ({"first": {"topic": ["risk"]}, "then": {"topic": ["bereavement"]}}, lambda c: c[1] == 0 and c[2] == 0),
    "at_most": ({"of": {"framing": ["growth"]}, "most": 1}, lambda c: c[0] == 0 and c[1] == 1),
    "length": ({"channel": "email", "most": 100}, lambda c: characters(c) > 100),
    "agree": ({"on": "language"}, lambda c: c[2] == 1 and c[3] == 0),
    "tones": ({"together": [["growth", "neutral"], ["conservative", "neutral"]]}, lambda c: c[0] == 1 and c[1] == 1),
}  # fmt: skip
EVERY = np.array(list(product(range(2), repeat=4)))


@pytest.mark.parametrize("kind", CASES)
def test_each_kind_refuses_exactly_what_it_says(kind):
    body, breaks = CASES[kind]
    assert combining.problems(kind, body) == ""
    compiled = combining.compile_rules([Rule("R", kind, body)], SLOTS, channel="email")

    broken = combining.violated(compiled, EVERY)

    assert (broken == 0).tolist() == [breaks(one) for one in EVERY.tolist()]
    assert 0 < (broken == 0).sum() < len(EVERY)


def test_a_length_budget_is_of_its_own_channel():
    body = CASES["length"][0]
    assert combining.compile_rules([Rule("R", "length", body)], SLOTS, channel="web").is_empty


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("forbids", {}), ("excludes", {"a": {"topic": ["x"]}}), ("excludes", {"a": {"colour": ["red"]}, "b": {}}),
        ("excludes", {"a": {"topic": "x"}, "b": {"topic": ["y"]}}),
        ("at_most", {"of": {"slot": ["body"]}, "most": True}),
        ("length", {"channel": "email", "most": -1}), ("agree", {"on": "weather"}), ("tones", {"together": [[]]}),
        ("excludes", []),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_says_why(kind, body):
    assert combining.problems(kind, body)


rules = st.lists(st.sampled_from(sorted(CASES)), unique=True, min_size=1)


@given(rules, st.lists(st.lists(st.booleans(), min_size=2, max_size=2), min_size=4, max_size=4), st.integers(0, 2**32))
def test_walking_slot_by_slot_breaks_no_pair_rule(kinds, opened, seed):
    compiled = combining.compile_rules([Rule(one, one, CASES[one][0]) for one in kinds], SLOTS, channel="email")
    is_open = [np.array([one], bool) for one in opened]
    good = [
        one
        for one, broken in zip(EVERY, combining.violated(compiled, EVERY), strict=True)
        if broken < 0 and all(opened[slot][level] for slot, level in enumerate(one))
    ]
    rng, chosen = np.random.default_rng(seed), np.full((1, 4), -1)
    for slot in range(4):
        left = np.flatnonzero(combining.narrow(compiled, is_open, chosen, slot)[0])
        # What is possible is never closed: the first slot keeps every candidate that some good message has.
        assert slot > 0 or {int(one[0]) for one in good} <= set(left.tolist())
        if not len(left):
            return
        chosen[0, slot] = rng.choice(left)
    if good:
        assert combining.violated(compiled, chosen)[0] < 0


def test_a_message_is_checked_in_microseconds():
    slots = [[block(slot=f"s{s}", topic=f"t{k}", framing="neutral", length=50 + k) for k in range(8)] for s in range(6)]
    asked = [
        Rule(f"R{k}", "excludes", {"a": {"slot": ["s0"], "topic": [f"t{k}"]}, "b": {"topic": [f"t{7 - k}"]}})
        for k in range(8)
    ] + [Rule("L", "length", {"channel": "email", "most": 330})]  # fmt: skip
    compiled = combining.compile_rules(asked, slots, channel="email")
    choice = np.random.default_rng(1).integers(0, 8, (100_000, 6))

    started = time.process_time()
    combining.violated(compiled, choice)

    assert (time.process_time() - started) / len(choice) < 10e-6
