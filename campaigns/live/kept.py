"""What a process keeps of a run between two requests: only what never changes once it is written."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from campaigns.assembly import TOLD
from campaigns.bulk import live as bulk
from campaigns.bulk import rules
from campaigns.choosing import learned, openings, registered, telling
from campaigns.choosing.openings import Known
from campaigns.live import told
from campaigns.models import BlockVersion, Run, Slot, Variant
from campaigns.serving import ASKERS, READERS, filling, named
from campaigns.wellbeing import calm
from campaigns.wording import Wording, parse
from compliance import promotions, routing
from compliance.bulk import callers
from compliance.copyrules import book
from personalize import features, profiles
from personalize.decide import snapshottext
from personalize.decide.snapshot import Policy

MOST_TEXTS = 4_096
TENURE = 7  # where a row of `bulk.circumstances` has the days of tenure, of which only the band is known


@dataclass(frozen=True, slots=True)
class Text:
    """One variant ready to be filled: words in reading order by slot, and the blocks as the answer names them."""

    variant: int
    words: tuple[tuple[str, Wording, str], ...]  # slot, words, address of the button
    blocks: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way in which a run decides: its plan, and the learned policy bound to it, None under a model or rules."""

    plan: dict[str, Any]
    under: learned.Bound | None

    @classmethod
    def of(cls, plan: dict[str, Any]) -> "Way":
        """By this plan. Raises PlanMismatch."""
        found = registered.model(plan)
        return cls(plan, learned.bound(plan, found) if isinstance(found, Policy) else None)


@dataclass
class Kept:
    """One run: its plan, the statement that reads what its decisions depend on, and the texts already used.

    version  of the registry by which it was said who may ask: whatever marks a value as sensitive makes another
    limits  what is not written into the statement and goes with every reading besides the client
    reads_profile  whether a candidate's rule reads features, as the kept profile has them
    """

    run: int
    seed: int
    version: int
    campaign: int
    plan: dict[str, Any]
    sql: str
    limits: dict[str, Any]
    reads_profile: bool
    texts: dict[tuple[datetime | None, tuple[int, ...]], Text] = field(default_factory=dict)
    codes: dict[tuple[Any, ...], tuple[list[np.ndarray], Known]] = field(default_factory=dict)

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """How it decides, and then how its canary does, if it has one. Raises PlanMismatch."""
        plans = (self.plan, registered.under_canary(self.plan)) if self.plan.get("canary") else (self.plan,)
        return tuple(Way.of(one) for one in plans)

    def way(self, client: int, *, canary_stands: bool) -> Way:
        """How it decides for this client, as `registered.split` says."""
        if canary_stands and registered.is_canarys(self.plan, np.array([client], np.int64))[0]:
            return self.ways[1]
        return self.ways[0]

    @cached_property
    def slots(self) -> list[list[dict[str, Any]]]:
        """The candidates of each slot."""
        return [slot["candidates"] for slot in self.plan["slots"]]

    @cached_property
    def ends(self) -> list[datetime | None]:
        """When each candidate's validity ends."""
        said = [one["valid_until"] for slot in self.slots for one in slot]
        return [datetime.fromisoformat(one) if one else None for one in said]

    def closed(
        self, circumstances: tuple[Any, ...], unapproved: list[int], named: list[bool], *, now: calm.Closes,
        at: datetime,
    ) -> tuple[list[np.ndarray], Known]:  # fmt: skip
        """`openings.closed`, a copy, and what is known of one client from what was read; kept for whoever is like them.

        circumstances  a row of `bulk.circumstances` · unapproved  positions among all candidates · named  one each
        now  what calm closes
        """
        ended = tuple(number for number, end in enumerate(self.ends) if end is not None and end <= at)
        band = bisect_right(openings.TENURE_BANDS, circumstances[TENURE])
        key = (circumstances[1:TENURE], band, circumstances[TENURE + 1 :], tuple(unapproved), tuple(named), now, ended)
        found = self.codes.get(key)  # in hand, because another thread may clear what is kept at any moment
        if found is None:
            if len(self.codes) >= MOST_TEXTS:
                self.codes.clear()
            good, sizes = np.ones(len(named), bool), np.cumsum([len(slot) for slot in self.slots])[:-1]
            good[unapproved] = False
            known = Known.told([circumstances])
            codes = openings.close(
                self.plan, known, approved=np.split(good, sizes), at=at,
                named=np.split(np.array([named], bool), sizes, axis=1), closed_now=now,
            )  # fmt: skip
            found = self.codes[key] = (codes, known)
        return [one.copy() for one in found[0]], found[1]

    def text(self, choice: Sequence[int], *, ruled_at: datetime | None, at: datetime) -> Text | None:
        """The text that these candidates make; None where nobody made it yet, or judged it by the rules in force.

        ruled_at  when a copy rule last took effect: what was kept under the rules of before is not looked at again
        """
        key = (ruled_at, tuple(choice))
        found = self.texts.get(key)
        if found is None and (found := self._made(key[1], at=at)) is not None:
            if len(self.texts) >= MOST_TEXTS:
                self.texts.clear()
            self.texts[key] = found
        return found

    def _made(self, choice: tuple[int, ...], *, at: datetime) -> Text | None:
        versions = [slot[index]["version"] for slot, index in zip(self.slots, choice, strict=True)]
        # The layout is part of a text: the newest one is how it is composed now.
        variant = Variant.objects.filter(
            campaign_id=self.campaign, versions=versions, layout=self.plan["layout"],
            ruleset=routing.ruleset(book.in_force(at)),
        ).order_by("-pk").first()  # fmt: skip
        if variant is None:
            return None
        found = BlockVersion.objects.select_related("block").in_bulk(versions)
        words, blocks = [], []
        for version in (found[one] for one in versions):
            slot = version.block.slot
            words.append((slot, parse(version.body), version.url if slot == Slot.CALL_TO_ACTION else ""))
            blocks.append(named(version))
        return Text(variant.pk, tuple(words), blocks)


@lru_cache(maxsize=64)
def of(run_id: int, seed: int, version: int) -> Kept:
    """The run of this number; the seed tells a database from another one that counted the same.

    Where what is chosen may tell what is for officers alone, it lets nobody ask but who may have the words: any other
    caller is left to the long way, which keeps them back.
    """
    run = Run.objects.get(pk=run_id, seed=seed)
    slots = [slot["candidates"] for slot in run.plan["slots"]]
    needs = list(READERS if telling.tells(run.plan) else ASKERS)
    compiled = [_compiled(one["rule"], number) for number, one in enumerate(one for slot in slots for one in slot)]
    limits: dict[str, Any] = {
        "digests": [one["digest"] for slot in slots for one in slot],
        "keys": sorted({*TOLD, *told.ASKED}),
        "needs": needs,
        "permits": callers.permits(needs),
        "stale": profiles.STALE_AFTER,
        "overlap": profiles.OVERLAP,
        "artefact": run.plan["artefact"],
        "canary": run.plan["canary"]["artefact"] if run.plan.get("canary") else None,
        "method": snapshottext.METHOD,
        "purpose": run.plan["purpose"],
        "restricted": promotions.restricted(openings.topics(run.plan)),
    }
    for _, values in compiled:
        limits |= values
    reads_profile = any("personalize_profile" in where for where, _ in compiled)
    named = [where for where, _ in compiled]
    made = Kept(run.pk, run.seed, version, run.campaign_id, run.plan, "", {}, reads_profile)
    is_learned = any(one.under for one in made.ways)
    made.sql, made.limits = bulk.statement(named, limits, is_learned=is_learned)
    return made


def _compiled(rule: Any, number: int) -> tuple[str, dict[str, Any]]:
    """A rule's condition with parameters of its own name, so that many stand in one statement."""
    if rule == {}:
        return "true", {}
    made = rules.compile(rule, at=None)  # type: ignore[arg-type]  # `at` is given with every reading
    values = {name: value for name, value in made.values.items() if name != "at"}
    where = made.where
    for name in values:
        where = where.replace(f"%({name})s", f"%(c{number}_{name})s")
    return where, {f"c{number}_{name}": value for name, value in values.items()}


class Place:
    """Which run filled a placement when this process last looked; every statement says which one does now."""

    __slots__ = ("kept", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: Kept | None = None

    def look(self) -> Kept | None:
        """Look which run fills it; None where nothing does."""
        campaign = filling(self.name)
        run = campaign.runs.order_by("-number").values_list("pk", "seed").first() if campaign else None
        self.kept = of(*run, features.version()) if run else None
        return self.kept


@lru_cache(maxsize=256)
def place(placement: str) -> Place:
    """What this process last saw there."""
    return Place(placement)
