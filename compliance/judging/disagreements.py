"""What was found in a text, by the rules of the day and by later ones, and who held a finding to be wrong and why."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from compliance import ledger
from compliance.models import Disagreement, LateFinding, ReviewItem, ReviewKind, Staff
from compliance.words import lint

LONGEST = 300


class NoDisagreement(ValueError):
    """It cannot be kept: no such finding, no reason, or said before. Nothing was written."""


class NotAReviewer(Exception):
    """Only editors and compliance officers disagree with a finding. Nothing was written."""


def findings(item: ReviewItem) -> list[dict[str, Any]]:
    """Everything found in the words, in the order of the review, then what later rules found; `late` says when."""
    return [*item.findings, *(_as_finding(one) for one in item.late_findings.select_related("rule").order_by("pk"))]


@transaction.atomic
def add(item: ReviewItem, number: int, *, why: str, by: Staff, at: datetime) -> Disagreement:
    """Keep that `by` holds finding `number` (from 1, as `findings` has them) to be wrong.

    It changes nothing about the review: a rule that blocks still blocks. Raises NotAReviewer or NoDisagreement.
    """
    if not by.reviews:
        raise NotAReviewer("Editors and compliance officers disagree with a finding.")
    found = findings(item)
    if not 0 < number <= len(found):
        raise NoDisagreement("There is no such finding in this text.")
    if not 0 < len(why.strip()) <= LONGEST:
        raise NoDisagreement(f"Say in up to {LONGEST} characters why the finding is wrong.")
    one = found[number - 1]
    part = one.get("part", "text")
    try:
        with transaction.atomic():
            made = Disagreement.objects.create(
                item=item, rule=one["rule"], version=one.get("version"), part=part, start=one["start"], end=one["end"],
                quote=one.get("quote", ""), text=item.snapshot["parts"].get(part, ""), style=_style(item),
                market=settings.FIRM["jurisdiction"], why=why.strip(), by=by, at=at,
            )  # fmt: skip
    except IntegrityError as known:
        raise NoDisagreement("You said so before; it is kept.") from known
    facts = {"disagreement": made.pk, "rule": made.rule, "version": made.version, "digest": item.digest}
    ledger.record("finding.disputed", by=by, at=at, about=f"review:{item.pk}", facts=facts)
    return made


def rates(code: str) -> dict[int, tuple[int, int]]:
    """(texts in which reviewers held it to be wrong, decided texts in which it found something) by version."""
    judged: dict[int, set[int]] = {}
    for pk, found in (
        ReviewItem.objects.decided().filter(findings__contains=[{"rule": code}]).values_list("pk", "findings")
    ):
        for one in found:
            if one.get("rule") == code:
                judged.setdefault(one.get("version", 1), set()).add(pk)
    late = LateFinding.objects.filter(rule__code=code, item__in=ReviewItem.objects.decided())
    for version, pk in late.values_list("rule__version", "item"):
        judged.setdefault(version, set()).add(pk)
    wrong: dict[int, set[int]] = {}
    for version, pk in Disagreement.objects.filter(rule=code).values_list("version", "item"):
        wrong.setdefault(version or 1, set()).add(pk)
    versions = judged.keys() | wrong.keys()
    return {one: (len(wrong.get(one, ())), len(judged.get(one, set()) | wrong.get(one, set()))) for one in versions}


def labelled() -> Iterator[dict[str, Any]]:
    """Every text of a disagreement once, labelled for `train_words` by what nobody disputes in it."""
    seen = set()
    rows = Disagreement.objects.select_related("item").order_by("pk")
    for one in rows:
        if (one.item_id, one.part) in seen:
            continue
        seen.add((one.item_id, one.part))
        disputed = set(one.item.disagreements.values_list("rule", "part", "start"))
        left = [
            found
            for found in findings(one.item)
            if found.get("part", "text") == one.part
            and (found["rule"], one.part, found["start"]) not in disputed
            and ("family" not in found or lint.routes(found["family"]))
        ]
        yield {
            "id": f"disagreement-{one.pk}",
            "text": one.text,
            "style": one.style,
            "market": one.market,
            "topics": sorted({found["topic"] for found in left if "topic" in found}),
            "lint": sorted({found["family"] for found in left if "family" in found}),
            "must_route_to_review": bool(left),
        }


def _as_finding(one: LateFinding) -> dict[str, Any]:
    rule = one.rule
    return {
        "rule": rule.code, "version": rule.version, "family": rule.family, "severity": rule.severity,
        "part": one.part, "start": one.start, "end": one.end, "quote": one.quote, "citation": rule.citation,
        "why": rule.text, "suggestion": rule.suggestion, "late": one.found_at,
    }  # fmt: skip


def _style(item: ReviewItem) -> str:
    known = item.snapshot.get("style", "")
    return known or ("para" if item.kind == ReviewKind.BLOCK else "full_email")
