"""The search for a less discriminatory alternative: other models of the same rows, how each ranks and treats groups.

Heavy: only fitting imports it. Groups are counted behind their wall; no model reads them. Compliance specification 6.4.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from compliance import groups
from personalize import profiles
from personalize.decide.score import Model
from personalize.learn import calibration, fairness, propensity, within
from personalize.learn.fairness import LIMITS, Cell, Kind, Verdict
from personalize.learn.propensity import Trained
from personalize.learn.rows import Rows, folds
from personalize.models import Feature, Profile

PREFERRED = 0.2  # of the clients, those whom a model ranks highest: who would be offered more
MOST_FEATURES, MOST_ROWS, TRIED_ON = 6, 20_000, 20_000
SHRUNK = (4.0, 16.0)  # times the penalty that held-out log-loss chose
CLEARLY = 0.02  # of the ratio, by which another model must be fairer before accuracy is given for it
FLIP_WARN, FLIP_FAIL = 0.01, 0.03  # of decisions that change with a proxy alone; compliance specification, 6.2


@dataclass(frozen=True, slots=True)
class Way:
    """One way to fit: what is not read, by which method ("" for the usual), with which penalty (None: tuned)."""

    name: str
    without: tuple[str, ...] = ()
    method: str = ""
    penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """A way that was tried. auc on rows it had not seen.

    ratio  of the shares preferred of the worst treated group and another, in [0, 1] · apart  the largest difference of
    mean scores in standard deviations · attribute, group  whom the ratio concerns · verdict  what chance allows to say
    on_frontier  no other is both more accurate and fairer
    """

    way: Way
    auc: float
    ratio: float
    apart: float
    attribute: str
    group: str
    verdict: str
    on_frontier: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What was tried, which one was taken, and why. least_auc  the band declared beforehand: no less accurate."""

    tried: tuple[Tried, ...]
    taken: Way
    why: str
    least_auc: float | None
    seed: int

    def facts(self) -> dict[str, Any]:
        """As a card keeps it."""
        return {
            "searched": bool(self.tried), "why": self.why, "taken": self.taken.name, "least_auc": self.least_auc,
            "seed": self.seed, "clients_preferred": PREFERRED,
            "tried": [{**asdict(one), "way": one.way.name, "without": list(one.way.without),
                       "is_taken": one.way == self.taken} for one in self.tried],
        }  # fmt: skip


USUAL = Way("this model")


def people(*, seed: int, at: datetime) -> tuple[np.ndarray, np.ndarray]:
    """Clients whom a model may be tried on, all who have a profile or 20,000 of them: ids (m,) and features (m, F)."""
    ids = np.fromiter(Profile.objects.order_by("client_id").values_list("client_id", flat=True), np.int64)
    if len(ids) > TRIED_ON:
        ids = np.sort(np.random.default_rng(seed).choice(ids, TRIED_ON, replace=False))
    return ids, profiles.table(ids, at=at).x


def search(
    rows: Rows, trained: Trained, registry: Sequence[Feature], *, clients: np.ndarray, x: np.ndarray, seed: int
) -> Search:
    """Try other ways to fit these rows; the fairest within the 95 % interval of the usual one's ranking is taken.

    clients (m,) ids and x (m, F) of people that models would decide for; their groups are on file or not.
    The usual way stays where no group is on file, where it treats groups alike, or where nothing is clearly fairer.
    """
    if not groups.tally(clients, np.zeros(len(clients))):
        return Search((), USUAL, "No client's group is on file, so no two models can be told apart by it.", None, seed)
    some = rows
    if len(rows.y) > MOST_ROWS:
        some = rows.some(np.random.default_rng(seed).permutation(len(rows.y))[:MOST_ROWS])
    held = np.zeros(len(some.y), bool)
    held[folds(some.y, seed)[0]] = True
    found, y = [], some.y[held]
    least: float | None = None
    for way in _ways(rows, trained, registry):
        model = _fitted(without(some, way.without).some(~held), trained, way, seed)
        p = model.probability(some.x[held])
        auc = calibration.auc(y, p)
        if auc is None:
            return Search((), USUAL, "Too few successes to compare models by.", None, seed)
        if way == USUAL:
            least = (calibration.auc_interval(y, p) or (auc, auc))[0]
        found.append(weighed(way, auc, clients, model.probability(x)))
    return chosen(tuple(on_frontier(found)), least or 0.0, seed)


def without(rows: Rows, codes: Sequence[str]) -> Rows:
    """The rows with some features not read."""
    kept = [number for number, one in enumerate(rows.columns) if one.code not in codes]
    return replace(
        rows, columns=tuple(rows.columns[one] for one in kept), positions=tuple(rows.positions[one] for one in kept)
    )


def flips(model: Model, registry: Sequence[Feature], x: np.ndarray, *, seed: int) -> list[dict[str, Any]]:
    """For each proxy that the model reads: the share of clients preferred or not that changes with it alone.

    Its known values are dealt out anew among the clients who have one. Compliance specification 6.2.
    """
    found, before = [], _preferred(model.probability(x))
    proxies = {one.code: one for one in registry if one.proxy_risk != Feature.ProxyRisk.LOW}
    for one in model.inputs:
        if one.column.code not in proxies or one.position >= x.shape[1]:
            continue
        known = np.flatnonzero(~np.isnan(x[:, one.position]))
        other = x.copy()
        other[known, one.position] = x[np.random.default_rng(seed).permutation(known), one.position]
        share = float((_preferred(model.probability(other)) != before).mean()) if len(x) else 0.0
        verdict = Verdict.FAIL if share > FLIP_FAIL else Verdict.WARN if share > FLIP_WARN else Verdict.PASS
        found.append({"feature": one.column.code, "stands_in_for": proxies[one.column.code].proxy_of, "share": share,
                      "clients": len(x), "verdict": str(verdict)})  # fmt: skip
    return found


def honest(clients: np.ndarray, y: np.ndarray, p: np.ndarray) -> list[dict[str, Any]]:
    """Whether what was said came true in every group that is on file. Compliance specification 6.2.

    clients (n,) whose rows they are · y (n,) what came · p (n,) what models said that had not seen the row
    """
    if not len(clients):
        return []
    tenths = within.tenths(p)
    came, said = _cells(clients, y, tenths), _cells(clients, p, tenths)
    return [one.facts() for name in sorted(came) for one in within.judged(name, came[name], said[name])]


def _ways(rows: Rows, trained: Trained, registry: Sequence[Feature]) -> Iterator[Way]:
    yield USUAL
    read = [one.column.code for one in trained.model.inputs]
    risky = [one.code for one in registry if one.code in read and one.proxy_risk != Feature.ProxyRisk.LOW]
    weighty = [code for name, _ in propensity.importance(trained.model, rows.x) for code in name.split(" & ")]
    if len(risky) > 1 and len(risky) < len(read):
        yield Way("without every proxy", tuple(risky))
    for code in list(dict.fromkeys([*risky, *weighty]))[:MOST_FEATURES]:
        if len(read) > 1:
            yield Way(f"without {code}", (code,))
    if trained.model.method == "linear":
        for times in SHRUNK:
            yield Way(f"shrunk {times:g} times as much", penalty=times * max(trained.penalty, 1.0))
    else:
        yield Way("logistic regression", method="linear", penalty=10.0)


def _fitted(rows: Rows, trained: Trained, way: Way, seed: int) -> Model:
    penalty = trained.penalty if way.penalty is None else way.penalty
    return propensity.main(rows, way.method or trained.model.method, penalty, trained.settings, seed)


def weighed(way: Way, auc: float, clients: np.ndarray, p: np.ndarray) -> Tried:
    """How far groups are apart by the preferred and by the score."""
    ratio, attribute, group, verdict, apart = 1.0, "", "", str(Verdict.NOT_ENOUGH), 0.0
    for name, cells in _cells(clients, _preferred(p).astype(np.float64)).items():
        for one in fairness.compare(Kind.GOOD, cells):
            value = 0.0 if not one.value else min(one.value, 1 / one.value)
            if one.value is not None and (value < ratio or not attribute):
                ratio, attribute, group, verdict = value, name, one.worse_off or one.group, str(one.verdict)
    for cells in _cells(clients, p).values():
        for one in fairness.compare(Kind.LEVEL, cells):
            apart = max(apart, abs(one.value or 0.0))
    return Tried(way, auc, ratio, apart, attribute, group, verdict)


def _cells(clients: np.ndarray, amounts: np.ndarray, strata: np.ndarray | None = None) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = defaultdict(list)
    for one in groups.tally(clients, amounts, strata=strata):
        found[one.attribute].append(Cell(one.group, one.probability, one.stratum, one.n, one.total, one.squares))
    return found


def _preferred(p: np.ndarray) -> np.ndarray:
    """The fifth with the highest scores: (n,) bool; the earlier row where scores are equal."""
    chosen = np.zeros(len(p), bool)
    chosen[np.argsort(-p, kind="stable")[: round(PREFERRED * len(p))]] = True
    return chosen


def on_frontier(tried: Sequence[Tried]) -> Iterator[Tried]:
    """Each, and whether no other is both more accurate and fairer."""
    for one in tried:
        beaten = any(
            other.auc >= one.auc and other.ratio >= one.ratio and (other.auc, other.ratio) != (one.auc, one.ratio)
            for other in tried
        )
        yield replace(one, on_frontier=not beaten)


def chosen(tried: tuple[Tried, ...], least: float, seed: int) -> Search:
    """The fairest of those that rank at least so well, if it is clearly fairer than the usual one."""
    usual = next(one for one in tried if one.way == USUAL)
    if usual.ratio >= LIMITS[Kind.GOOD][0]:
        return Search(tried, USUAL, "It treats groups alike enough that no accuracy need be given.", least, seed)
    if usual.verdict == Verdict.NOT_ENOUGH:
        return Search(tried, USUAL, "Too few groups are known to say that another is fairer.", least, seed)
    best = max((one for one in tried if one.auc >= least), key=lambda one: (one.ratio, one.auc))
    if best.way == USUAL or best.ratio < usual.ratio + CLEARLY:
        return Search(tried, USUAL, "No other model within the band is clearly fairer.", least, seed)
    why = f"Fairer ({best.ratio:.2f} against {usual.ratio:.2f}) and as accurate as chance can tell."
    return Search(tried, best.way, why, least, seed)
