"""Findings, and the weeks behind them, in sentences."""

from collections import Counter
from typing import Any

from campaigns.fairness.slices import Table
from compliance.templatetags.shown import share
from personalize.learn.fairness import Kind

FOLLOWS = {
    "fail": "That is beyond the limit, and chance does not explain it.",
    "warn": "That is within the limit, and close enough to look at.",
    "pass": "That is within the limit.",
}


def finding(one: dict[str, Any]) -> str:
    """How far two groups are apart, how sure that is, and what follows from it."""
    pair = f"{one['group']} beside {one['versus']}"
    if one["verdict"] == "not_enough":
        n, needed = f"{one['n']:,}", f"{one['needed']:,}"
        return f"{pair}: {n} clients of the smaller side, of {needed} needed. That says nothing, and is not a pass."
    form = share if one["kind"] == Kind.GAP else _amount
    unit = {Kind.GAP: "apart", Kind.LEVEL: "standard deviations apart"}.get(one["kind"], "times as much")
    ends = (one["low"], one["high"])
    sure = "" if None in ends else f", between {form(ends[0])} and {form(ends[1])}"
    return f"{pair}: {form(one['value'])} {unit}{sure}. {FOLLOWS[one['verdict']]}"


def weeks(table: Table, *, is_good: bool, is_share: bool) -> list[str]:
    """Who had the worst of it how often, and where the gap is widest.

    is_good: more of it is better
    """
    gaps: list[tuple[float, str, tuple[float, str], tuple[float, str]]] = []
    for place, column in enumerate(table.columns):
        told = [(one.value, group) for group, cells in table.rows.items() if (one := cells[place]).value is not None]
        if len(told) > 1:
            gaps.append((max(told)[0] - min(told)[0], f"{column[0].lower()}{column[1:]}", min(told), max(told)))
    if not gaps:
        return ["No week has enough clients of two groups to compare them. That is not a pass."]
    widest, column, least, most = max(gaps, key=lambda one: one[0])
    if not widest:
        return ["Every group had the same in every week that can be compared."]
    worst = Counter((low if is_good else high)[1] for gap, _, low, high in gaps if gap)
    of = f"{len(gaps)} week{'s' if len(gaps) > 1 else ''}"
    said = [f"{group} had the worst of it in {count} of {of}." for group, count in worst.most_common()]
    form = share if is_share else _amount
    return [
        *said,
        f"The gap is widest in the {column}: {form(least[0])} for {least[1]}, {form(most[0])} for {most[1]}.",
    ]


def _amount(value: float) -> str:
    return f"{value:,.2f}".replace("-", "−")
