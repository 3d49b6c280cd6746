"""Performance as a typed part of a block: its figures, periods, method and warning are whole, or nothing is kept.

US-13: 17 CFR 275.206(4)-1(d)(1), (2), (6). UK-06: COBS 4.6.2R to 4.6.7R, 4.5A.10R to 4.5A.14R.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from campaigns.models import Audience, PerformanceKind, Slot
from compliance import routing
from compliance.judging import evidence
from compliance.models import Jurisdiction
from compliance.rights.retention import later

TOPIC = "performance_figures"
TEXTS = ("kind", "currency", "source", "method", "ended_on", "since", "warning")
PERIOD = ("start", "end", "gross", "net")
MOST = 10  # periods
SHARE = re.compile(r"-?\d{1,4}(\.\d{1,2})?")  # percent
WARNS = ("past performance", "guide to future", "guide to the future")
FRESH = timedelta(days=366)
UNTYPED = {
    "rule": "F03",
    "family": "past_performance",
    "severity": "BLOCK",
    "citation": "206(4)-1(d)(1)-(2); COBS 4.6.2R, 4.5A.10R",
    "why": "It speaks of performance and has no typed figures: gross, net, periods, source, method and warning.",
    "suggestion": "Fill in “Performance it shows”, or take the figure out.",
}


class Words(Protocol):
    """What is asked of a draft or a version."""

    @property
    def body(self) -> str:
        """As the author wrote it."""

    @property
    def topics(self) -> Sequence[str]:
        """The codes it declares."""

    @property
    def performance(self) -> dict[str, Any]:
        """The facts, or {}."""


@dataclass(frozen=True, slots=True)
class Years:
    """Which periods a law wants, in whole years up to the last day: one after another, or each up to that day."""

    lengths: tuple[int, ...]
    in_a_row: bool
    source: str


ROW = Years((1, 1, 1, 1, 1), True, "COBS 4.6.2R(2): the preceding five complete 12-month periods, or since launch")
BACK = Years((1, 5, 10), False, "206(4)-1(d)(2): 1, 5 and 10 years, or since launch")


def tidy(given: dict[str, Any]) -> dict[str, Any]:
    """The facts without empty entries and lines, so that equal facts have equal digests; {} where nothing is said."""
    texts = {name: str(given[name]).strip() for name in TEXTS if str(given.get(name) or "").strip()}
    lines = [{name: str(one.get(name) or "").strip() for name in PERIOD} for one in given.get("periods") or ()]
    periods = sorted((one for one in lines if any(one.values())), key=lambda one: (one["start"], one["end"]))
    return {**texts, **({"periods": periods} if periods else {})}


def fault(words: Words, *, slot: str, audience: str) -> str:
    """Why these facts cannot be kept with these words, as a sentence; empty when they are whole, or there are none."""
    given = words.performance
    if not given:
        return ""
    if given.get("kind") not in PerformanceKind.values:
        return f"Say what kind of performance it is: {', '.join(PerformanceKind.values)}."
    if given["kind"] == PerformanceKind.HYPOTHETICAL and audience != Audience.PROFESSIONAL:
        return "Hypothetical performance is not shown to anyone: the text has to be for professional clients only."
    if slot != Slot.BODY:
        return "Performance stands in a body: it is never the headline, the picture or the button."
    if absent := [name for name in TEXTS if name != "since" and not given.get(name)]:
        return f"Performance needs its {', '.join(absent).replace('_', ' ')}."
    if not re.fullmatch(r"[A-Z]{3}", given["currency"]):
        return "Write the currency in three letters, such as GBP."
    if not all(evidence.is_day(given[name]) for name in ("ended_on", "since") if given.get(name)):
        return "Write the days as dates, such as 2026-06-30."
    return _periods(given) or _shown(given, words.body)


def _periods(given: dict[str, Any]) -> str:
    if not given.get("periods") or len(given["periods"]) > MOST:
        return f"Performance needs its periods, at most {MOST}."
    for one in given["periods"]:
        if not (evidence.is_day(one["start"]) and evidence.is_day(one["end"]) and one["start"] < one["end"]):
            return "Each period has a first and a last day, such as 2025-07-01 and 2026-06-30."
        if not (SHARE.fullmatch(one["gross"]) and SHARE.fullmatch(one["net"])):
            return f"The period to {one['end']} needs its return gross and net of fees, in percent, such as 6.1."
    return ""


def _shown(given: dict[str, Any], body: str) -> str:
    plain = body.replace("\N{MINUS SIGN}", "-")
    for one in given["periods"]:
        if not re.search(rf"(?<![\d.-]){re.escape(one['net'])} ?%", plain):
            return f"The text does not show the net return of the period to {one['end']}, {one['net']}%."
    warning = given["warning"]
    if warning not in body or not any(one in warning.lower() for one in WARNS):
        return "The text has to show the warning word for word: that past performance is no guide to the future."
    if given["kind"] == PerformanceKind.HYPOTHETICAL and given["kind"] not in warning.lower():
        return "The warning has to say that the performance is hypothetical."
    return ""


def lacking(given: dict[str, Any], markets: Sequence[str], *, at: datetime) -> str:
    """Which period the law of these markets wants and the facts lack at `at`; empty when all are there.

    No markets is every market, so every law that we know has its say. Facts have no `fault`.
    """
    if not given:
        return ""
    last = date.fromisoformat(given["ended_on"])
    if not at.date() - FRESH < last <= at.date():
        return "The last day of the performance lies within the last year."
    since = date.fromisoformat(given["since"]) if given.get("since") else None
    has = {(one["start"], one["end"]) for one in given["periods"]}
    for market in markets or Jurisdiction.values:
        law = BACK if market == Jurisdiction.US else ROW
        if market == Jurisdiction.US and last < date(at.year - 1, 12, 31):
            return "The last day is no earlier than the end of the last calendar year (206(4)-1(d)(2))."
        if law.in_a_row and since is not None and since > later(last + timedelta(days=1), -12):
            return f"Less than one complete year of performance is not shown ({law.source})."
        for first, end in _wanted(law, last, since):
            if (first.isoformat(), end.isoformat()) not in has:
                wide = "" if markets else " Shown everywhere, it is held to the law of every market; else say which."
                return f"The period from {first} to {end} is missing ({law.source}).{wide}"
    return ""


def _wanted(law: Years, last: date, since: date | None) -> Iterable[tuple[date, date]]:
    """First and last day of each period; one that began before the launch is cut short, or left out of a row."""
    end = last
    for years in law.lengths:
        first = later(end + timedelta(days=1), -12 * years)
        if since is not None and first < since:
            if not law.in_a_row:
                yield since, end
            return
        yield first, end
        end = first - timedelta(days=1) if law.in_a_row else last


def judged(found: routing.Routing, words: Words) -> routing.Routing:
    """The same judgement, blocked when the words speak of performance without the typed figures."""
    places = [one for one in found.findings if one.get("topic") == TOPIC]
    if words.performance or not (places or TOPIC in words.topics):
        return found
    whole = {"start": 0, "end": len(words.body), "quote": words.body}
    first = {name: (places or [whole])[0][name] for name in whole} | {"part": "body"}
    return replace(
        found, findings=[*found.findings, {**UNTYPED, **first}], blocked=True,
        lint=sorted({*found.lint, UNTYPED["family"]}),
    )  # fmt: skip


def source(given: dict[str, Any]) -> list[str]:
    """Where the figures come from, for the regulator's list of sources (2210(b)(4)(A)(iv))."""
    return [f"Performance to {given['ended_on']}: {given['source']} ({given['method']})"] if given else []
