"""What each client gets: the side of the experiment, one candidate for every slot, how likely that was, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from campaigns.choosing import learned, openings, registered, why
from campaigns.choosing.openings import Known
from campaigns.choosing.registered import PlanMismatch
from campaigns.combinations import rules as combination_rules
from compliance import consent
from personalize import features, profiles
from personalize.decide import combining, draws, policy, reasons, score, single
from personalize.decide.limits import Closed
from personalize.decide.snapshot import Policy
from personalize.decide.values import FeatureTable
from personalize.models import Feature

PERSONALISED, CONTROL, HOLDOUT = draws.PERSONALISED, draws.CONTROL, draws.HOLDOUT
OPEN = int(Closed.OPEN)  # a member of an enumeration is looked up by Python code every time


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided for n clients over S slots with K candidates in all, in plan order.

    arm              (n,)   int8     PERSONALISED, CONTROL or HOLDOUT
    choice           (n, S) int16    index of the chosen candidate of each slot; -1 for the holdout
    closed           (n, K) uint8    codes of `limits.Closed`, 0 where open
    propensity       (n,)   float64  probability of exactly this choice given the arm, in (0, 1]
    slot_propensity  (n, S) float64  its factors
    score            (n,)   float64  predicted probability of success, NaN under rules
    reasons          (n, 4) int16    feature positions that moved the choice, -1 for none; reason_values (n, 4) float64
    features         (n, F) float32  what the decision saw; own (n, W) float32 what a learned policy saw beside it
    waits            (n,)   bool     a learned policy says not now: the choice is -1, the propensity that of waiting
    artefact         the model that decided, None under rules (also where it expired or was retired); policy  how
    """

    arm: np.ndarray
    choice: np.ndarray
    closed: np.ndarray
    propensity: np.ndarray
    slot_propensity: np.ndarray
    score: np.ndarray
    reasons: np.ndarray
    reason_values: np.ndarray
    features: np.ndarray
    own: np.ndarray
    waits: np.ndarray
    feature_version: int
    artefact: int | None
    policy: str

    def kept(self, row: int) -> dict[str, Any]:
        """One client's decision as the columns of its message."""
        score = float(self.score[row])
        return {
            "choice": self.choice[row].tolist(),
            "closed": self.closed[row].tobytes(),
            "propensity": float(self.propensity[row]),
            "slot_propensity": self.slot_propensity[row].tolist(),
            "score": None if np.isnan(score) else score,
            "policy": self.policy,
            "artefact_id": self.artefact,
            "reasons": self.reasons[row].tolist(),
            "reason_values": self.reason_values[row].tolist(),
            "features": self.features[row].tobytes(),
            "own": self.own[row].tobytes(),
            "feature_version": self.feature_version,
        }


def decide(
    plan: dict[str, Any], client_ids: np.ndarray, *, seed: int, at: datetime, permits: consent.Permits | None = None
) -> Decisions:
    """Decide for many clients at once; the same plan, client, seed and facts give the same decision.

    plan  as `plans.snapshot` makes it · client_ids (n,) int64 · permits  theirs, by a caller who has asked already
    """
    plan = registered.in_force(plan, at=at)
    table, known = profiles.table(client_ids, at=at, permits=permits), Known.of(client_ids, at=at)
    model = registered.model(plan)
    own = learned.own(plan, model, client_ids, at=at) if isinstance(model, Policy) else None
    return choose(Facts(plan, table, known, openings.closed(plan, client_ids, known, at=at), own), seed=seed)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a choice for n clients depends on besides the seed, as it was read at one moment.

    plan    as it binds now, see `registered.in_force` · closed  for each slot the codes (n, K) of `limits.Closed`
    own     (n, W) float32 what a learned policy sees beside the features; None without one
    under   the plan's learned policy, by a caller who has bound it to this very plan before
    """

    plan: dict[str, Any]
    table: FeatureTable
    known: Known
    closed: list[np.ndarray]
    own: np.ndarray | None
    under: learned.Bound | None = None


def choose(facts: Facts, *, seed: int) -> Decisions:
    """Decide from facts that were read; no query. The codes in `facts.closed` are completed in place."""
    plan, table, known, closed = facts.plan, facts.table, facts.known, facts.closed
    arm = draws.experiment(seed, table.ids, control=plan["share_control"], holdout=plan["share_holdout"])
    model = facts.under.policy if facts.under else registered.model(plan)
    if isinstance(model, Policy):
        if facts.own is None:
            raise PlanMismatch("what the policy sees of the client was not read")
        under = facts.under or learned.bound(plan, model)
        made = _one_by_policy(plan, under, int(arm[0]), closed, table, facts.own, seed=seed) if len(arm) == 1 else None
        made = made or _by_policy(plan, under, arm, closed, known, table, facts.own, seed=seed)
    else:
        made = _by_slots(plan, model, arm, closed, known, table, seed=seed)
    choice, chance = made.choice, made.chance
    choice[arm == HOLDOUT], chance[arm == HOLDOUT] = -1, 1.0
    reason, how_much = reasons.top(made.moved, why.MOST)
    reason[arm != PERSONALISED], how_much[arm != PERSONALISED] = -1, 0.0
    return Decisions(
        arm=arm,
        choice=choice,
        closed=np.concatenate(closed, axis=1) if closed else np.zeros((len(table.ids), 0), np.uint8),
        propensity=chance.prod(axis=1),
        slot_propensity=chance,
        score=made.score,
        reasons=reason,
        reason_values=how_much,
        features=table.x,
        own=made.own,
        waits=made.waits,
        feature_version=table.version,
        artefact=plan["artefact"],
        policy=plan["policy"],
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What one way of choosing gives; moved (n, F) is how much each feature spoke for the choice."""

    choice: np.ndarray
    chance: np.ndarray
    score: np.ndarray
    moved: np.ndarray
    own: np.ndarray
    waits: np.ndarray


def _by_slots(
    plan: dict[str, Any], model: score.Model | None, arm: np.ndarray, closed: list[np.ndarray], known: Known,
    table: FeatureTable, *, seed: int,
) -> _Made:  # fmt: skip
    """Slot after slot: by a glass-box model, or by rules without one."""
    n, values = len(table.ids), _values(model, table, closed)
    choice, chance = _choose(plan, arm, closed, values, known.segment, table.ids, seed=seed)
    scores = model.probability(table.x, choice) if model else np.full(n, np.nan)
    moved = why.moved(model, plan, table, choice, closed, values, chance)
    return _Made(choice, chance, scores, moved, np.zeros((n, 0), np.float32), np.zeros(n, bool))


def _by_policy(
    plan: dict[str, Any], under: learned.Bound, arm: np.ndarray, closed: list[np.ndarray], known: Known,
    table: FeatureTable, own: np.ndarray, *, seed: int,
) -> _Made:  # fmt: skip
    """The whole message at once by a learned policy; the control still by segment."""
    n, ids, model = len(table.ids), table.ids, under.policy
    choice, chance = np.full((n, len(closed)), -1, np.int16), np.ones((n, len(closed)))
    moved, waits, seen = np.zeros(table.x.shape), np.zeros(n, bool), model.seen(table.x, own)
    mine, rest = np.flatnonzero(arm == PERSONALISED), np.flatnonzero(arm != PERSONALISED)
    if len(rest):
        part = [codes[rest] for codes in closed]
        nothing = [np.zeros(codes.shape) for codes in part]
        choice[rest], chance[rest] = _choose(plan, arm[rest], part, nothing, known.segment[rest], ids[rest], seed=seed)
        for codes, new in zip(closed, part, strict=True):
            codes[rest] = new
    if len(mine):
        part = [codes[mine] for codes in closed]
        theirs = seen.rows(mine)
        picked = learned.choose(plan, under, ids[mine], theirs, part, seed=seed)
        choice[mine], chance[mine] = picked.choice, picked.factors
        moved[mine] = np.where(np.isfinite(table.x[mine]), model.spoke(theirs, picked, width=table.x.shape[1]), 0.0)
        waits[mine] = (picked.combination >= 0) & (picked.choice[:, 0] < 0)
        _serve(plan, closed, choice, chance, mine[picked.combination < 0])
    scores = model.success(seen, choice)
    return _Made(choice, chance, scores, moved, own, waits)


def _one_by_policy(
    plan: dict[str, Any], under: learned.Bound, arm: int, closed: list[np.ndarray], table: FeatureTable,
    own: np.ndarray, *, seed: int,
) -> _Made | None:  # fmt: skip
    """`_by_policy` of one client, who waits; None where it takes more than a draw."""
    if arm != PERSONALISED or learned.may_wait(plan):
        return None
    found = single.pick(
        under.policy, under.policy.seen(table.x, own),
        single.allowed(under.policy, [codes[0] == OPEN for codes in closed], under.fit), gamma=plan["gamma"],
        calm=under.calm, draw=float(draws.uniform(seed, table.ids, "combination")[0]), width=table.x.shape[1],
    )  # fmt: skip
    if found is None:
        return None
    moved = np.where(np.isfinite(table.x), found.moved, 0.0)
    score = np.array([found.success])
    return _Made(found.choice[None], found.factors[None], score, moved, own, np.zeros(1, bool))


def _serve(
    plan: dict[str, Any], closed: list[np.ndarray], choice: np.ndarray, chance: np.ndarray, rows: np.ndarray
) -> None:
    """Give the fallbacks to these rows, in place: to them no whole message is open."""
    if not len(rows):
        return
    part, chosen, likely = [codes[rows] for codes in closed], choice[rows], chance[rows]
    _fall_back(plan, combination_rules.compiled(plan), part, chosen, likely)
    choice[rows], chance[rows] = chosen, likely
    for codes, new in zip(closed, part, strict=True):
        codes[rows] = new


def chances(plan: dict[str, Any], client_ids: np.ndarray, *, at: datetime) -> list[np.ndarray]:
    """For each slot the probability (n, K) of every candidate for a personalised client; 0 where it is closed."""
    table, known, model = profiles.table(client_ids, at=at), Known.of(client_ids, at=at), registered.model(plan)
    closed = openings.closed(plan, client_ids, known, at=at)
    if isinstance(model, Policy):
        return learned.chances(plan, model, client_ids, table.x, closed, at=at)
    values = _values(model, table, closed)
    return [
        policy.chances(value, one == Closed.OPEN, gamma=plan["gamma"])
        for value, one in zip(values, closed, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Redrawn:
    """One past decision drawn again: the side of the experiment, the choice (S,) and its chances (S,)."""

    arm: int
    choice: np.ndarray
    chance: np.ndarray


def redraw(
    plan: dict[str, Any], client_id: int, *, seed: int, features: np.ndarray, closed: np.ndarray,
    own: np.ndarray | None = None,
) -> Redrawn:  # fmt: skip
    """Draw a personalised choice again from what the decision saw, without looking at today's client.

    features (F,) float32, own (W,) float32 and closed (ΣK,) uint8 as the message keeps them. Raises PlanMismatch.
    """
    ids = np.array([client_id], np.int64)
    arm = draws.experiment(seed, ids, control=plan["share_control"], holdout=plan["share_holdout"])
    ends = np.cumsum([len(slot["candidates"]) for slot in plan["slots"]])
    codes, model = np.split(closed[None, :], ends[:-1], axis=1), registered.model(plan)
    if isinstance(model, Policy):
        if own is None or len(own) != model.width:
            raise PlanMismatch("what the policy saw of the client is not on the message")
        seen = model.seen(features[None, :], own[None, :])
        picked = learned.choose(plan, learned.bound(plan, model), ids, seen, codes, seed=seed)
        return Redrawn(int(arm[0]), picked.choice[0], picked.factors[0])
    table = FeatureTable(ids=ids, x=features[None, :], codes=(), version=0)
    choice, chance = np.full(len(ends), -1, np.int16), np.ones(len(ends))
    worth = _values(model, table, codes)
    for number, (slot, values) in enumerate(zip(plan["slots"], worth, strict=True)):
        draw = draws.uniform(seed, ids, f"slot:{slot['slot']}")
        drawn = policy.pick(values, codes[number] == Closed.OPEN, gamma=plan["gamma"], draw=draw)
        choice[number], chance[number] = drawn.arm[0], drawn.propensity[0]
    return Redrawn(int(arm[0]), choice, chance)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted probability taken apart: `start` and the `parts` (feature, log-odds) add up to its log-odds exactly.

    parts  strongest first, those of no effect left out · of  what was predicted
    """

    probability: float
    start: float
    parts: tuple[tuple[Feature, float], ...]
    of: str = "Success"


def prediction(
    plan: dict[str, Any], choice: Sequence[int], *, seen: np.ndarray, own: np.ndarray | None = None
) -> Prediction | None:
    """What the model made of one past decision; None under rules, and for who waits. PlanMismatch.

    seen (F,) and own (W,) as the message keeps them. Of a learned policy it is the head that predicts the open, with
    repetition and the client's own habit in its start.
    """
    model = registered.model(plan)
    if model is None or not len(choice):
        return None
    x, chosen = seen[None, :], np.array([choice], np.int16)
    if isinstance(model, Policy):
        if own is None or len(own) != model.width:
            raise PlanMismatch("what the policy saw of the client is not on the message")
        odds, parts = model.opening(x, own[None, :], model.combinations(chosen))
        return _taken_apart(float(score.probability(odds)[0]), float(odds[0] - parts[0].sum()), parts[0], "An open")
    parts = model.contributions(x, chosen)
    return _taken_apart(float(model.probability(x, chosen)[0]), float(model.start(chosen, 1)[0]), parts[0], "Success")


def _taken_apart(probability: float, start: float, parts: np.ndarray, of: str) -> Prediction:
    registry = features.registry()
    order = [int(one) for one in np.argsort(-np.abs(parts), kind="stable") if parts[one] != 0]
    return Prediction(probability, start, tuple((registry[one], float(parts[one])) for one in order), of)


def _choose(
    plan: dict[str, Any],
    arm: np.ndarray,
    closed: list[np.ndarray],
    values: list[np.ndarray],
    segment: np.ndarray,
    client_ids: np.ndarray,
    *,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Choice (n, S) int16 and its chance (n, S): drawn for the personalised, by segment for the control."""
    n, slots = len(client_ids), plan["slots"]
    choice, chance = np.full((n, len(slots)), -1, np.int16), np.ones((n, len(slots)))
    control, table = arm == CONTROL, combination_rules.compiled(plan)
    for number, (slot, codes, value) in enumerate(zip(slots, closed, values, strict=True)):
        if not table.is_empty:
            fits = combining.narrow(table, [one == Closed.OPEN for one in closed], choice, number)
            codes[(codes == Closed.OPEN) & ~fits] = Closed.COMBINATION
        is_open = codes == Closed.OPEN
        draw = draws.uniform(seed, client_ids, f"slot:{slot['slot']}")
        picked = policy.pick(value, is_open, gamma=plan["gamma"], draw=draw)
        choice[:, number], chance[:, number] = picked.arm, picked.propensity
        choice[control, number] = _by_segment(is_open[control], segment[control] + plan["number"])
        chance[control, number] = 1.0
    if not table.is_empty:
        _fall_back(plan, table, closed, choice, chance)
    return choice, chance


def _fall_back(
    plan: dict[str, Any],
    table: combining.Compiled,
    closed: list[np.ndarray],
    choice: np.ndarray,
    chance: np.ndarray,
) -> None:
    """Give the fallbacks to those whom the combination rules left without a message, if nothing else closes these."""
    rows = np.flatnonzero((choice < 0).any(axis=1) | (combining.violated(table, choice) >= 0))
    for number, (slot, codes) in enumerate(zip(plan["slots"], closed, strict=True)):
        last = np.array([one["is_fallback"] for one in slot["candidates"]], bool)
        mine = codes[rows]
        mine[(mine == Closed.OPEN) & ~last] = Closed.COMBINATION
        mine[np.isin(mine, (Closed.FALLBACK, Closed.COMBINATION)) & last] = Closed.OPEN
        codes[rows] = mine
        is_open = mine == Closed.OPEN
        choice[rows, number] = np.where(is_open.any(axis=1), is_open.argmax(axis=1), -1)
        chance[rows, number] = 1.0


def _by_segment(is_open: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The candidate of everyone's segment: the (number mod how many are open)-th open one; -1 where none is."""
    n_open = is_open.sum(axis=1)
    wanted = number % np.maximum(n_open, 1)
    picked = ((is_open.cumsum(axis=1) - 1 == wanted[:, None]) & is_open).argmax(axis=1)
    return np.where(n_open > 0, picked, -1)


def _values(model: score.Model | None, table: FeatureTable, closed: list[np.ndarray]) -> list[np.ndarray]:
    """What is expected of each candidate of each slot (n, K): a probability, or 0 for all under rules."""
    if model is None:
        return [np.zeros(codes.shape) for codes in closed]
    main = model.main(table.x)
    return [model.reward(table.x, number, main=main) for number in range(len(closed))]
