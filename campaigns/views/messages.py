"""One message's page: its whole waterfall, what was sent, and a person's word on what nobody could know."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_POST, require_safe

from campaigns import assembly, desks, explanations, mail, traces, wording
from campaigns.models import Message, MessageState
from campaigns.sending import delivery
from campaigns.views.previews import MAIL_CSP, is_veiled
from campaigns.views.runs import SEES
from compliance.models import Channel
from compliance.web import answer, needs, page
from personalize import discretion

TEMPLATE = "console/message.html"
UNMADE = (wording.MissingValue, wording.TooLong, mail.BadAddress, assembly.Tampered)


@require_safe
@needs(*SEES)
def message(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Audience, permission, choice, words, review, transport: why this client got this, or nothing."""
    return page(request, TEMPLATE, _context(request, _found(request, message_id)))


@require_POST
@needs("compliance.build_campaigns", "compliance.oversee")
def message_resolve(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Say what became of an unconfirmed message; 409 when it is not unconfirmed any more."""
    found, status = _found(request, message_id), 200
    word = request.POST.get("delivered")
    if word not in ("yes", "no"):
        status = 422
    else:
        try:
            delivery.resolve(found.pk, delivered=word == "yes", by=request.user, at=now())  # type: ignore[arg-type]
        except delivery.AlreadySettled:
            status = 409
    context = {**_context(request, _found(request, message_id)), "late": status == 409}
    return answer(request, TEMPLATE, context, part="waterfall", then="message", then_args=(message_id,), status=status)


@require_safe
@needs(*SEES)
@xframe_options_exempt
def message_mail(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """The HTML part as the client got it, for a sandboxed frame. `frame-ancestors` says who may frame it.

    Without the pixel: when staff look at a mail, its client has not opened it.
    """
    found = _found(request, message_id)
    shown_with = discretion.veiled(found.merge, discretion.marked()) if is_veiled(request) else found.merge
    found.merge = {**shown_with, assembly.MEASURE: False}
    made = _rendered(found)
    if made is None:
        raise Http404("This message has no words.")
    shown = HttpResponse(made.html)
    shown["Content-Security-Policy"] = MAIL_CSP.format(base=settings.PUBLIC_URL)
    shown["Cache-Control"] = "private, no-store"
    return shown


def _found(request: HttpRequest, message_id: UUID) -> Message:
    rows = desks.messages(request.user, Message.objects.select_related("campaign", "run", "client", "variant"))
    return desks.veiled(request.user, [get_object_or_404(rows, pk=message_id)])[0]


def _context(request: HttpRequest, found: Message) -> dict[str, Any]:
    made = sent = _rendered(found)
    if sent is not None and is_veiled(request):
        found.merge, whole = discretion.veiled(found.merge, discretion.marked()), found.merge
        made, found.merge = _rendered(found), whole
    return {
        "message": found,
        "is_veiled": made is not None and made is not sent and made.text != (sent.text if sent else ""),
        "steps": traces.steps(found, at=now()),
        "places": traces.places(found, is_veiled=not discretion.may_read_all(request.user)),  # type: ignore[arg-type]
        "subject": made.subject if made else "",
        "text": made.text if made else "",
        "is_same": sent is not None and sent.sha256 == bytes(found.mime_sha256 or b""),
        "back": found.interactions.order_by("at", "pk"),
        "because": explanations.for_client(found) if found.variant is not None else [],
        "may_resolve": found.state == MessageState.UNCONFIRMED
        and any(request.user.has_perm(one) for one in ("compliance.build_campaigns", "compliance.oversee")),
    }


def _rendered(found: Message) -> assembly.Rendered | None:
    if found.variant is None or found.channel != Channel.EMAIL or not found.address:
        return None
    try:
        return assembly.again(found)
    except UNMADE:
        return None
