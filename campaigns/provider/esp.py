"""Notices of the providers that django-anymail knows, in our words; it checks signatures and reads shapes."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from anymail import urls as anymail_urls
from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation
from django.http import HttpRequest

from campaigns.provider.events import KEY, Kind, Notice, identity

KINDS = {
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DEFERRED,
    "bounced": Kind.BOUNCED,
    "rejected": Kind.BOUNCED,
    "failed": Kind.BOUNCED,
    "complained": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}
HARD_REASONS = ("invalid", "bounced")
STATUS = re.compile(r"\b([45])\.(\d{1,3})\.\d{1,3}\b")  # RFC 3463
# Where providers give our own Message-ID back beside their own number.
OURS = ("smtp-id", "message-id", "Message-Id", "MessageID", "message_id")
# What readers of shapes raise on a body that has another shape.
MISSHAPEN = (AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError, AnymailError)
# An old name of Brevo; one that its author no longer supports; one that needs the provider's own library.
RETIRED = ("sendinblue/", "sendgrid/", "amazon_ses/")
VIEWS = {
    str(one.pattern).split("/")[0]: one.callback.view_class
    for one in anymail_urls.urlpatterns
    if str(one.pattern).endswith("/tracking/") and not str(one.pattern).startswith(RETIRED)
}


class NotFromThem(ValueError):
    """The request carries no proof that the provider sent it. Nothing was read and nothing written."""


class Unreadable(ValueError):
    """The provider's notice has another shape than it should. Nothing was written."""


def read(provider: str, request: HttpRequest, *, at: datetime) -> Iterator[Notice]:
    """The notices of a request, its signature checked. Raises NotFromThem, Unreadable."""
    try:
        view = VIEWS[provider]()
        view.run_validators(request)
        events = view.parse_events(request)
    except (AnymailWebhookValidationFailure, ImproperlyConfigured):  # a missing key proves nothing
        raise NotFromThem(provider) from None
    except (SuspiciousOperation, *MISSHAPEN):
        raise Unreadable(provider) from None
    return (notice for one in events if (notice := _notice(provider, one, at=at)))


def _notice(provider: str, event: AnymailTrackingEvent, *, at: datetime) -> Notice | None:
    kind = KINDS.get(event.event_type)
    if kind is None:
        return None
    detail = " ".join(str(one) for one in (event.mta_response, event.description) if one).replace("\0", " ")
    recipient = str(event.recipient or "").replace("\0", "")[:254]
    key = _key(event)
    known = str(event.event_id or "").replace("\0", "")
    return Notice(
        provider=provider,
        event_id=identity(known) if len(known) > 100 else known or identity(kind, key, recipient, event.timestamp),
        kind=kind,
        occurred_at=event.timestamp or at,
        key=key,
        address=recipient,
        is_hard=event.event_type == "bounced" and _is_hard(event.reject_reason, detail),
        detail=detail,
    )


def _is_hard(reject_reason: str | None, detail: str) -> bool:
    """The address itself is no good: RFC 3463's 5.1.x, or the provider's word where no status says otherwise."""
    status = STATUS.search(detail)
    if status is not None:
        return status.group(1) == "5" and status.group(2) == "1"
    return reject_reason in HARD_REASONS


def _key(event: AnymailTrackingEvent) -> str:
    raw: Any = event.esp_event if isinstance(event.esp_event, dict) else {}
    given = [event.message_id, (event.metadata or {}).get("personalize_key"), *(raw.get(one) for one in OURS)]
    return next((str(one)[:254] for one in given if one and KEY.search(str(one))), "")
