"""A learned policy as it decides: the heads of one day, and all that a choice and its exact probability depend on.

Behind arrays: no database, no clock. The numbers that a decision saw beside the features ("own") are, for each client:
sends in the last 7 days, in the last 14, log(1 + days since the last); how lately each candidate was had, by scale and
candidate; the client's own intercept and offset of each candidate. They are kept with the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from personalize.decide import cadence, funnel, policy
from personalize.decide.design import Design, Input, design
from personalize.decide.funnel import SCALES, Heads, Layout, Ready, Reward, Scale, Seen, Weights

CONTEXT = ("sends of 7 days", "sends of 14 days", "days since the last")
MOST_COMBINATIONS = 4_096
CELLS = 250_000  # rows times combinations worked on at once: a few MB
ENOUGH_FOR_CADENCE = 1_000  # matured sends before the price of attention is believed
GREED = 12.0  # inverse-gap weighting: gamma = GREED sqrt(matured) / typical reward


class TooManyCombinations(ValueError):
    """The slots could make more messages than a learned policy weighs; rules choose."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was learnt until one day.

    slots     in plan order; a plan with other slots is not this policy's · levels  (slot number, digest of a block
              version), only ever added to, so that a level keeps its number
    scale     of all columns but the leading one: what `inputs` give, then CONTEXT
    matured   results learnt from · typical  expected reward of a best message · often  messages per client and day
    phase     "pooled" or "individual": whether a client's own habits count
    until     stage → epoch seconds up to which its results were learnt · belief  sha256 of what learning goes on from
    """

    inputs: tuple[Input, ...]
    slots: tuple[str, ...]
    levels: tuple[tuple[int, str], ...]
    scale: Scale
    heads: Heads
    reward: Reward
    reward_digest: str
    explores_sensitive: bool
    matured: int
    typical: float
    often: float
    phase: str
    until: dict[str, int]
    belief: str

    def columns(self, x: np.ndarray, context: np.ndarray) -> np.ndarray:
        """u (n, U): a one, the features and the context, standardised; x (n, F), context (n, 3)."""
        return self._scaled(design(self.inputs, x), context)

    def _scaled(self, columns: np.ndarray, context: np.ndarray) -> np.ndarray:
        return self.scale.apply(np.concatenate([columns, context], axis=1)).astype(np.float64)

    def gamma(self, most: int | None = None) -> float:
        """How greedy to be after what matured, at most as after `most`."""
        rows = min(self.matured, 100_000 if most is None else most)
        return GREED * float(rows) ** 0.5 / max(self.typical, 1e-6)

    def probability(self, x: np.ndarray) -> np.ndarray:
        """The chance that a message like the average is opened and followed (n,), where nobody wrote lately."""
        u, mean = self.columns(x, np.full((len(x), len(CONTEXT)), np.nan)), max(len(self.slots), 1)
        each = (one.base + one.own.mean(axis=1) * mean for one in (self.heads.open, self.heads.gain))
        opens, gains = (funnel.sigmoid(u @ weights) for weights in each)
        return opens * gains

    def aligned(self, slots: Sequence[str], digests: Sequence[Sequence[str]]) -> "Policy":
        """This policy over the candidates of a plan. Raises TooManyCombinations, or KeyError for other slots."""
        if tuple(slots) != self.slots:
            raise KeyError(f"this policy fills {', '.join(self.slots)}, not {', '.join(slots)}")
        if int(np.prod([len(one) for one in digests])) > MOST_COMBINATIONS:
            raise TooManyCombinations(f"more than {MOST_COMBINATIONS} combinations")
        known = {one: number for number, one in enumerate(self.levels)}
        wanted = [(slot, digest) for slot, one in enumerate(digests) for digest in one]
        place = np.array([known.get(one, -1) for one in wanted], np.intp)
        starts = np.cumsum([0, *(len(one) for one in digests[:-1])])
        levels = np.array(list(product(*(range(len(one)) for one in digests))), np.intp).reshape(-1, len(digests))
        block = np.array([slot for slot, _ in wanted], np.intp)
        was = self.heads
        heads = Heads(_aligned(was.open, place), _aligned(was.gain, place), _aligned(was.harm, place),
                      _aligned(was.quality, place), was.gain_scale)  # fmt: skip
        return Policy(self, Layout.numbered(levels + starts, block), heads, place, levels)


def _aligned(weights: Weights, place: np.ndarray) -> Weights:
    """The weights of these levels; a level that nothing is known of is like the average of none."""
    own = np.where(place >= 0, weights.own[:, place], 0.0)
    return Weights(weights.base, own, weights.repeat)


@dataclass(frozen=True, slots=True)
class Picked:
    """choice (n, S) int16, -1 for not now · chance (n,) of exactly that · factors (n, S), whose product it is.

    combination (n,) drawn, whether it goes or not · runner_up (n,) the best other that was open, -1 for none
    """

    choice: np.ndarray
    chance: np.ndarray
    factors: np.ndarray
    combination: np.ndarray
    runner_up: np.ndarray


@dataclass(frozen=True, eq=False)
class Policy:
    """A snapshot over a plan's candidates: place (L,) of each in the snapshot's levels, -1 for a new one.

    levels (V, S) index of the candidate in its slot, for each combination. What depends on no client is worked out at
    the first decision and stands as long as the policy does, which never changes: two are equal if they are the same.
    """

    snapshot: Snapshot
    layout: Layout
    heads: Heads
    place: np.ndarray
    levels: np.ndarray

    @cached_property
    def width(self) -> int:
        """Numbers a client's `own` has."""
        return len(CONTEXT) + len(SCALES) * len(self.place) + 1 + len(self.place)

    @cached_property
    def design(self) -> Design:
        """The columns that features make."""
        return Design.of(self.snapshot.inputs)

    @cached_property
    def ready(self) -> Ready:
        """The heads in that precision."""
        return Ready.of(self.layout, self.heads, np.dtype(np.float64))

    @cached_property
    def told(self) -> Layout:
        """The layout in the precision in which a decision asks."""
        return replace(self.layout, spread=self.layout.spread.astype(np.float64))

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return tuple(int(one) + 1 for one in self.levels.max(axis=0))

    def seen(self, x: np.ndarray, own: np.ndarray) -> Seen:
        """What a decision sees, once for all that is asked about it: x (n, F) features, own (n, width).

        In double precision: a row gives the same numbers to 1e-12 alone and among two thousand others.
        """
        own = own.astype(np.float64)
        end = len(CONTEXT) + len(SCALES) * len(self.place)
        lately = np.ascontiguousarray(own[:, len(CONTEXT) : end]).reshape(len(own), len(SCALES), -1)
        u = self.snapshot._scaled(self.design.columns(x), own[:, : len(CONTEXT)])
        offsets = own[:, end:]
        return Seen(u, lately, offsets, self.ready.levels(Seen(u, lately, offsets)))

    def fits(self, is_open: list[np.ndarray], allowed: np.ndarray) -> np.ndarray:
        """Which combinations each client may get (n, V): every part open (n, K a slot), and allowed (V,) by rules."""
        good = np.tile(allowed, (len(is_open[0]), 1))
        for slot, mine in enumerate(is_open):
            if not mine.all():
                good &= mine[:, self.levels[:, slot]]
        return good

    def chances(
        self, seen: Seen, allowed: np.ndarray, *, gamma: float, calm: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The chance of every combination, and its worth: (n, V) both.

        calm (V,) combinations that may be explored; another one is chosen only where it is the best.
        """
        value = funnel.worth(self.told, self.heads, seen, self.snapshot.reward)
        if not calm.all():
            best = np.where(allowed, value, -np.inf).argmax(axis=1)
            allowed = allowed & calm
            rows = np.arange(len(value))
            some = np.isfinite(value[rows, best])
            allowed[rows[some], best[some]] = True
        return policy.chances(value, allowed, gamma=gamma), value

    def pick(
        self,
        seen: Seen,
        allowed: np.ndarray,
        *,
        gamma: float,
        calm: np.ndarray,
        draw: np.ndarray,
        send: np.ndarray | None,
    ) -> Picked:
        """One combination for each client, or not now, with the exact probability of what came.

        seen  as `seen` gives it · allowed (n, V) · draw (n,) in [0, 1) for the combination · send (n,) the same for
        whether to send at all; None where everybody is served. Nothing is open: choice -1 and chance 1.
        """
        n, slots = len(allowed), self.levels.shape[1]
        made = Picked(np.full((n, slots), -1, np.int16), np.ones(n), np.ones((n, slots)), np.full(n, -1, np.intp),
                      np.full(n, -1, np.intp))  # fmt: skip
        step = max(1, CELLS // len(self.levels))
        for start in range(0, n, step):
            at = slice(start, start + step)
            self._pick(made, at, seen.rows(at) if n > step else seen, allowed[at], gamma, calm, draw[at],
                       None if send is None else send[at])  # fmt: skip
        return made

    def _pick(
        self, made: Picked, at: slice, seen: Seen, allowed: np.ndarray, gamma: float, calm: np.ndarray,
        draw: np.ndarray, send: np.ndarray | None,
    ) -> None:  # fmt: skip
        pi, value = self.chances(seen, allowed, gamma=gamma, calm=calm)
        rows, some = np.arange(len(pi)), allowed.any(axis=1)
        passed = np.cumsum(pi, axis=1) > draw[:, None]
        last = pi.shape[1] - 1 - (pi[:, ::-1] > 0).argmax(axis=1)  # a sum a hair below 1 must not pick nothing
        arm = np.where(passed[:, -1], passed.argmax(axis=1), last)
        value[~allowed] = -np.inf
        best = value.argmax(axis=1)
        value[rows, arm] = -np.inf
        second = value.argmax(axis=1)
        made.combination[at] = np.where(some, arm, -1)
        made.runner_up[at] = np.where(some & np.isfinite(value[rows, second]), second, -1)
        chance, factors = self._factors(pi, arm)
        choice = self.levels[arm].astype(np.int16)
        if send is not None and self.snapshot.matured >= ENOUGH_FOR_CADENCE:
            likely = self._send_chance(seen, best)
            goes = send < likely
            choice[~goes] = -1
            factors[:, 0] *= likely
            factors[~goes] = 1.0
            factors[~goes, 0] = 1.0 - likely[~goes]
            chance = np.where(goes, chance * likely, 1.0 - likely)
        choice[~some], factors[~some], chance[~some] = -1, 1.0, 1.0
        made.choice[at], made.factors[at], made.chance[at] = choice, factors, chance

    def chance_of(
        self, seen: Seen, allowed: np.ndarray, choice: np.ndarray, *, gamma: float, calm: np.ndarray, may_wait: bool
    ) -> np.ndarray:
        """The probability (n,) that `pick` gives to these choices (n, S), none of which is -1."""
        found, those = np.zeros(len(allowed)), self.combinations(choice)
        step = max(1, CELLS // len(self.levels))
        for start in range(0, len(allowed), step):
            at = slice(start, start + step)
            mine = seen.rows(at)
            pi, value = self.chances(mine, allowed[at], gamma=gamma, calm=calm)
            found[at] = pi[np.arange(len(pi)), those[at]]
            if may_wait and self.snapshot.matured >= ENOUGH_FOR_CADENCE:
                found[at] *= self._send_chance(mine, np.where(allowed[at], value, -np.inf).argmax(axis=1))
        return found

    def _factors(self, pi: np.ndarray, arm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chance of the arm (n,), and of each slot's part given the parts before it (n, S)."""
        rows, slots = np.arange(len(pi)), self.levels.shape[1]
        chance, factors = pi[rows, arm], np.ones((len(pi), slots))
        chance = np.where(chance > 0, chance, 1.0)
        if slots == 1:
            return chance, chance[:, None].copy()
        mass, same = np.ones(len(pi)), np.ones(pi.shape, bool)
        for slot in range(slots - 1):
            same &= self.levels[:, slot] == self.levels[arm, slot][:, None]
            now = (pi * same).sum(axis=1)
            factors[:, slot] = np.minimum(now / mass, 1.0)
            mass = now
        factors[:, -1] = chance / factors[:, :-1].prod(axis=1)
        return chance, factors

    def _send_chance(self, seen: Seen, best: np.ndarray) -> np.ndarray:
        width, snapshot = len(self.snapshot.scale.sd) - len(CONTEXT), self.snapshot
        seen = replace(seen, levels=None)  # what is compared is worked out in one way
        pressure = cadence.Pressure(width, width + 1, width + 2, often=snapshot.often)
        cost = cadence.price(
            self.layout, self.heads, snapshot.scale, seen, reward=snapshot.reward, pressure=pressure, best=best
        )
        return cadence.send_chance(funnel.worth_of(self.layout, self.heads, seen, snapshot.reward, best), cost)

    def spoke(self, seen: Seen, picked: Picked, *, width: int) -> np.ndarray:
        """What each of width features adds to "rather than the runner-up", in the unit of the reward: (n, width)."""
        moved = np.zeros((len(picked.combination), width))
        rows = np.flatnonzero((picked.combination >= 0) & (picked.runner_up >= 0))
        if len(rows):
            parts = funnel.spoke(self.told, self.heads, seen.rows(rows), self.snapshot.reward,
                                 picked.combination[rows], picked.runner_up[rows], own=self.ready.own)  # fmt: skip
            moved[rows] = self._by_feature(parts, width)
        return moved

    def opening(self, x: np.ndarray, own: np.ndarray, combination: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds of an open (n,) and what each column of x has in it (n, F)."""
        seen = self.seen(x, own)
        whole = funnel.parts_of(self.layout, self.heads.open, seen, combination, own=True).astype(np.float64)
        each = (self.heads.open.base[:, None] + self.heads.open.own @ self.layout.member).T[combination]
        return whole, self._by_feature(seen.u.astype(np.float64) * each, x.shape[1])

    def success(self, seen: Seen, choice: np.ndarray) -> np.ndarray:
        """Predicted chance that a message with this choice (n, S) is opened and followed: (n,), NaN for none."""
        out = np.full(len(choice), np.nan)
        rows = np.flatnonzero((choice >= 0).all(axis=1))
        if len(rows):
            odds = funnel.odds_of(self.told, self.heads, seen.rows(rows), self.combinations(choice[rows]))
            out[rows] = funnel.sigmoid(odds[:2]).prod(axis=0)
        return out

    def combinations(self, choice: np.ndarray) -> np.ndarray:
        """The number of the combination of each choice (n, S), none of which is -1: (n,)."""
        return np.ravel_multi_index(tuple(choice.T.astype(np.intp)), self._sizes)

    def _by_feature(self, parts: np.ndarray, width: int) -> np.ndarray:
        """Parts by column of u as parts by column of x; the leading one and the context belong to no feature."""
        made, inputs = np.zeros((len(parts), width)), self.design
        if len(inputs.starts):
            sums = np.add.reduceat(parts[:, 1 : 1 + len(inputs.less)], inputs.starts, axis=1)
            mine = inputs.positions < width
            made[:, inputs.positions[mine]] = sums[:, mine]
        return made
