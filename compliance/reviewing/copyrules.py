"""Writing the next version of a copy rule and putting it before the reviewers."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from compliance import ledger, review
from compliance.copyrules import book, trial
from compliance.models import CopyRule, ReviewKind, Severity, Staff
from compliance.words import lint

EVERY = "every one"
LONGEST_WHY = 300


class BadRule(ValueError):
    """The version cannot be kept; `errors` names each field and why. Nothing was written."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))


@transaction.atomic
def draft(rule: lint.Rule, *, why: str, effect: str = "", by: Staff, at: datetime) -> CopyRule:
    """Keep a rule as the next version of its code and put it before the reviewers; it binds once it is enacted.

    effect  what it was seen to change, for those who decide. The version number is given here, whatever `rule` says.
    Raises BadRule when a field is wrong, a test text does not hold or a pattern is dangerous, review.NotYours when
    `by` is no compliance officer.
    """
    if not by.is_officer:
        raise review.NotYours("Compliance officers write the rules.")
    last = CopyRule.objects.filter(code=rule.code).order_by("-version").first()
    rule = replace(rule, version=last.version + 1 if last else 1)
    faults = trial.problems(rule)
    if rule.check != (last.structure if last else ""):
        faults["check"] = "A check of structure is part of the program: a rule keeps the one that it has."
    if not 0 < len(why.strip()) <= LONGEST_WHY:
        faults["why"] = f"Say in up to {LONGEST_WHY} characters what this version changes and why."
    if faults:
        raise BadRule(faults)
    made = CopyRule.objects.create(**book.columns(rule), why=why.strip(), author=by, made_at=at)
    review.submit(
        digest=made.digest,
        kind=ReviewKind.COPY_RULE,
        title=f"Copy rule {made.code}, version {made.version}",
        snapshot={
            "title": f"Copy rule {made.code}",
            "about": f"/compliance/rules/{made.code}/",
            "says": effect,
            "parts": parts(rule) | {"why": made.why},
        },
        topics=[],
        findings=[],
        authors=[by],
        reason="A copy rule binds every text of the firm.",
        approvals_needed=1,
        by=by,
        at=at,
    )
    facts = {"code": made.code, "version": made.version, "digest": made.digest}
    ledger.record("copy_rule.drafted", by=by, at=at, about=f"copy_rule:{made.pk}", facts=facts)
    return made


def newest() -> dict[str, int]:
    """The newest version of each rule, decided or not, by code."""
    return dict(CopyRule.objects.values_list("code").annotate(newest=Max("version")))


def parts(rule: lint.Rule) -> dict[str, str]:
    """Everything that a version says, as the words that a reviewer reads and compares."""
    asked = [f"matches {rule.match}", f"and {rule.also}", f"unless {rule.unless}"]
    found = [one for one, said in zip(asked, (rule.match, rule.also, rule.unless), strict=True) if said]
    found += [f"check of structure: {rule.check}"] if rule.check else []
    found += [f"phrase {one}" for one in rule.phrases]
    where = [
        f"styles: {', '.join(rule.styles) or EVERY}",
        f"market: {rule.market or EVERY}",
        f"purposes: {', '.join(rule.purposes) or EVERY}",
        f"a denial beside it spares it: {'yes' if rule.deniable else 'no'}",
        f"from {rule.valid_from}{f' to {rule.valid_to}' if rule.valid_to else ''}",
    ]
    return {
        "rule": f"{rule.text}\n{Severity(rule.severity).label}",
        "source": rule.citation,
        "where": "\n".join(where),
        "looks for": "\n".join(found),
        "must find": "\n".join(rule.trips),
        "must not find": "\n".join(rule.spares),
        "better": rule.suggestion,
    }
