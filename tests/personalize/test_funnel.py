"""The bandit's arithmetic: exact beliefs, exact probabilities, exact reasons; nothing diverges and nothing raises."""

import numpy as np
import pytest

from personalize.decide import cadence, funnel, policy
from personalize.decide.funnel import SCALES, Layout, Reward, Scale, Seen
from personalize.learn.bandit import Bandit
from personalize.learn.habits import Habits
from personalize.learn.posterior import Batch, Posterior
from tests.bench.policy_adaptor import Engine

LEVELS = np.array([[a, 2 + b] for a in range(2) for b in range(3)])
LAYOUT = Layout.of(LEVELS)


def batch(n=400, columns=3, seed=0, variants=6):
    rng = np.random.default_rng(seed)
    u = np.column_stack([np.ones(n), rng.normal(size=(n, columns - 1))]).astype(np.float32)
    variant = rng.integers(0, variants, n)
    repeat = rng.random((n, 2, len(SCALES))).astype(np.float32)
    y = (rng.random(n) < 1 / (1 + np.exp(1 - u[:, 1] * (variant % 3 == 1)))).astype(float)
    return Batch(u, variant, repeat, y, np.zeros(n))


def dense(one):
    """The design written out: repeat, u, then u for each level that was shown."""
    columns, n = one.u.shape[1], len(one.y)
    out = np.zeros((n, 6 + columns * 6))
    out[:, :6], out[:, 6 : 6 + columns] = one.repeat.reshape(n, -1), one.u
    for row, variant in enumerate(one.variant):
        for level in LEVELS[variant]:
            out[row, 6 + columns * (1 + level) : 6 + columns * (2 + level)] = one.u[row]
    return out


def test_a_linear_head_is_ridge_regression():
    head, one = Posterior(LAYOUT, 3, logistic=False), batch()
    x, prior = dense(one), np.diag(1 / head.variance)

    assert head.learn(one)

    expected = np.linalg.solve(prior + x.T @ x / head.noise, x.T @ one.y / head.noise)
    assert head.mean == pytest.approx(expected, abs=1e-8)
    assert head.info == pytest.approx(x.T @ x / head.noise, abs=1e-8)


def test_a_log_odds_head_stands_where_its_loss_is_least():
    head, one = Posterior(LAYOUT, 3, logistic=True), batch()
    start = np.zeros_like(head.mean)
    start[6] = np.log((one.y.sum() + 0.5) / (len(one.y) - one.y.sum() + 0.5))
    x = dense(one)

    head.learn(one)

    slope = (head.mean - start) / head.variance + x.T @ (1 / (1 + np.exp(-x @ head.mean)) - one.y)
    assert np.abs(slope).max() < 0.05
    assert head.weights().base == pytest.approx(head.mean[6:9])


def test_batches_one_by_one_come_to_what_all_at_once_do():
    whole, parts = Posterior(LAYOUT, 3, logistic=True), Posterior(LAYOUT, 3, logistic=True)
    many = [batch(seed=seed) for seed in range(10)]

    whole.learn(Batch(*(np.concatenate([getattr(one, name) for one in many]) for name in Batch.__slots__)))
    for one in many:
        parts.learn(one)

    assert np.abs(whole.mean - parts.mean).max() < 0.1
    assert np.abs(parts.mean).max() < 3


def test_new_columns_change_no_prediction():
    head, one = Posterior(LAYOUT, 3, logistic=True), batch()
    head.learn(one)
    turn = np.array([[1.0, 0, 0], [0.4, 2.0, 0], [-1.0, 0, 0.5]])
    before = funnel.predict(LAYOUT, head.weights(), Seen(one.u.astype(float), np.zeros((400, len(SCALES), 5))))

    head.rescaled(turn)

    again = Seen(one.u @ np.linalg.inv(turn).T, np.zeros((400, len(SCALES), 5)))
    assert funnel.predict(LAYOUT, head.weights(), again) == pytest.approx(before, abs=1e-6)


def test_shrinking_keeps_what_is_there_and_forgets_what_is_not():
    head = Posterior(LAYOUT, 3, logistic=True)
    for seed in range(20):
        head.learn(batch(seed=seed))

    head.shrink()

    own = head.weights().own
    assert own[1, 3] > 0.3
    assert np.abs(own[2]).max() < 0.15


def test_a_batch_that_makes_no_sense_is_left_out():
    head, one = Posterior(LAYOUT, 3, logistic=False), batch()
    head.learn(one)
    before = head.mean.copy()

    wrong = Batch(one.u, one.variant, one.repeat, np.full(400, 1e9), one.known)

    assert not head.learn(wrong)
    assert (head.mean == before).all()


def test_habits_become_surer_with_every_mail():
    habits = Habits(3, 2)
    level = np.array([[1]])

    for _ in range(40):
        habits.learn(np.array([1]), level, np.zeros(1), np.ones(1))

    assert habits.mean[1, 0] > 0.3
    assert habits.variance[1, 0] < habits.prior[0]
    assert (habits.mean[[0, 2]] == 0).all()
    habits.shrink()
    assert np.isfinite(habits.mean).all()


def told(seed=3, n=50):
    """A bandit that has learnt a little, and what it sees of n clients."""
    bandit = Bandit(LAYOUT, clients=n, columns=4, seed=seed, reward=Reward())
    rng = np.random.default_rng(seed)
    for day in range(6):
        decided = bandit.decide(day, np.arange(n), rng.normal(size=(n, 4)))
        opened = (rng.random(n) < 0.4).astype(float)
        bandit.learn_open(decided.rows, opened, np.zeros(n))
        bandit.learn_gain(decided.rows, rng.random(n))
        bandit.learn_quality(decided.rows, rng.random(n) - 0.5)
    return bandit, Seen(
        bandit.scale.apply(rng.normal(size=(n, 4))).astype(float), bandit.lately.astype(float), bandit.habits.mean
    )


def test_reasons_add_up_to_the_gap_and_an_ablation_takes_away_exactly_its_own():
    bandit, seen = told()
    heads, rows = bandit.heads(), np.arange(50)
    score = funnel.predict(LAYOUT, heads.open, seen, own=True)
    chosen, other = score.argmax(axis=1), score.argsort(axis=1)[:, -2]

    why = funnel.reasons(LAYOUT, heads.open, seen, chosen, other)

    assert why.gap() == pytest.approx(score[rows, chosen] - score[rows, other], abs=1e-9)
    for column in range(1, 5):
        u = seen.u.copy()
        u[:, column] = 0.0
        without = funnel.predict(LAYOUT, heads.open, Seen(u, seen.lately, seen.offsets), own=True)
        left = without[rows, chosen] - without[rows, other]
        assert why.gap() - left == pytest.approx(why.columns[:, column], abs=1e-9)


def test_the_probability_of_what_was_done_is_the_one_an_auditor_computes():
    bandit, _ = told()
    raw = np.random.default_rng(9).normal(size=(50, 4))
    seen = bandit._seen(6, np.arange(50), raw.astype(np.float32))
    value = funnel.worth(LAYOUT, bandit.heads(), seen, bandit.reward)
    typical = bandit.typical

    decided = bandit.decide(6, np.arange(50), raw)

    top = float(np.abs(value.max(axis=1)).mean())
    gamma = 12.0 * bandit.matured**0.5 / (0.9 * typical + 0.1 * top)
    pi = policy.chances(value, np.ones(value.shape, bool), gamma=gamma)
    assert decided.propensity == pytest.approx(pi[np.arange(50), decided.variant], abs=1e-6)


def test_a_price_is_never_negative_and_both_sides_of_sending_keep_a_chance():
    bandit, seen = told()
    best = np.zeros(50, np.intp)
    cost = cadence.price(
        LAYOUT, bandit.heads(), bandit.scale, seen, reward=bandit.reward,
        pressure=cadence.Pressure(0, 1, 2, often=0.3), best=best,
    )  # fmt: skip

    chance = cadence.send_chance(np.array([2.0, 0.0]), np.array([1.0, 1.0]))

    assert (cost >= 0).all()
    assert chance.tolist() == pytest.approx([0.95, 0.05])


def drive(engine, *, n, f, days, odd):
    rng = np.random.default_rng(0)
    acted = []
    for day in range(days):
        client = rng.permutation(max(n, 1))[: rng.integers(0, n + 1)]
        x = rng.normal(size=(len(client), f)) * 10.0 ** rng.integers(-9, 9, f)
        if odd:
            x[rng.random(x.shape) < 0.5] = np.nan
            x[rng.random(x.shape) < 0.1] = np.inf
        obs = {"day": day, "client": client, "X": x}
        if not odd:
            some = rng.random(len(client))
            obs |= {"segment": (some * 5).astype(int), "market": 0.3, "sends7": some, "sends14": some,
                    "days_since": some, "last_subject": some, "opened_before": some, "sent_before": some}  # fmt: skip
        action, chance = engine.decide(obs)
        assert ((chance > 0) & (chance <= 1)).all()
        assert ((action >= -1) & (action < len(engine.layout.levels))).all()
        acted.append(action)
        sent = np.flatnonzero(action >= 0)
        event = {"client": client[sent], "action": action[sent], "row": sent, "open": rng.random(len(sent)) < 0.3,
                 "unsub": np.full(len(sent), np.nan) if odd else np.zeros(len(sent))}  # fmt: skip
        engine.learn(day + 1, [
            {"kind": "open", "day": day, **event},
            {"kind": "engage", **event, "reward_open": rng.random(len(sent)), "reward_value": rng.random(len(sent))},
            {"kind": "outcome", "sent_day": np.full(len(sent), day), "client": client[sent], "action": action[sent],
             "row": sent, "quality": np.full(len(sent), np.nan if odd else 0.5)},
            {"kind": "unheard of"}, {},
        ])  # fmt: skip
    return np.concatenate(acted)


@pytest.mark.parametrize(("n", "f", "odd"), [(1, 5, False), (40, 60, True), (60, 0, True), (50, 5, False)])
def test_the_engine_never_raises_and_repeats_itself_by_seed(n, f, odd):
    once, again, other = (
        drive(Engine(levels=LEVELS, n_clients=n, seed=seed), n=n, f=f, days=20, odd=odd) for seed in (1, 1, 2)
    )

    assert (once == again).all()
    assert len(once) < 20 or (once != other).any()


def test_columns_of_any_size_are_standardised():
    scale = Scale(np.array([1e6, 0.0], np.float32), np.array([1e5, 1.0], np.float32))

    assert scale.apply(np.array([[1.1e6, np.nan], [9e9, np.inf]], np.float32)).tolist() == [[1, 1, 0], [1, 4, 0]]


def test_a_layout_takes_each_level_once():
    with pytest.raises(ValueError, match="once"):
        Layout.of(np.array([[0, 0]]))
    with pytest.raises(ValueError, match="table"):
        Layout.of(np.array([1, 2]))
