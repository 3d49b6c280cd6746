"""The decision engine behind arrays, so that any simulated or logged firm can drive it.

    engine = Engine(levels=levels, n_clients=10_000, seed=1)          # objective="value" | "engagement", cadence=True
    action, propensity = engine.decide(obs)                           # action -1 is "not now"
    engine.learn(day, events)

levels (V, B): level of each block in each variant, unique over blocks. `obs` (attributes or keys): day, client (n,),
X (n, f), segment, market, sends7, sends14, days_since, last_subject, opened_before, sent_before. `events`: dicts of
kind "open" (client, action, open, unsub, row, day), "engage" (client, action, open, reward_open, reward_value, row)
and "outcome" (client, action, quality, sent_day, row), where row counts the rows of that day's `decide`.
Anything may be missing, NaN, late or twice; what cannot be matched to a decision is left out.
"""

from typing import Any

import numpy as np

from personalize.decide.funnel import Layout, Reward
from personalize.learn.bandit import Bandit, Rows

KEEP_DAYS = 75
MOST_KEPT = 150_000_000  # numbers held for results to come; above, the oldest days are thinned out
SEGMENTS = 8
REWARDS = {"value": Reward(), "engagement": Reward(open=0.15, quality=0.0, harm=0.0)}
CONTEXT = ("market", "sends7", "sends14", "days_since", "sent_before")


class Engine:
    """The product's decision engine behind arrays, nothing else: no database, no clock, no files."""

    def __init__(
        self, *, levels: Any, n_clients: int, seed: int, objective: str = "value", cadence: bool = True
    ) -> None:
        self.layout = Layout.of(np.asarray(levels))
        self.objective = "engagement" if objective == "engagement" else "value"
        self.seed, self.n_clients, self.cadence = int(seed), max(int(n_clients), 1), cadence
        self.bandit: Bandit | None = None
        self.width = 0
        self.numbers: dict[Any, int] = {}
        self.days: dict[int, _Day] = {}
        self.shrunk = None

    def decide(self, obs: Any) -> tuple[np.ndarray, np.ndarray]:
        """Actions (n,), -1 for not now, and the probability of exactly each, above 0."""
        client = self._numbered(_array(obs, "client"))
        day = float(np.nan_to_num(np.asarray(_get(obs, "day", 0.0), float)))
        raw = self._raw(obs, len(client))
        if self.bandit is None:
            at = self.width + 1 + SEGMENTS
            week, fortnight, since = (at + CONTEXT.index(one) for one in ("sends7", "sends14", "days_since"))
            self.bandit = Bandit(
                self.layout, clients=self.n_clients, columns=raw.shape[1], seed=self.seed,
                reward=REWARDS[self.objective], pressure=(week, fortnight, since) if self.cadence else None,
            )  # fmt: skip
        self.bandit.grow(int(client.max()) + 1 if len(client) else 0)
        decided = self.bandit.decide(day, client, raw)
        self.days[int(day)] = _Day(decided.rows, np.arange(len(client)))
        self._forget(int(day))
        return decided.variant, decided.propensity

    def learn(self, day: Any, events: Any) -> None:
        """Take in what is known by the morning of `day`."""
        day = int(np.nan_to_num(float(day)))
        if self.bandit is None:
            return
        opens: list[tuple[Rows, np.ndarray, np.ndarray]] = []
        gains: list[tuple[Rows, np.ndarray]] = []
        ends: list[tuple[Rows, np.ndarray]] = []
        for event in (part for whole in events or () for part in _by_day(whole)):
            kind, found = event.get("kind", ""), self._matched(day, event)
            if found is None:
                continue
            of, row, mine = found
            rows = of.rows.at(row)
            opened = _of(event, "open", mine) > 0.5
            if kind in ("open", "engage"):
                new = ~of.opened[row]
                of.opened[row] = True
                harmed = _of(event, "unsub", mine) > 0.5
                if new.any():
                    opens.append((rows.at(new), opened[new].astype(float), harmed[new].astype(float)))
            if kind == "engage":
                name = "reward_open" if self.objective == "engagement" else "reward_value"
                gain = _of(event, name, mine)
                keep = opened & ~of.engaged[row]
                of.engaged[row] = True
                gains.append((rows.at(keep), gain[keep]))
            elif kind == "outcome":
                quality = _of(event, "quality", mine, missing=np.nan)
                good = np.isfinite(quality)
                ends.append((rows.at(good), np.clip(quality[good], -1.0, 1.0)))
        if opens:
            self.bandit.learn_open(_joined(opens), *(np.concatenate([one[n] for one in opens]) for n in (1, 2)))
        if gains:
            self.bandit.learn_gain(_joined(gains), np.concatenate([one[1] for one in gains]))
        if ends:
            self.bandit.learn_quality(_joined(ends), np.concatenate([one[1] for one in ends]))
        self.shrunk = day if self.shrunk is None else self.shrunk
        if day - self.shrunk >= 7 or day < self.shrunk:
            self.bandit.shrink()
            self.shrunk = day

    def largest(self) -> float:
        """The largest coefficient of any head: a figure that must stay small."""
        heads = (self.bandit.open, self.bandit.gain, self.bandit.harm, self.bandit.quality) if self.bandit else ()
        return max((float(np.abs(one.mean).max()) for one in heads), default=0.0)

    def _raw(self, obs: Any, n: int) -> np.ndarray:
        x = np.asarray(_get(obs, "X", np.zeros((n, 0))), np.float32)
        x = x.reshape(n, -1) if n else np.zeros((0, self.width), np.float32)
        if self.bandit is None:
            self.width = x.shape[1]
        if x.shape[1] != self.width:
            fitted = np.full((n, self.width), np.nan, np.float32)
            fitted[:, : min(self.width, x.shape[1])] = x[:, : self.width]
            x = fitted
        x = np.where(np.isfinite(x), np.clip(x, -1e9, 1e9), np.nan)
        segment = np.zeros((n, SEGMENTS), np.float32)
        told = _column(obs, "segment", n)
        known = np.isfinite(told) & (told >= 0)
        segment[known, told[known].astype(np.int64) % SEGMENTS] = 1.0
        context = np.stack([_column(obs, one, n) for one in CONTEXT], axis=1)
        opened, sent = _column(obs, "opened_before", n), context[:, 4].copy()
        context[:, 3:] = np.log1p(np.clip(context[:, 3:], 0, 1e6))
        rate = (np.nan_to_num(opened) + 2) / (np.nan_to_num(sent) + 10)
        missing = np.isnan(x).mean(axis=1) if x.shape[1] else np.zeros(n)
        return np.column_stack([x, missing, segment, context, rate]).astype(np.float32)

    def _numbered(self, client: np.ndarray) -> np.ndarray:
        """Client numbers from 0; whatever is no such number gets one of its own, above the others."""
        if client.dtype.kind in "iu" and (not len(client) or (client.min() >= 0 and client.max() < self.n_clients)):
            return client.astype(np.intp)
        out = np.empty(len(client), np.intp)
        for at, one in enumerate(client.tolist()):
            plain = isinstance(one, (int, float)) and one == one and one == int(one) and 0 <= one < self.n_clients
            out[at] = int(one) if plain else self.numbers.setdefault(str(one), self.n_clients + len(self.numbers))
        return out

    def _matched(self, day: int, event: dict[str, Any]) -> "tuple[_Day, np.ndarray, np.ndarray] | None":
        """The decided day an event of one day speaks of, its rows there, and which entries of the event these are."""
        client, action, row = self._numbered(_array(event, "client")), _array(event, "action"), _array(event, "row")
        if not len(client) or not len(action) == len(row) == len(client):
            return None
        told = [one for name in ("sent_day", "day") if (one := _day(event, name)) is not None]
        for one in dict.fromkeys([*told, day - 1, day - 7, day, day - 8, *sorted(self.days, reverse=True)]):
            of = self.days.get(one)
            if of is None or not len(of.number):
                continue
            at = np.minimum(np.searchsorted(of.number, row), len(of.number) - 1)
            fits = (of.number[at] == row) & (of.rows.client[at] == client) & (of.rows.variant[at] == action)
            if fits.mean() > 0.5 or (one in told and fits.any()):
                return of, at[fits].astype(np.intp), np.flatnonzero(fits)
        return None

    def _forget(self, day: int) -> None:
        for old in [one for one in self.days if one < day - KEEP_DAYS]:
            del self.days[old]
        for old in sorted(self.days):
            if sum(one.rows.raw.size for one in self.days.values()) <= MOST_KEPT:
                break
            self.days[old].halve()


class _Day:
    """What one day's decisions saw; number (m,) are the rows that are still held, ascending."""

    def __init__(self, rows: Rows, number: np.ndarray) -> None:
        sent = np.flatnonzero(rows.variant >= 0)
        self.rows, self.number = rows.at(sent), number[sent]
        self.opened, self.engaged = np.zeros(len(sent), bool), np.zeros(len(sent), bool)

    def halve(self) -> None:
        """Hold every second row."""
        at = np.arange(0, len(self.number), 2)
        self.rows, self.number = self.rows.at(at), self.number[at]
        self.opened, self.engaged = self.opened[at], self.engaged[at]


def _by_day(event: Any) -> list[dict[str, Any]]:
    """An event taken apart so that each part speaks of one day of sending."""
    names = ("kind", "client", "action", "open", "unsub", "reward_open", "reward_value", "quality", "row")
    whole = {name: found for name in (*names, "sent_day", "day") if (found := _get(event, name, None)) is not None}
    n = np.size(whole.get("client", ()))
    for name in ("sent_day", "day"):
        days = np.ravel(np.asarray(whole.get(name, ())))
        if len(days) == n > 1:
            whole[name] = days[0]
            if len(np.unique(days)) > 1:
                lists = {key: np.asarray(one) for key, one in whole.items() if key != name and np.size(one) == n}
                return [
                    {**whole, **{key: one[days == day] for key, one in lists.items()}, name: day}
                    for day in np.unique(days)
                ]
    return [whole]


def _day(event: dict[str, Any], name: str) -> int | None:
    try:
        return int(np.ravel(np.asarray(event[name], float))[0])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None


def _get(thing: Any, name: str, missing: Any) -> Any:
    found = thing.get(name, missing) if isinstance(thing, dict) else getattr(thing, name, missing)
    return missing if found is None else found


def _array(thing: Any, name: str) -> np.ndarray:
    return np.atleast_1d(np.asarray(_get(thing, name, ())))


def _column(obs: Any, name: str, n: int) -> np.ndarray:
    """A column of n numbers; a scalar is everybody's; NaN where it is missing or no number."""
    try:
        found = np.asarray(_get(obs, name, np.nan), float).ravel()
    except (TypeError, ValueError):
        return np.full(n, np.nan)
    if len(found) == 1:
        found = np.repeat(found, n)
    return np.where(np.isfinite(found), found, np.nan) if len(found) == n else np.full(n, np.nan)


def _of(event: Any, name: str, mine: np.ndarray, *, missing: float = 0.0) -> np.ndarray:
    found = np.atleast_1d(np.asarray(_get(event, name, missing), float))
    if len(found) == 1:
        found = np.repeat(found, int(mine.max()) + 1 if len(mine) else 0)
    found = found[mine]
    return np.where(np.isfinite(found), found, missing)


def _joined(parts: list[Any]) -> Rows:
    rows = [one[0] for one in parts]
    return Rows(
        *(np.concatenate([getattr(one, name) for one in rows]) for name in ("raw", "client", "variant", "repeat"))
    )
