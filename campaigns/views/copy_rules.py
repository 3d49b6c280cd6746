"""One copy rule: its versions, how often reviewers hold it to be wrong, what it found late, and its next version."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import charts
from campaigns.rulechanges import form, radius
from compliance import review
from compliance.copyrules import book, trial
from compliance.judging import disagreements
from compliance.models import CopyRule, Disagreement, LateFinding, ReviewItem, Role, Severity
from compliance.reviewing import copyrules
from compliance.web import needs, page
from compliance.words import diff, lint

READERS = ("compliance.oversee", "compliance.review_texts", "compliance.build_campaigns")
FEW = 20


@require_safe
@needs(*READERS)
def copy_rule(request: HttpRequest, code: str) -> HttpResponse:
    """Every version of a rule with where it stands, and what is known about how well it works."""
    rows = list(CopyRule.objects.filter(code=code).select_related("author").order_by("-version"))
    if not rows:
        raise Http404
    at = now()
    items = {one.digest: one for one in ReviewItem.objects.filter(digest__in=[one.digest for one in rows])}
    standing, rates = review.standing(items, at=at), disagreements.rates(code)
    holds = book.named(code, at=at)
    versions = []
    for number, one in enumerate(rows):
        before = rows[number + 1] if number + 1 < len(rows) else None
        wrong, judged = rates.get(one.version, (0, 0))
        versions.append({
            "row": one,
            "item": items.get(one.digest),
            "state": _state(one, holds, standing.get(one.digest, "")),
            "approvers": _approvers(items.get(one.digest)),
            "changes": _changes(before, one) if before else [],
            "wrong": wrong,
            "bar": charts.stack(
                [charts.Part("held to be wrong", wrong, "bad"), charts.Part("let stand", judged - wrong, "ok")],
                total=judged,
            ),
        })  # fmt: skip
    shown = next((one for one in rows if holds and one.version == holds.version), rows[0])
    late = LateFinding.objects.filter(rule__code=code).select_related("item", "rule")
    context = {
        "rule": shown,
        "parts": _parts(shown),
        "versions": versions,
        "late": late.order_by("-pk")[:FEW],
        "late_count": late.count(),
        "disagreements": Disagreement.objects.filter(rule=code).select_related("by", "item").order_by("-pk")[:FEW],
        "may_write": _writes(request),
        "at": at,
    }
    return page(request, "compliance/copy_rule.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("compliance.oversee")
def copy_rule_edit(request: HttpRequest, code: str = "") -> HttpResponse:
    """Write the next version, or a new rule: try it on what we have, then keep it for another person to decide."""
    if not _writes(request):
        raise PermissionDenied("Compliance officers write the rules.")
    last = CopyRule.objects.filter(code=code).order_by("-version").first()
    if code and last is None:
        raise Http404
    old = book.rule_of(last) if last else lint.Rule(code="", family="", severity="", valid_from=str(now().date()))
    if request.method != "POST":
        return page(request, "compliance/copy_rule_form.html", _form(old, last, {}))
    typed = form.read(request.POST, code=code or request.POST.get("code", ""), check=old.check)
    rule = replace(typed, version=last.version + 1 if last else 1)
    why, faults = request.POST.get("why", ""), trial.problems(rule)
    if not code and CopyRule.objects.filter(code=rule.code).exists():
        faults["code"] = "There is a rule with this code. Open it to write its next version."
    tried = None if faults else radius.of(rule, at=now())
    if tried and "save" in request.POST:
        if request.POST.get("tried") == lint.digest(rule):
            try:
                made = copyrules.draft(rule, why=why, effect=tried.sentence, by=request.user, at=now())  # type: ignore[arg-type]
            except copyrules.BadRule as bad:
                faults = bad.errors
            else:
                said = f"Version {made.version} of {made.code} waits for somebody else's yes. Nothing has changed yet."
                messages.success(request, said)
                return redirect("copy_rule", made.code)
        else:
            faults["tried"] = "Look at what this version would change, below, before you keep it."
    context = _form(rule, last, faults) | {"why": why, "tried": tried, "digest": lint.digest(rule) if tried else ""}
    if tried:
        context["bar"] = _bar(tried)
    return page(request, "compliance/copy_rule_form.html", context, status=422 if faults else 200)


def _form(rule: lint.Rule, last: CopyRule | None, faults: dict[str, str]) -> dict[str, Any]:
    return {
        "rule": rule,
        "lines": form.shown(rule),
        "last": last,
        "faults": faults,
        "families": sorted(lint.advice()),
        "severities": Severity.choices,
        "styles": [*lint.STYLES, *trial.PLACES],
        "markets": [(one, one or "every market") for one in trial.MARKETS],
        "purposes": trial.PURPOSES,
        "longest_why": copyrules.LONGEST_WHY,
    }


def _bar(tried: radius.Radius) -> charts.Stack:
    """The messages of the last year by what the rule in force and the new version find in them."""
    sent = sum(one.sent for one in tried.months)
    more = sum(one.sent for one in tried.messages if one.now and not one.was)
    fewer = sum(one.sent for one in tried.messages if one.was and not one.now)
    both = sum(one.now for one in tried.months) - more
    parts = [
        charts.Part("found only by the new version", more, "bad"),
        charts.Part("found by both", max(0, both), "warn"),
        charts.Part("found only by the rule in force", fewer, "info"),
        charts.Part("found by neither", max(0, sent - more - fewer - max(0, both)), "ok"),
    ]
    return charts.stack(parts, total=sent)


def _state(row: CopyRule, holds: lint.Rule | None, standing: str) -> tuple[str, str]:
    """(words, tone of their badge) for where a version stands."""
    if holds and row.version == holds.version:
        return "In force", "ok"
    if row.enacted_at:
        return "Was in force", "muted"
    known = {
        "approved": ("Approved, takes effect on its day", "info"),
        "waiting": ("Waits for a reviewer", "warn"),
        "rejected": ("Rejected", "bad"),
        "withdrawn": ("Withdrawn", "muted"),
        "expired": ("Approval ended", "warn"),
    }
    return known.get(standing, ("Not submitted", "muted"))


def _approvers(item: ReviewItem | None) -> list[str]:
    if item is None:
        return []
    given = item.approvals.filter(round=item.round).select_related("by").order_by("pk")
    return [one.by.get_full_name() or one.by.username for one in given]


def _parts(row: CopyRule) -> list[tuple[str, str]]:
    return [(name, text) for name, text in copyrules.parts(book.rule_of(row)).items() if text]


def _changes(before: CopyRule, after: CopyRule) -> list[tuple[str, list[diff.Change]]]:
    """The parts in which two versions differ, word by word."""
    old, new = copyrules.parts(book.rule_of(before)), copyrules.parts(book.rule_of(after))
    return [(name, diff.changes(old[name], new[name])) for name in new if old[name] != new[name]]


def _writes(request: HttpRequest) -> bool:
    user = request.user
    return bool(getattr(user, "role", "") == Role.OFFICER and not user.is_superuser)
