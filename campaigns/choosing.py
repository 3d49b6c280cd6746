"""What each client gets: the side of the experiment, one candidate for every slot, how likely that was, and why."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np

from campaigns import audiences, bulk
from campaigns.bulk import rules
from campaigns.combinations import rules as combination_rules
from compliance import consent, review
from compliance.models import Channel
from personalize import features, profiles
from personalize.decide import combining, draws, limits, modeltext, policy, reasons, score
from personalize.decide.limits import Closed
from personalize.decide.values import Candidates, Circumstances, FeatureTable
from personalize.models import Artefact, Feature, Stage

PERSONALISED, CONTROL, HOLDOUT = draws.PERSONALISED, draws.CONTROL, draws.HOLDOUT
TOP = 4
TENURE_BANDS = (30.0, 180.0, 365.0, 3 * 365.0)  # days
# An approval that was refused, taken back or has run out closes a candidate; one that is still awaited only holds.
LOST = ("rejected", "withdrawn", "expired")


class PlanMismatch(Exception):
    """The model on file is not the one the plan names. Nothing was decided."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided for n clients over S slots with K candidates in all, in plan order.

    arm              (n,)   int8     PERSONALISED, CONTROL or HOLDOUT
    choice           (n, S) int16    index of the chosen candidate of each slot; -1 for the holdout
    closed           (n, K) uint8    codes of `limits.Closed`, 0 where open
    propensity       (n,)   float64  probability of exactly this choice given the arm, in (0, 1]
    slot_propensity  (n, S) float64  its factors
    score            (n,)   float64  predicted probability of the success metric, NaN under rules
    reasons          (n, 4) int16    feature positions that moved the choice, -1 for none; reason_values (n, 4) float64
    features         (n, F) float32  what the decision saw
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
    feature_version: int
    artefact: int | None
    policy: str


def decide(
    plan: dict[str, Any], client_ids: np.ndarray, *, seed: int, at: datetime, permits: consent.Permits | None = None
) -> Decisions:
    """Decide for many clients at once; the same plan, client, seed and facts give the same decision.

    plan  as `plans.snapshot` makes it · client_ids (n,) int64 · permits  theirs, by a caller who has asked already
    """
    plan = in_force(plan, at=at)
    table = profiles.table(client_ids, at=at, permits=permits)
    known = _Known.of(client_ids, at=at)
    arm = draws.experiment(seed, client_ids, control=plan["share_control"], holdout=plan["share_holdout"])
    model = _model(plan)
    slots = plan["slots"]
    codes = [_codes(slot["candidates"], known, client_ids, channel=plan["channel"], at=at) for slot in slots]
    closed = _reserve([slot["candidates"] for slot in slots], codes)
    values = _values(model, table, closed)
    choice, chance = _choose(plan, arm, closed, values, known, client_ids, seed=seed)
    choice[arm == HOLDOUT], chance[arm == HOLDOUT] = -1, 1.0
    why, how_much = reasons.top(_moved(model, plan, table, choice, closed, values), TOP)
    why[arm != PERSONALISED], how_much[arm != PERSONALISED] = -1, 0.0
    return Decisions(
        arm=arm,
        choice=choice,
        closed=np.concatenate(closed, axis=1) if closed else np.zeros((len(client_ids), 0), np.uint8),
        propensity=chance.prod(axis=1),
        slot_propensity=chance,
        score=model.probability(table.x, choice) if model else np.full(len(client_ids), np.nan),
        reasons=why,
        reason_values=how_much,
        features=table.x,
        feature_version=table.version,
        artefact=plan["artefact"],
        policy=plan["policy"],
    )


def in_force(plan: dict[str, Any], *, at: datetime) -> dict[str, Any]:
    """The plan as it binds now: without its model where that has expired or was taken out, so that rules choose."""
    if not plan["artefact"]:
        return plan
    found = Artefact.objects.filter(pk=plan["artefact"]).values_list("stage", "expires_at").first()
    if found is None:
        raise PlanMismatch(f"artefact {plan['artefact']}")
    stage, expires_at = found
    expired = expires_at is not None and expires_at <= at
    if stage == Stage.LIVE and not expired:
        return plan
    return {**without_model(plan), "policy": f"rules-1-{'expired' if expired else 'retired'}"}


def as_decided(plan: dict[str, Any], artefact_id: int | None) -> dict[str, Any]:
    """The plan as it bound a decision that names this model, or none where rules had to choose in its place."""
    return without_model(plan) if plan["artefact"] and artefact_id is None else plan


def without_model(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan under rules: every open candidate is as likely as any other."""
    return {**plan, "artefact": None, "artefact_sha256": "", "policy": "rules-1", "phase": "rules", "gamma": 0.0}


def chances(plan: dict[str, Any], client_ids: np.ndarray, *, at: datetime) -> list[np.ndarray]:
    """For each slot the probability (n, K) of every candidate for a personalised client; 0 where it is closed."""
    table, known, model = profiles.table(client_ids, at=at), _Known.of(client_ids, at=at), _model(plan)
    slots = plan["slots"]
    codes = [_codes(slot["candidates"], known, client_ids, channel=plan["channel"], at=at) for slot in slots]
    closed = _reserve([slot["candidates"] for slot in slots], codes)
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


def redraw(plan: dict[str, Any], client_id: int, *, seed: int, features: np.ndarray, closed: np.ndarray) -> Redrawn:
    """Draw a personalised choice again from what the decision saw, without looking at today's client.

    features (F,) float32 and closed (ΣK,) uint8 as the message keeps them. Raises PlanMismatch.
    """
    ids = np.array([client_id], np.int64)
    arm = draws.experiment(seed, ids, control=plan["share_control"], holdout=plan["share_holdout"])
    ends = np.cumsum([len(slot["candidates"]) for slot in plan["slots"]])
    codes = np.split(closed[None, :], ends[:-1], axis=1)
    table = FeatureTable(ids=ids, x=features[None, :], codes=(), version=0)
    choice, chance = np.full(len(ends), -1, np.int16), np.ones(len(ends))
    for number, (slot, values) in enumerate(zip(plan["slots"], _values(_model(plan), table, codes), strict=True)):
        draw = draws.uniform(seed, ids, f"slot:{slot['slot']}")
        picked = policy.pick(values, codes[number] == Closed.OPEN, gamma=plan["gamma"], draw=draw)
        choice[number], chance[number] = picked.arm[0], picked.propensity[0]
    return Redrawn(int(arm[0]), choice, chance)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A predicted probability taken apart: `start` and the `parts` (feature, log-odds) add up to its log-odds exactly.

    parts  strongest first, those of no effect left out
    """

    probability: float
    start: float
    parts: tuple[tuple[Feature, float], ...]


def prediction(plan: dict[str, Any], choice: Sequence[int], *, seen: np.ndarray) -> Prediction | None:
    """What the model made of one past decision; None under rules. seen (F,) as the message keeps it. PlanMismatch."""
    model = _model(plan)
    if model is None:
        return None
    x, chosen = seen[None, :], np.array([choice], np.int16)
    parts = model.contributions(x, chosen)[0]
    registry = features.registry()
    order = [int(one) for one in np.argsort(-np.abs(parts), kind="stable") if parts[one] != 0]
    return Prediction(
        probability=float(model.probability(x, chosen)[0]),
        start=float(model.start(chosen, 1)[0]),
        parts=tuple((registry[one], float(parts[one])) for one in order),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    """What limits and the segmented control know of each client; segment (n,) int64 is a stable number."""

    circumstances: Circumstances
    segment: np.ndarray

    @classmethod
    def of(cls, client_ids: np.ndarray, *, at: datetime) -> "_Known":
        by_id = {row[0]: row for row in bulk.circumstances(client_ids, at=at)}
        nobody = (0, "", "", False, "", "en", "[]", 0.0)
        rows = [by_id.get(one, nobody) for one in client_ids.tolist()]
        _, risk, experience, vulnerable, goal, language, declined, tenure = (
            zip(*rows, strict=True) if rows else [()] * 8
        )
        band = np.digitize(np.array(tenure, np.float64), TENURE_BANDS)
        by_goal = np.fromiter((zlib.crc32(one.encode()) for one in goal), np.int64, len(rows))
        told = np.fromiter((bool(one) for one in goal), bool, len(rows))
        topics = {text: frozenset(json.loads(text)) for text in set(declined)}
        return cls(
            Circumstances(
                risk=risk,
                experience=experience,
                language=language,
                vulnerable=np.array(vulnerable, bool),
                declined=tuple(topics[one] for one in declined),
                fatigued=np.zeros(len(rows), bool),
            ),
            np.where(told, by_goal, band),
        )


def _codes(
    candidates: list[dict[str, Any]], known: _Known, client_ids: np.ndarray, *, channel: str, at: datetime
) -> np.ndarray:
    """What limits and rules close of one slot's candidates: (n, K) codes of `Closed`."""
    standing = review.standing([one["digest"] for one in candidates], at=at)
    states = [standing.get(one["digest"], "absent") for one in candidates]
    # A page cannot wait for an editor: only what is approved now may be shown.
    good = [state == "approved" if channel == Channel.WEB else state not in LOST for state in states]
    ends = [datetime.fromisoformat(one["valid_until"]) if one["valid_until"] else None for one in candidates]
    return limits.open_arms(
        known.circumstances,
        Candidates(
            framing=tuple(one["framing"] for one in candidates),
            language=tuple(one["language"] for one in candidates),
            topics=tuple(frozenset(one["topics"]) for one in candidates),
            urgent=np.array([one["urgent"] for one in candidates], bool),
            approved=np.array(good, bool),
            in_date=np.array([end is None or end > at for end in ends], bool),
        ),
        rules=np.stack([audiences.mask(one["rule"], client_ids, at=at) for one in candidates], axis=1),
    )


def _reserve(slots: list[list[dict[str, Any]]], codes: list[np.ndarray]) -> list[np.ndarray]:
    """Keep the fallback of each slot for those who have nothing else open there.

    A message has one language. Whoever would find a gap in their own gets the fallbacks throughout, in whatever
    language they are; every other limit binds a fallback too.
    """
    gap = np.zeros(len(codes[0]) if codes else 0, bool)
    for one in codes:
        gap |= ~(one == Closed.OPEN).any(axis=1)
    for candidates, one in zip(slots, codes, strict=True):
        last = np.array([candidate["is_fallback"] for candidate in candidates], bool)
        one[gap[:, None] & last & (one == Closed.LANGUAGE)] = Closed.OPEN
        one[gap[:, None] & ~last & (one == Closed.OPEN)] = Closed.LANGUAGE
        served = (one[:, ~last] == Closed.OPEN).any(axis=1)
        one[served[:, None] & last & (one == Closed.OPEN)] = Closed.FALLBACK
    return codes


def _choose(
    plan: dict[str, Any],
    arm: np.ndarray,
    closed: list[np.ndarray],
    values: list[np.ndarray],
    known: _Known,
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
        choice[control, number] = _by_segment(is_open[control], known.segment[control] + plan["number"])
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


@lru_cache(maxsize=16)
def _loaded(artefact_id: int, sha256: str) -> score.Model:
    artefact = Artefact.objects.get(pk=artefact_id)
    if artefact.sha256 != sha256:
        raise PlanMismatch(f"artefact {artefact_id}")
    return modeltext.load(artefact.body, sha256)


def _model(plan: dict[str, Any]) -> score.Model | None:
    """The plan's model with slots and candidates in plan order; None under rules."""
    if not plan["artefact"]:
        return None
    slots = tuple(slot["slot"] for slot in plan["slots"])
    digests = tuple(tuple(one["digest"] for one in slot["candidates"]) for slot in plan["slots"])
    return _loaded(plan["artefact"], plan["artefact_sha256"]).aligned(slots, digests)


def _values(model: score.Model | None, table: FeatureTable, closed: list[np.ndarray]) -> list[np.ndarray]:
    """What is expected of each candidate of each slot (n, K): a probability, or 0 for all under rules."""
    if model is None:
        return [np.zeros(codes.shape) for codes in closed]
    main = model.main(table.x)
    return [model.reward(table.x, number, main=main) for number in range(len(closed))]


def _moved(
    model: score.Model | None,
    plan: dict[str, Any],
    table: FeatureTable,
    choice: np.ndarray,
    closed: list[np.ndarray],
    values: list[np.ndarray],
) -> np.ndarray:
    """How much each feature spoke for the choice (n, F): over the runner-up by the model, or what the rules read.

    Where the model prefers nothing, as between words it has never seen, the rules are what moved the choice.
    """
    read = _read_by_rules(plan, table, choice, closed)
    if model is None:
        return read
    moved = np.zeros(table.x.shape)
    for number, (codes, value) in enumerate(zip(closed, values, strict=True)):
        chosen = choice[:, number].astype(np.intp)
        others = np.where(codes == Closed.OPEN, value, -np.inf)
        others[np.arange(len(chosen)), chosen] = -np.inf
        rows = np.flatnonzero((chosen >= 0) & np.isfinite(others).any(axis=1))
        if len(rows):
            moved[rows] += model.gap(table.x[rows], number, chosen[rows], others[rows].argmax(axis=1))
    return np.where((moved != 0).any(axis=1)[:, None], moved, read)


def _read_by_rules(
    plan: dict[str, Any], table: FeatureTable, choice: np.ndarray, closed: list[np.ndarray]
) -> np.ndarray:
    """1 for every feature that closed a candidate or let the chosen one in, where it is known: (n, F)."""
    weight = np.zeros(table.x.shape)
    columns = {code: number for number, code in enumerate(table.codes)}
    risk = _position("risk_tolerance", columns)
    for number, (slot, codes) in enumerate(zip(plan["slots"], closed, strict=True)):
        if risk is not None:
            weight[:, risk] += (codes == Closed.FRAMING).any(axis=1)
        for index, one in enumerate(slot["candidates"]):
            for name in rules.fields(one["rule"]):
                position = _position(name, columns)
                if position is not None:
                    weight[:, position] += choice[:, number] == index
    weight[~np.isfinite(table.x)] = 0.0
    return weight


def _position(name: str, codes: dict[str, int]) -> int | None:
    """Column of the feature that a rule's field reads, or None."""
    name = name.removeprefix("attribute:").removeprefix("feature:")
    if name in codes:
        return codes[name]
    for one in features.registry():
        if one.spec.get("attribute") == name and one.code in codes:
            return codes[one.code]
    return None
