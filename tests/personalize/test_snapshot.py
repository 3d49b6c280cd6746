"""A learned policy: exact chances, the same alone and in company, not now with its chance, and text that is checked."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.decide import design, funnel, modeltext, single, snapshottext
from personalize.decide.design import Input
from personalize.decide.features import CATEGORY, NUMBER, Column
from personalize.decide.funnel import Heads, Reward, Scale, Weights
from personalize.decide.score import BadModel
from personalize.decide.snapshot import CONTEXT, Snapshot, TooManyCombinations

DIGESTS = (("s0", "s1"), ("b0", "b1", "b2"))
WIDE = 1 + 2 * 2 + len(CONTEXT)


def snapshot(seed: int = 0, **changed) -> Snapshot:
    rng = np.random.default_rng(seed)
    inputs = tuple(Input(Column(f"f{n}", NUMBER), n, 0.0, 1.0, False, (), 0.0) for n in range(2))
    heads = (Weights(0.3 * rng.normal(size=WIDE), 0.3 * rng.normal(size=(WIDE, 5)), 0.2 * rng.normal(size=(2, 3)))
             for _ in range(4))  # fmt: skip
    opens, gain, harm, quality = heads
    levels = tuple((slot, one) for slot, some in enumerate(DIGESTS) for one in some)
    asked = {
        "inputs": inputs, "slots": ("subject", "body"), "levels": levels,
        "scale": Scale(np.zeros(WIDE - 1, np.float32), np.ones(WIDE - 1, np.float32)),
        "heads": Heads(opens, gain, harm, quality, 1.15), "reward": Reward(), "reward_digest": "r",
        "explores_sensitive": False, "matured": 5_000, "typical": 0.2, "often": 0.2, "phase": "individual",
        "until": {"open": 5}, "belief": "b",
    }  # fmt: skip
    return Snapshot(**{**asked, **changed})


def asked(n: int, policy, seed: int = 1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    x[0, 0] = np.nan
    own = np.abs(rng.normal(size=(n, policy.width))).astype(np.float32)
    return x, own, rng.random((n, 6)) < 0.8, rng.random(n), rng.random(n)


def pick(policy, x, own, allowed, draw, send, gamma=30.0, calm=None):
    calm = np.ones(6, bool) if calm is None else calm
    return policy.pick(policy.seen(x, own), allowed, gamma=gamma, calm=calm, draw=draw, send=send)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), gamma=st.sampled_from([0.0, 3.0, 500.0]), cadence=st.booleans(),
       touchy=st.sampled_from([(), (2,), (0, 1, 3, 5)]))  # fmt: skip
def test_the_chance_is_exact_and_the_same_alone_and_in_company(seed, gamma, cadence, touchy):
    calm = ~np.isin(np.arange(6), touchy)
    policy = snapshot(seed).aligned(("subject", "body"), DIGESTS)
    x, own, allowed, draw, send = asked(40, policy, seed)
    allowed[1] = False
    found = pick(policy, x, own, allowed, draw, send if cadence else None, gamma, calm)
    pi, _ = policy.chances(policy.seen(x, own), allowed, gamma=gamma, calm=calm)

    some = allowed.any(axis=1)
    np.testing.assert_allclose(pi[some].sum(axis=1), 1.0, rtol=1e-12)
    assert ((found.chance > 0) & (found.chance <= 1)).all()
    np.testing.assert_allclose(found.factors.prod(axis=1), found.chance, rtol=1e-12)
    assert allowed[some, found.combination[some]].all()
    assert (found.choice[1].tolist(), found.chance[1], found.combination[1]) == ([-1, -1], 1.0, -1)
    if not cadence:
        np.testing.assert_allclose(found.chance[some], pi[some, found.combination[some]], rtol=1e-12)
    moved = policy.spoke(policy.seen(x, own), found, width=2)
    success = policy.success(policy.seen(x, own), found.choice)
    for row in range(0, 40, 7):
        one = slice(row, row + 1)
        if not cadence:
            mine = single.pick(policy, policy.seen(x[one], own[one]), allowed[row], gamma=gamma, calm=calm,
                               draw=draw[row], width=2)  # fmt: skip
            assert mine is not None
            assert mine.choice.tolist() == found.choice[row].tolist()
            np.testing.assert_allclose(mine.factors, found.factors[row], rtol=1e-9)
            np.testing.assert_allclose([*mine.moved, mine.success], [*moved[row], success[row]], atol=1e-12)
        alone = pick(policy, x[one], own[one], allowed[one], draw[one], send[one] if cadence else None, gamma,
                     calm)  # fmt: skip
        assert alone.choice.tolist() == found.choice[one].tolist()
        np.testing.assert_allclose(alone.chance, found.chance[one], rtol=1e-9)


def test_draws_come_as_often_as_their_chance_says_and_waiting_is_an_action():
    policy = snapshot(3).aligned(("subject", "body"), DIGESTS)
    x, own, allowed, _, _ = asked(2, policy)
    n, rng = 20_000, np.random.default_rng(5)
    x, own, allowed = np.repeat(x[:1], n, 0), np.repeat(own[:1], n, 0), np.repeat(allowed[:1], n, 0)
    found = pick(policy, x, own, allowed, rng.random(n), rng.random(n), gamma=5.0)

    waits = found.choice[:, 0] < 0
    assert {0.05, 0.95} & set(np.round(found.chance[waits], 12).tolist())
    for choice in {tuple(one) for one in found.choice.tolist()}:
        mine = (found.choice == choice).all(axis=1)
        told = found.chance[mine][0]
        assert abs(mine.mean() - told) < 5 * np.sqrt(told * (1 - told) / n)
    assert not (pick(policy, x, own, allowed, rng.random(n), None).choice < 0).any()
    early = snapshot(3, matured=900).aligned(("subject", "body"), DIGESTS)
    assert not (pick(early, x, own, allowed, rng.random(n), rng.random(n)).choice < 0).any()


def test_what_may_not_be_tried_is_chosen_only_where_it_is_the_best():
    policy = snapshot(4).aligned(("subject", "body"), DIGESTS)
    x, own, _, draw, _ = asked(500, policy)
    calm = np.array([True, True, False, True, True, False])
    found = pick(policy, x, own, np.ones((500, 6), bool), draw, None, gamma=1.0, calm=calm)
    value = funnel.worth(policy.layout, policy.heads, policy.seen(x, own), Reward())

    touchy = ~calm[found.combination]
    assert touchy.any()
    assert (value.argmax(axis=1)[touchy] == found.combination[touchy]).all()


def test_reasons_add_up_to_the_gap_in_worth_but_for_what_is_no_feature():
    policy = snapshot(6).aligned(("subject", "body"), DIGESTS)
    x, own, _, _, _ = asked(60, policy)
    own[:, len(CONTEXT) :] = 0.0  # neither repetition nor own habit
    seen, rng = policy.seen(x, own), np.random.default_rng(0)
    chosen, other = rng.integers(0, 6, 60), rng.integers(0, 6, 60)
    parts = funnel.spoke(policy.layout, policy.heads, seen, Reward(), chosen, other)
    gap = (funnel.worth_of(policy.layout, policy.heads, seen, Reward(), chosen)
           - funnel.worth_of(policy.layout, policy.heads, seen, Reward(), other))  # fmt: skip

    np.testing.assert_allclose(parts.sum(axis=1), gap, atol=1e-12)


def test_a_new_candidate_is_like_the_average_and_other_slots_are_refused():
    made = snapshot()
    policy = made.aligned(("subject", "body"), (("s0", "new"), ("b0", "b1", "b2")))

    assert policy.place.tolist() == [0, -1, 2, 3, 4]
    assert (policy.heads.open.own[:, 1] == 0).all()
    with pytest.raises(KeyError):
        made.aligned(("body", "subject"), DIGESTS)
    with pytest.raises(TooManyCombinations):
        made.aligned(("subject", "body"), (tuple(map(str, range(100))), tuple(map(str, range(100)))))


def test_the_text_gives_the_same_numbers_and_nothing_else_is_loaded():
    made = snapshot()
    body = snapshottext.dump(made)
    again = snapshottext.load(body, modeltext.sha256(body))

    assert snapshottext.dump(again) == body
    assert again.heads.open.own.tolist() == made.heads.open.own.tolist()
    with pytest.raises(BadModel, match="registered"):
        snapshottext.load(body, "0" * 64)
    for path, value in ((("phase",), "rules"), (("format",), "other"), (("heads", "open", "base"), [11.0] * WIDE),
                        (("sd",), [0.0] * (WIDE - 1))):  # fmt: skip
        raw = json.loads(body)
        part = raw
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value
        text = json.dumps(raw)
        with pytest.raises(BadModel):
            snapshottext.load(text, modeltext.sha256(text))


def test_one_client_sees_the_columns_that_many_do():
    rng = np.random.default_rng(2)
    inputs = tuple(
        Input(Column(f"c{n}", CATEGORY, ("a", "b", "c")), n, 0.0, 1.0, False, (0.2, 0.3, 0.5), 0.1) if n == 2
        else Input(Column(f"f{n}", NUMBER), n, 0.5 * n, 1.0 + n, n == 1, (), 0.2) for n in range(5)
    )  # fmt: skip
    x = rng.normal(scale=5, size=(40, 4)).astype(np.float32)  # the fifth is not there yet
    x[0, :3], x[1, 2], x[2, 2], x[3, 0] = np.nan, 1.0, 7.0, np.inf
    many, ready = design.design(inputs, x), design.Design.of(inputs)

    assert (np.concatenate([ready.columns(one[None, :]) for one in x]) == many).all()
    assert many[1].tolist()[4:8] == [0.0 - 0.2, 1.0 - 0.3, 0.0 - 0.5, 0.0 - 0.1]
    assert many[2].tolist()[4:8] == [0.0 - 0.2, 0.0 - 0.3, 0.0 - 0.5, 1.0 - 0.1]
    assert many[3, 0] == 4.0
    assert many[:, -1].tolist() == [0.8] * 40


def test_what_is_asked_twice_of_one_look_is_what_is_asked_of_the_weights():
    policy = snapshot(6).aligned(("subject", "body"), DIGESTS)
    x, own, _, _, _ = asked(60, policy)
    seen, rng = policy.seen(x, own), np.random.default_rng(0)
    chosen, other = rng.integers(0, 6, 60), rng.integers(0, 6, 60)
    plain, given = replace(seen, levels=None), (policy.layout, policy.heads)

    for one in (seen, plain):
        np.testing.assert_allclose(funnel.odds_of(*given, one, chosen)[0],
                                   funnel.predict(policy.layout, policy.heads.open, seen, own=True)[range(60), chosen],
                                   atol=1e-12)  # fmt: skip
    np.testing.assert_allclose(funnel.worth(*given, seen, Reward()), funnel.worth(*given, plain, Reward()), atol=1e-12)
    np.testing.assert_allclose(funnel.spoke(*given, seen, Reward(), chosen, other),
                               funnel.spoke(*given, plain, Reward(), chosen, other), atol=1e-12)  # fmt: skip
