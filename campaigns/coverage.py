"""What of a campaign's reachable space has been approved side by side, and putting the rest before the editors."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction

from campaigns import audiences, choosing, layout, variants, wording
from campaigns.combinations import array, pairs, rules, space
from campaigns.drafts import canonical
from campaigns.models import BlockVersion, Campaign, CoveredPair
from compliance import review, routing
from compliance.copyrules import book
from compliance.models import ReviewItem, ReviewKind, ReviewState, Staff
from compliance.words import lint

POOL = 400  # members of the audience decided for, to see what will be sent most
OFTEN = 5  # of the messages that will be sent most, shown besides the covering rows
LONGEST_NAME = "Wolfeschlegelsteinhausenbergerdorff-Ó Súil"[:40]
# Values that break texts: the longest, nothing at all, another script, a field that nobody filled in.
WORST: tuple[tuple[str, dict[str, str]], ...] = (
    ("the longest values", {"first_name": LONGEST_NAME, "monthly_saving": "999999.99", "retirement_age": "100"}),
    ("nothing saved", {"monthly_saving": "0", "horizon_years": "0", "retirement_age": "18"}),
    ("another script", {"first_name": "ဇော်မင်း", "adviser_name": "Αλεξάνδρα Παπαδοπούλου"}),
    ("fields that nobody filled in", {}),
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two candidates that can stand in one message. covered: "" nobody read them together, "policy", or a digest."""

    first: dict[str, Any]
    second: dict[str, Any]
    pair: str
    covered: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where a plan's reachable space stands.

    size  messages the slots could make · kept_apart  pairs that cannot meet
    """

    size: int
    kept_apart: int
    meetings: tuple[Meeting, ...]

    @property
    def reachable(self) -> int:
        """How many pairs can stand in one message."""
        return len(self.meetings)

    @property
    def unread(self) -> list[Meeting]:
        """The pairs that nobody approved side by side."""
        return [one for one in self.meetings if not one.covered]

    @property
    def by_policy(self) -> int:
        """How many the policy for plain words covers."""
        return sum(one.covered == "policy" for one in self.meetings)

    @property
    def by_people(self) -> int:
        """How many people approved side by side."""
        return self.reachable - self.by_policy - len(self.unread)


def of(plan: dict[str, Any], *, at: datetime) -> Coverage:
    """Every pair of candidates that the plan can bring together, and what covers it at `at`."""
    found = space.of(plan)
    slots = [slot["candidates"] for slot in plan["slots"]]
    met = [
        (slots[i][a], slots[j][b], pairs.digest(slots[i][a]["digest"], slots[j][b]["digest"], purpose=plan["purpose"]))
        for (i, j), open_ in found.allowed.items()
        for a, b in np.argwhere(open_)
    ]
    plain = pairs.plain({one["digest"] for slot in slots for one in slot}, at=at)
    read = pairs.read([pair for _, _, pair in met], at=at)
    meetings = []
    for one, other, pair in met:
        policy = "policy" if one["digest"] in plain and other["digest"] in plain else ""
        meetings.append(Meeting(one, other, pair, read.get(pair, policy)))
    return Coverage(found.size, found.kept_apart, tuple(meetings))


def faults(plan: dict[str, Any], *, at: datetime) -> list[tuple[str, str]]:
    """What keeps the plan from being launched: (code, sentence). Fails closed: what nobody read is not covered."""
    out = []
    if code := rules.broken(plan, _fallbacks(plan)):
        why = f"The fallbacks break the combination rule “{code}”: someone may get them and nothing else."
        out.append(("fallbacks_kept_apart", why))
    found = of(plan, at=at)
    if unread := found.unread:
        named = [f"“{one.first['block']}” with “{one.second['block']}”" for one in unread[:3]]
        more = f" and {len(unread) - 3:,} more" if len(unread) > 3 else ""
        why = (
            f"{len(unread):,} of {found.reachable:,} reachable pairs of blocks have not been approved side by side: "
            f"{', '.join(named)}{more}."
        )
        out.append(("unread_pairs", why))
    return out


def _fallbacks(plan: dict[str, Any]) -> list[int]:
    places = [[one["is_fallback"] for one in slot["candidates"]] for slot in plan["slots"]]
    return [one.index(True) if True in one else -1 for one in places]


@transaction.atomic
def ask(campaign: Campaign, plan: dict[str, Any], *, by: Staff, at: datetime) -> ReviewItem | None:
    """Put the pairs that nobody approved side by side before the editors, in as few messages as show them all.

    None when nothing is left to ask. A set of this campaign that still waits and is not this one is taken back.
    """
    found = space.of(plan)
    rows = covering_rows(plan, found, at=at)
    if not rows:
        return None
    shown = [*rows, *_often(campaign, plan, rows, at=at)]
    rulebook, versions = book.in_force(at), _versions(plan)
    made = [_Proof.of(plan, row, number, versions=versions, rulebook=rulebook) for number, row in enumerate(shown, 1)]
    met = _pairs_of(plan, rows)
    rule_digests = [one["digest"] for one in plan.get("rules", [])]
    digest = hashlib.sha256(canonical([[one.digests for one in made], [one.text for one in made], met, rule_digests]))
    about = f"/console/campaigns/{campaign.slug}/"
    before = ReviewItem.objects.filter(kind=ReviewKind.PAIR_SET, snapshot__about=about).exclude(
        digest=digest.hexdigest()
    )
    for one in before.filter(state__in=(ReviewState.WAITING, ReviewState.CLAIMED)):
        review.withdraw(one.pk, by=by, reason="The campaign changed; a newer set takes its place.", at=at)
    item = review.submit(
        digest=digest.hexdigest(),
        kind=ReviewKind.PAIR_SET,
        title=f"{campaign.name}: {len(rows)} messages that show every new combination",
        snapshot={
            "title": campaign.name,
            "about": about,
            "campaign": campaign.slug,
            "scope": {"pairs": len(met), "rows": len(rows)},
            "says": f"{found.size:,} messages are possible. These {len(rows)} show each of the {len(met):,} pairs of "
            f"blocks that nobody has approved side by side, at least once; {len(shown) - len(rows)} more are those "
            f"that would be sent most. {found.kept_apart:,} pairs can never meet and are not asked.",
            "parts": {one.name: one.text for one in made},
            "notes": {one.name: one.note for one in made},
        },
        topics=sorted({topic for one in made for topic in one.topics}),
        findings=[found for one in made for found in one.findings],
        authors=_authors(campaign, plan),
        reason=f"{len(met):,} pairs of blocks have not been approved side by side.",
        approvals_needed=1,
        products=sorted(
            {product for slot in plan["slots"] for one in slot["candidates"] for product in one["product"]}
        ),
        reach=audiences.count(
            campaign.audience, purpose=campaign.purpose, channel=campaign.channel, cap=campaign.max_per_week, at=at
        ).eligible,
        by=by,
        at=at,
    )
    CoveredPair.objects.bulk_create([CoveredPair(pair=one, review=item.digest) for one in met], ignore_conflicts=True)
    return item


def covering_rows(plan: dict[str, Any], found: space.Space, *, at: datetime) -> list[array.Row]:
    """The fewest messages we find that show every pair which nobody approved side by side."""
    unread = {one.pair for one in of(plan, at=at).unread}
    slots = [slot["candidates"] for slot in plan["slots"]]
    wanted = {pair: np.zeros_like(one) for pair, one in found.allowed.items()}
    for (i, j), one in wanted.items():
        for a, b in np.argwhere(found.allowed[i, j]):
            named = pairs.digest(slots[i][a]["digest"], slots[j][b]["digest"], purpose=plan["purpose"])
            one[a, b] = named in unread
    whole = all((wanted[pair] == 1).all() for pair in wanted) and found.table.is_empty
    if whole:
        return array.build(found.levels)[0]
    rows, _ = array.build(found.levels, wanted=wanted, allowed=found.allowed, possible=found.possible)
    return rows


def _pairs_of(plan: dict[str, Any], rows: Sequence[array.Row]) -> list[str]:
    """Every pair that stands in the rows; sorted, once each."""
    slots = [slot["candidates"] for slot in plan["slots"]]
    digests = [[slots[place][level]["digest"] for place, level in enumerate(row)] for row in rows]
    return sorted({pair for one in digests for pair in pairs.of(one, purpose=plan["purpose"])})


def _often(campaign: Campaign, plan: dict[str, Any], rows: Sequence[array.Row], *, at: datetime) -> list[array.Row]:
    """The messages that would be sent most today, by deciding for part of the audience; those not among the rows."""
    ids = audiences.sample(campaign.audience, salt="coverage", limit=POOL, at=at)
    if not len(ids):
        return []
    everybody = {**plan, "share_control": 0.0, "share_holdout": 0.0}
    choice = choosing.decide(everybody, ids, seed=0, at=at).choice
    distinct, times = np.unique(choice[(choice >= 0).all(axis=1)], axis=0, return_counts=True)
    order = np.argsort(-times, kind="stable")
    most = [tuple(int(level) for level in distinct[one]) for one in order]
    return [row for row in most if row not in set(rows)][:OFTEN]


def _versions(plan: dict[str, Any]) -> dict[int, BlockVersion]:
    wanted = [one["version"] for slot in plan["slots"] for one in slot["candidates"]]
    return BlockVersion.objects.select_related("block").in_bulk(wanted)


def _authors(campaign: Campaign, plan: dict[str, Any]) -> list[int]:
    return sorted({one.author_id for one in _versions(plan).values()} | {campaign.owner_id})


@dataclass(frozen=True, slots=True)
class _Proof:
    """One message as an editor reads it, with values that break texts."""

    name: str
    text: str
    note: str
    digests: list[str]
    topics: list[str]
    findings: list[dict[str, Any]]

    @classmethod
    def of(
        cls,
        plan: dict[str, Any],
        row: Sequence[int],
        number: int,
        *,
        versions: dict[int, BlockVersion],
        rulebook: lint.Book,
    ) -> "_Proof":
        """The message of this row; findings count characters of its text."""
        chosen = [slot["candidates"][level] for slot, level in zip(plan["slots"], row, strict=True)]
        blocks = [versions[one["version"]] for one in chosen]
        made = layout.compose(layout.pieces(blocks), purpose=plan["purpose"])
        called, values = WORST[number % len(WORST)]
        text = f"{filled(made.subject, values)}\n\n{filled(made.text, values)}"
        judged = routing.route(
            text, style="full_email", market=settings.FIRM["jurisdiction"], purpose=plan["purpose"], book=rulebook
        )
        name = f"Message {number}"
        found = [{**one, "part": name} for one in judged.findings]
        topics = variants.blocks.sensitive([*judged.topics, *(topic for one in blocks for topic in one.topics)])
        note = f"{', '.join(one.block.name for one in blocks)}. Shown with {called}."
        return cls(name, text, note, [one.digest for one in blocks], topics, found)


def filled(source: str, values: dict[str, str]) -> str:
    """The source with these values, its own fallback where there is none, and a typical value where it has none."""
    shown = []
    for one in wording.parse(source, system=True).pieces:
        if isinstance(one, str):
            shown.append(one)
            continue
        value = values.get(one.field.name, "")[: one.field.max_length]
        shown.append(value or one.fallback or one.field.sample)
    return "".join(shown)
