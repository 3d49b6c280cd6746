"""The editors' pages: the queue, one text, and what became of it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from compliance import precedents, review, step_up
from compliance.judging import comments, disagreements, endings, readings
from compliance.models import (
    Authorship,
    CommentKind,
    CopyRule,
    Disagreement,
    ReviewItem,
    ReviewState,
    Seed,
    Staff,
    Topic,
)
from compliance.web import answer, needs, page
from compliance.words import diff

READERS = ("compliance.review_texts", "compliance.oversee", "compliance.build_campaigns")
PER_PAGE = 50
SOON = timedelta(days=30)  # how long before its end an approval is mentioned
READING_PACE = 238  # words a minute, see compliance.judging.readings
# The words are another's: nothing in them may run, load, post or reach this site.
MAIL_POLICY = (
    "sandbox; default-src 'none'; img-src 'self' {base} data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
SHOWN_PARTS = {
    "subject": "Subject line",
    "preheader": "Preheader",
    "body": "Words",
    "text": "Text part",
    "address": "Leads to",
    "picture": "Picture",
}
REASONS = (
    "The risk is missing or stands too far from the benefit.",
    "A claim has no source or date.",
    "It presses the reader to decide.",
    "It shows the reader what we worked out about them.",
    "A required wording is missing or not exact.",
    "The tone does not fit a hard moment.",
    "Hard to read: shorter sentences, plainer words.",
)


@require_GET
@needs(*READERS)
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a person; marketers see what they wrote."""
    at = now()
    shown = request.GET.get("show", "")
    if not _decides(request.user):
        shown = "written"
    items = ReviewItem.objects.open().select_related("claimed_by", "submitted_by")
    if shown == "mine":
        items = items.filter(claimed_by=request.user)
    elif shown == "written":
        items = items.written_by(request.user)
    else:
        shown, items = "waiting", items.not_written_by(request.user).without_conflict(request.user)
    if topic := request.GET.get("topic", ""):
        items = items.filter(topics__contains=[topic])
    context = {
        "page": Paginator(items.by_urgency(), PER_PAGE).get_page(request.GET.get("page")),
        "shown": shown,
        "topic": topic,
        "topics": Topic.objects.order_by("name"),
        "names": _topic_names(),
        "at": at,
        "decides": _decides(request.user),
        "late": items.filter(due_at__lt=at).count(),
        "ending": ReviewItem.objects.ending(at=at, within=SOON).count(),
    }
    return page(request, "review/queue.html", context, part="found")


@require_GET
@needs(*READERS)
def decided(request: HttpRequest) -> HttpResponse:
    """What was decided, by whom and why."""
    items = ReviewItem.objects.decided().select_related("decided_by", "submitted_by")
    if not _decides(request.user):
        items = items.written_by(request.user)
    if (state := request.GET.get("state", "")) in ReviewState.values:
        items = items.filter(state=state)
    if topic := request.GET.get("topic", ""):
        items = items.filter(topics__contains=[topic])
    context = {
        "page": Paginator(items.order_by("-decided_at", "-pk"), PER_PAGE).get_page(request.GET.get("page")),
        "state": state,
        "topic": topic,
        "topics": Topic.objects.order_by("name"),
        "states": [
            (one.value, one.label) for one in (ReviewState.APPROVED, ReviewState.REJECTED, ReviewState.WITHDRAWN)
        ],
        "names": _topic_names(),
        "at": now(),
    }
    return page(request, "review/decided.html", context, part="found")


@require_GET
@needs(*READERS)
def item(request: HttpRequest, item_id: int) -> HttpResponse:
    """One exact text: what was found in it, what changed, and the decision."""
    one = _item(request, item_id)
    if one.state in (ReviewState.WAITING, ReviewState.CLAIMED) and not review.may_decide(one, request.user):
        readings.opened(one, by=request.user, at=now())
    return page(request, "review/item.html", _context(request, one))


@require_POST
@needs(*READERS)
def comment(request: HttpRequest, item_id: int) -> HttpResponse:
    """Say something about the text, or about words quoted from it."""
    one, said = _item(request, item_id), request.POST

    def verb() -> None:
        span = comments.anchor(one, said.get("quote", ""))
        comments.add(one, kind=said.get("kind", ""), words=said.get("words", ""), span=span, by=request.user, at=now())

    return _decide(request, item_id, verb=verb, then_item=True, part="comments")


@require_POST
@needs(*READERS)
def settle(request: HttpRequest, item_id: int, comment_id: int) -> HttpResponse:
    """Say how a comment was dealt with."""
    one = _item(request, item_id)
    get_object_or_404(one.comments, pk=comment_id)
    how = request.POST.get("how", "")
    return _decide(
        request,
        item_id,
        verb=lambda: comments.settle(comment_id, how=how, by=request.user, at=now()),
        then_item=True,
        part="comments",
    )


@require_POST
@needs("compliance.review_texts", "compliance.oversee")
def disagree(request: HttpRequest, item_id: int, number: int) -> HttpResponse:
    """Say that a finding is wrong, and why. It is kept, and changes nothing about the decision."""
    one, why = _item(request, item_id), request.POST.get("why", "")
    return _decide(
        request,
        item_id,
        verb=lambda: disagreements.add(one, number, why=why, by=request.user, at=now()),
        then_item=True,
        part="findings",
    )


@require_GET
@needs(*READERS)
@xframe_options_sameorigin
def mail(request: HttpRequest, item_id: int) -> HttpResponse:
    """The message as it looks, shut in a sandbox of its own."""
    return shown_alone(_item(request, item_id).snapshot)


def shown_alone(snapshot: dict[str, Any]) -> HttpResponse:
    """The HTML of these words, which may run, load and post nothing."""
    html = snapshot.get("parts", {}).get("html", "")
    answered = HttpResponse(html or "<!doctype html><title>Empty</title>")
    answered["Content-Security-Policy"] = MAIL_POLICY.format(base=settings.PUBLIC_URL)
    answered["Cache-Control"] = "private, no-store"
    return answered


@require_POST
@needs("compliance.review_texts")
def claim(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take it, so that nobody else reads the same thing."""
    return _decide(request, item_id, then_item=True, verb=lambda: review.claim(item_id, by=request.user, at=now()))


@require_POST
@needs("compliance.review_texts")
def release(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give it back."""
    return _decide(request, item_id, then_item=True, verb=lambda: review.release(item_id, by=request.user, at=now()))


@require_POST
@needs("compliance.review_texts")
def approve(request: HttpRequest, item_id: int) -> HttpResponse:
    """Let the exact words that were on the screen go out."""
    if asked := step_up.ask(request):
        return asked
    seen, reason = request.POST.get("seen", ""), request.POST.get("reason", "").strip()

    def verb() -> ReviewItem:
        if not reason:
            raise review.NoReason("Say in a few words why these words may go. It is kept with the approval.")
        return review.approve(item_id, by=request.user, seen=seen, reason=reason, at=now())

    return _decide(request, item_id, verb=verb)


@require_POST
@needs("compliance.review_texts")
def reject(request: HttpRequest, item_id: int) -> HttpResponse:
    """Refuse the exact words that were on the screen, for good."""
    said = [request.POST.get("why", "").strip(), request.POST.get("reason", "").strip()]
    reason, seen = " ".join(one for one in said if one), request.POST.get("seen", "")
    return _decide(
        request, item_id, verb=lambda: review.reject(item_id, by=request.user, seen=seen, reason=reason, at=now())
    )


@require_POST
@needs(*READERS)
def withdraw(request: HttpRequest, item_id: int) -> HttpResponse:
    """Stop a text that waits or was approved; ask for the end of what keeps words back, or agree to it."""
    reason = request.POST.get("reason", "").strip()
    one = _item(request, item_id)
    is_first = endings.takes_two(one) and endings.asked_by(one) is None

    def verb() -> ReviewItem:
        if not reason:
            raise review.NoReason("Say why these words are stopped. The reason is kept.")
        end = review.ask_end if is_first else review.withdraw
        return end(item_id, by=request.user, reason=reason, at=now())

    return _decide(request, item_id, then_item=True, verb=verb)


@require_POST
@needs("compliance.oversee")
def reopen(request: HttpRequest, item_id: int) -> HttpResponse:
    """Put a withdrawn text back in the queue, for two fresh approvals."""
    reason = request.POST.get("reason", "").strip()

    def verb() -> ReviewItem:
        if not reason:
            raise review.NoReason("Say why these words come back. The reason is kept.")
        return review.reopen(item_id, by=request.user, reason=reason, at=now())

    return _decide(request, item_id, then_item=True, verb=verb)


def _decide(
    request: HttpRequest, item_id: int, *, verb: Any, then_item: bool = False, part: str = "decision"
) -> HttpResponse:
    """Run one verb and show what came of it: 409 someone was first, 403 not yours, 422 a reason is missing."""
    get_object_or_404(ReviewItem, pk=item_id)
    status, problem = 200, ""
    try:
        verb()
    except review.AlreadyDecided:
        status, problem = 409, "Someone was first, or these words changed since you opened them. Nothing was changed."
    except (review.NotYours, comments.NotYoursToSettle, disagreements.NotAReviewer) as why:
        status, problem = 403, str(why)
    except (review.NoReason, comments.BadComment, disagreements.NoDisagreement) as why:
        status, problem = 422, str(why)
    context = _context(request, get_object_or_404(ReviewItem, pk=item_id)) | {"problem": problem}
    then, args = ("review_item", (item_id,)) if then_item else ("review_queue", ())
    return answer(request, "review/item.html", context, part=part, then=then, then_args=args, status=status)


def _item(request: HttpRequest, item_id: int) -> ReviewItem:
    items = ReviewItem.objects.select_related("submitted_by", "claimed_by", "decided_by", "end_asked_by")
    if not _decides(request.user):
        items = items.written_by(request.user)
    return get_object_or_404(items, pk=item_id)


def _context(request: HttpRequest, one: ReviewItem) -> dict[str, Any]:
    at = now()
    planted = Seed.objects.filter(item=one).select_related("source__submitted_by").first()
    one.submitted_by = one.handed_in_by()  # a reader must not tell a planted text by it
    before = precedents.last_approved(one)
    approvals = list(one.approvals.filter(round=one.round).select_related("by").order_by("pk"))
    counting = [given for given in approvals if given.by.is_active]
    queue = ReviewItem.objects.open().not_written_by(request.user).free_for(request.user, at)
    order = list(queue.by_urgency().values_list("pk", flat=True)[:500]) if _decides(request.user) else []
    here = order.index(one.pk) if one.pk in order else -1
    found, disputed = disagreements.findings(one), _disputed(one)
    return {
        "item": one,
        "at": at,
        "standing": review.standing([one.digest], at=at)[one.digest],
        "names": _topic_names(),
        "parts": _parts(one, before, found),
        "findings": [(number, said, disputed.get(_key(said), [])) for number, said in enumerate(found, 1)],
        "known_rules": set(CopyRule.objects.values_list("code", flat=True)) if found else set(),
        "has_mail": bool(one.snapshot.get("parts", {}).get("html")),
        "before": before,
        "authors": Staff.objects.filter(
            pk__in=Authorship.objects.filter(digest=planted.source.digest if planted else one.digest).values("staff")
        ).order_by("pk"),
        "approvals": approvals,
        "missing": max(0, one.approvals_needed - len(counting)),
        "barred": review.may_decide(one, request.user),
        "cannot_approve": "" if not _decides(request.user) else review.may_approve(one, request.user, at=at),
        "open_fixes": comments.open_must_fix(one),
        "comments": list(one.comments.select_related("by", "settled_by", "carried_from__item").order_by("pk")),
        "comment_kinds": CommentKind.choices,
        "minutes": max(1, round(readings.words(one) / READING_PACE)),
        "is_blocked": review.is_blocked(one),
        "may_disagree": request.user.reviews,
        "is_open": one.state in (ReviewState.WAITING, ReviewState.CLAIMED),
        "is_free": ReviewItem.objects.free_for(request.user, at).filter(pk=one.pk).exists(),
        "has_seat": review.has_seat(one, counting, request.user),
        "has_approved": any(given.by_id == request.user.pk for given in approvals),
        "takes_two": endings.takes_two(one),
        "end_asked_by": endings.asked_by(one),
        "may_end": not endings.barred(one, request.user, is_first=endings.asked_by(one) is None),
        "wrote": ReviewItem.objects.written_by(request.user).filter(pk=one.pk).exists(),
        "is_officer": request.user.is_officer,
        "similar": list(precedents.similar(one)[:5]),
        "following": next((pk for pk in order[here + 1 :] if pk != one.pk), None),
        "previous": order[here - 1] if here > 0 else None,
        "reasons": REASONS,
        "problem": "",
    }


def _key(found: dict[str, Any]) -> tuple[str, str, int]:
    return found["rule"], found.get("part", "text"), found["start"]


def _disputed(one: ReviewItem) -> dict[tuple[str, str, int], list[Disagreement]]:
    """Who held which finding to be wrong."""
    said: dict[tuple[str, str, int], list[Disagreement]] = {}
    for each in one.disagreements.select_related("by").order_by("pk"):
        said.setdefault((each.rule, each.part, each.start), []).append(each)
    return said


def _parts(one: ReviewItem, before: ReviewItem | None, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The words part by part: where findings lie, and what changed since the last approval."""
    texts = one.snapshot.get("parts", {})
    old = before.snapshot.get("parts", {}) if before else {}
    numbered = list(enumerate(findings))
    shown = []
    others = {name: name.capitalize() for name in texts if name not in SHOWN_PARTS and name != "html"}
    for name, label in (SHOWN_PARTS | others).items():
        if not (text := texts.get(name, "")) and not old.get(name):
            continue
        here = [(number, found) for number, found in numbered if found.get("part", "text") == name]
        spans = diff.flagged(text, [found for _, found in here])
        marks = [(span.words, [here[place][0] + 1 for place in span.findings]) for span in spans]
        changed = diff.changes(old.get(name, ""), text) if before else []
        shown.append(
            {
                "name": name,
                "label": label,
                "note": one.snapshot.get("notes", {}).get(name, ""),
                "marks": marks,
                "changes": changed,
                "is_same": all(change.kind == "same" for change in changed),
            }
        )
    return shown


def _decides(user: Any) -> bool:
    return bool(user.has_perm("compliance.review_texts") or user.has_perm("compliance.oversee"))


def _topic_names() -> dict[str, str]:
    return dict(Topic.objects.values_list("code", "name"))
