"""The block library: find words, write the next version, see what the rules say, publish, and know what it touches."""

from dataclasses import fields
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.timezone import now
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import audience, blocks, catalogue, desks, drafts, layout, variants, wording
from campaigns.blockform import BlockForm
from campaigns.models import (
    Audience,
    Block,
    BlockVersion,
    Framing,
    Knowledge,
    PerformanceKind,
    Provenance,
    Slot,
)
from campaigns.views.previews import MAIL_CSP
from campaigns.wellbeing import pressing
from compliance.copyrules import book
from compliance.models import Jurisdiction
from compliance.web import needs, page

A_PAGE = 40
READERS = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
WRITERS = ("compliance.build_campaigns",)
FORM, ONE = "console/block_form.html", "console/block.html"
ASKED = {"words": "q", "slot": "slot", "topic": "topic", "framing": "framing", "language": "language", "state": "state"}


@require_safe
@needs(*READERS)
def library(request: HttpRequest) -> HttpResponse:
    """Every block that matches, with its newest words."""
    wanted = catalogue.Wanted(**{name: request.GET.get(key, "").strip()[:80] for name, key in ASKED.items()})
    listed = Paginator(catalogue.entries(wanted, at=now()), A_PAGE).get_page(request.GET.get("page"))
    asked = request.GET.copy()
    asked.pop("page", None)
    context = {
        "page": listed,
        "wanted": wanted,
        "asked": asked.urlencode(),
        "slots": Slot.choices,
        "framings": Framing.choices,
        "states": list(catalogue.STATES.items()),
        **catalogue.choices(),
    }
    return page(request, "console/blocks.html", context, part="found")


@require_safe
@needs(*READERS)
def block(request: HttpRequest, slug: str) -> HttpResponse:
    """One block: its newest words, what the rules say, its versions side by side, and where it is used."""
    return page(request, ONE, _block_context(request, get_object_or_404(Block, slug=slug)))


@require_safe
@needs(*READERS)
@xframe_options_exempt
def block_preview(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version as it looks in a mail, for a sandboxed frame."""
    version = _version(slug, number)
    answer = HttpResponse(variants.preview(layout.compose(layout.pieces([version]), purpose="marketing")))
    answer["Content-Security-Policy"] = MAIL_CSP.format(base=settings.PUBLIC_URL)
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_http_methods(["GET", "POST"])
@needs(*WRITERS)
def block_new(request: HttpRequest) -> HttpResponse:
    """Write the first words of a block."""
    if request.method == "GET":
        return _form(request, BlockForm.blank(request.GET.get("slot", "")), None)
    return _keep(request, BlockForm.read(request.POST), None)


@require_http_methods(["GET", "POST"])
@needs(*WRITERS)
def block_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Write the next version of a block."""
    found = _own(request, get_object_or_404(Block, slug=slug, archived_at=None))
    newest = found.versions.select_related("block").order_by("-number").first()
    if newest is None:
        raise Http404
    if request.method == "GET":
        return _form(request, BlockForm.of(newest), found)
    form = BlockForm.read(request.POST)
    form.values |= {"slug": found.slug, "slot": found.slot}
    return _keep(request, form, found)


@require_POST
@needs(*WRITERS)
def block_check(request: HttpRequest) -> HttpResponse:
    """What the rules say about the words as they stand; nothing is kept."""
    form = BlockForm.read(request.POST)
    return page(request, FORM, _form_context(form, None, is_checked=True), part="check")


@require_POST
@needs(*WRITERS)
def block_publish(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Freeze a version and send it to the editors."""
    version, status = _version(slug, number), 200
    _own(request, version.block)
    try:
        blocks.publish(version.pk, by=request.user, at=now())
    except blocks.AlreadyPublished:
        status = 409
    if status == 200:
        messages.success(request, f"Version {number} is with the editors. It may be used once one of them approves.")
        return redirect("block", slug)
    return page(request, ONE, _block_context(request, version.block) | {"late": True}, status=status)


@require_POST
@needs(*WRITERS)
def block_archive(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a block out of the library, unless a campaign still has it."""
    found = _own(request, get_object_or_404(Block, slug=slug, archived_at=None))
    try:
        blocks.archive(found.slug, by=request.user, at=now())
    except blocks.InUse as used:
        return page(request, ONE, _block_context(request, found) | {"in_use": used.campaigns}, status=409)
    messages.success(request, f"“{found.name}” is archived.")
    return redirect("blocks")


@require_POST
@needs(*READERS)
def block_withdraw(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """End a published version now: no message made of it goes out any more."""
    version, reason = _version(slug, number), request.POST.get("reason", "").strip()[:500]
    if not reason:
        context = _block_context(request, version.block) | {"no_reason": number}
        return page(request, ONE, context, status=422)
    blocks.withdraw(version.pk, reason=reason, by=request.user, at=now())
    messages.success(request, f"Version {number} has ended. Messages that wait for it are not sent.")
    return redirect("block", slug)


def _own(request: HttpRequest, found: Block) -> Block:
    if not desks.may_change(request.user, found):
        raise PermissionDenied("This block is another desk's.")
    return found


def _version(slug: str, number: int) -> BlockVersion:
    return get_object_or_404(BlockVersion.objects.select_related("block"), block__slug=slug, number=number)


def _block_context(request: HttpRequest, found: Block) -> dict[str, Any]:
    at = now()
    versions = list(found.versions.select_related("block", "author").order_by("-number"))
    if not versions:
        raise Http404
    numbers = {one.number: one for one in versions}
    shown = numbers.get(_number(request, "version"), versions[0])
    before = numbers.get(_number(request, "against") or shown.number - 1)
    stand, found_here = catalogue.states(versions, at=at), blocks.judge(shown, rulebook=book.in_force(at))
    return {
        "piece": found,
        "shown": shown,
        "state": stand[shown.pk],
        "state_words": catalogue.STATES[stand[shown.pk]],
        "words": wording.parse(shown.body).sample().text,
        "meant_for": audience.words(shown),
        "pressing": pressing.spans(shown.body),
        "found": found_here,
        "spans": catalogue.flagged(shown.body, found_here.findings),
        "before": before,
        "changes": catalogue.changes(before.body, shown.body) if before and before != shown else [],
        "versions": [(one, stand[one.pk], catalogue.STATES[stand[one.pk]]) for one in versions],
        "uses": blocks.where_used(found),
    }


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isdigit() and len(text) < 7 else 0


def _keep(request: HttpRequest, form: BlockForm, found: Block | None) -> HttpResponse:
    if "check" in request.POST:
        return page(request, FORM, _form_context(form, found, is_checked=True))
    words, known = form.words(), Block.objects.filter(slug=form.values["slug"]).first()
    if known is not None:
        _own(request, known)
    try:
        version = blocks.draft(
            slug=form.values["slug"],
            name=form.values["name"],
            **{one.name: getattr(words, one.name) for one in fields(words)},
            by=request.user,
            at=now(),
        )
    except blocks.BadBlock as bad:
        form.errors = bad.errors
        return _form(request, form, found, status=422)
    messages.success(
        request, f"Version {version.number} is saved as a draft. Publish it when it is ready for an editor."
    )
    return redirect("block", form.values["slug"])


def _form(request: HttpRequest, form: BlockForm, found: Block | None, *, status: int = 200) -> HttpResponse:
    return page(request, FORM, _form_context(form, found), status=status)


def _form_context(form: BlockForm, found: Block | None, *, is_checked: bool = False) -> dict[str, Any]:
    words = drafts.tidy(form.words())
    faults = drafts.problems(words) if is_checked else {}
    can_judge = bool(words.body) and words.slot in Slot.values and not {"slot", "body"} & set(drafts.problems(words))
    judged = blocks.judge(words, rulebook=book.in_force(now())) if can_judge else None
    return {
        "form": form,
        "piece": found,
        "uses": [one for one in blocks.where_used(found) if one.is_live] if found else [],
        "slots": [(slot.value, slot.label, limit) for slot, limit in drafts.LIMITS.items()],
        "framings": Framing.choices,
        "audiences": Audience.choices,
        "knowledges": Knowledge.choices,
        "provenances": Provenance.choices,
        "performances": PerformanceKind.choices,
        "markets": Jurisdiction.choices,
        "pictures": drafts.pictures(),
        "fields": wording.FIELDS.values(),
        "is_checked": is_checked,
        "faults": faults,
        "found": judged,
        "spans": catalogue.flagged(words.body, judged.findings) if judged else [],
        "pressing": pressing.spans(words.body),
        "sample": wording.parse(words.body).sample().text if can_judge and "{{" in words.body else "",
    }
