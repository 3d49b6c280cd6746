"""How much agreement a thing under review needs, how long an approval of it lasts, and what the approval covers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from compliance.models import ReviewKind, Topic

YEAR, QUARTER, WEEK = timedelta(days=365), timedelta(days=91), timedelta(days=7)
# Figures age faster: performance and CFD loss percentages; a rate marked volatile lasts a week (spec 3.6).
SHORT_TOPICS = frozenset({"performance_figures", "leverage_cfd"})
SHORT_FAMILIES = frozenset({"past_performance", "projection"})
# What a regulated product is called among a block's topics: who approves such words must be competent for it.
PRODUCTS = frozenset({
    "annuity", "bond_fund", "cash_isa", "crypto", "drawdown", "equity_release", "fund", "high_risk_investment",
    "investment", "isa", "leverage_cfd", "mortgage", "non_mass_market", "pension", "shares", "structured_product",
})  # fmt: skip
# 3: could hurt someone in a hard moment · 2: a product that can cost people what they have · 1: any other topic.
HARM = {
    **dict.fromkeys(
        ("bereavement", "health", "job_loss", "relationship_breakdown", "vulnerability", "protected_characteristic",
         "debt", "housing_distress"), 3),
    **dict.fromkeys(
        ("crypto", "leverage_cfd", "high_risk_investment", "non_mass_market", "equity_release", "pension_access",
         "high_cost_credit", "credit_refusal"), 2),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """The least that a kind of thing needs: people, how many of them officers, and what a yes covers."""

    approvals: int
    officers: int
    scope: str


KINDS: dict[str, Kind] = {
    ReviewKind.BLOCK: Kind(1, 0, "block"),
    ReviewKind.VARIANT: Kind(1, 0, "exact_variant"),
    ReviewKind.PAIR_SET: Kind(1, 0, "pair_set"),
    ReviewKind.SAMPLE: Kind(1, 0, "sample"),
    ReviewKind.COMBINATION_RULE: Kind(2, 1, "whole"),
    ReviewKind.TEMPLATE: Kind(1, 0, "whole"),
    ReviewKind.CAMPAIGN: Kind(1, 0, "whole"),
    ReviewKind.JOURNEY: Kind(1, 0, "whole"),
    ReviewKind.MODEL: Kind(2, 1, "whole"),
    ReviewKind.COPY_RULE: Kind(1, 0, "whole"),  # besides its author, who is a compliance officer, by trigger
    ReviewKind.POLICY: Kind(2, 1, "whole"),
    ReviewKind.FIGURE: Kind(1, 0, "whole"),
    ReviewKind.RECORD: Kind(2, 1, "whole"),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """How many must agree, how many of them compliance officers, and how much harm is at stake (0 to 3)."""

    approvals: int
    officers: int
    harm: int


def of(kind: str, topics: Sequence[str], findings: Sequence[dict[str, Any]], *, asked: int) -> Needs:
    """What these words need: the most that their kind, any of their topics or any broken rule asks for.

    A topic without a policy fails closed: two people, one of them an officer, and as much harm as a known product.
    """
    least = KINDS[kind]
    known = {one.code: one for one in Topic.objects.filter(code__in=list(topics))}
    needed = max([asked, least.approvals, *(one.approvals for one in known.values())])
    officers = max([least.officers, *(one.officers for one in known.values())])
    harm = max([0, *(HARM.get(one, 1 if one in known else 2) for one in topics)])
    if len(known) < len(set(topics)):
        needed, officers = max(needed, 2), max(officers, 1)
    if any(one.get("severity") == "BLOCK" for one in findings):  # only a compliance officer may override such a rule
        officers, harm = max(officers, 1), max(harm, 2)
    return Needs(needed, min(officers, needed), harm)


def lasts(topics: Iterable[str], findings: Sequence[dict[str, Any]], *, volatile: bool) -> timedelta:
    """How long an approval of such words may stand."""
    if volatile:
        return WEEK
    families = {one.get("family") for one in findings}
    return QUARTER if SHORT_TOPICS & set(topics) or SHORT_FAMILIES & families else YEAR


def scope(kind: str, snapshot: dict[str, Any]) -> dict[str, Any]:
    """What a yes to this covers, as it is kept with the approval; the submitter states pairs, rows, n, seed, frame."""
    return {"kind": KINDS[kind].scope, **snapshot.get("scope", {})}
