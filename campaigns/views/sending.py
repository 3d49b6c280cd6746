"""The officers' page of how sending stands: due, in hand, in doubt; every run's numbers; the keys that vouch for it."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from campaigns import work
from compliance import fence, notes, restores
from compliance.models import LedgerEntry
from compliance.web import needs, page


@require_safe
@needs("compliance.oversee")
def sending(request: HttpRequest) -> HttpResponse:
    """How the work stands, whether the latest runs add up, when histories were last compared, and which keys count."""
    at = now()
    counted_at, rows = work.reconciled(at=at)
    context = {
        "at": at,
        "fence": fence.state(),
        "work": work.stands(at=at),
        "counted_at": counted_at,
        "runs": rows,
        "astray": [run for run, counts in rows if not counts.adds_up],
        "compared": LedgerEntry.objects.filter(kind="history.reconciled").order_by("-at", "-id").first(),
        "restored": restores.last(),
        "restore_overdue": restores.overdue(at=at),
        "verifier": notes.verifier(),
        "former_verifiers": settings.LEDGER_OLD_KEYS,
        "link_key": _mark(settings.SECRET_KEY),
        "former_link_keys": [_mark(one) for one in settings.SECRET_KEY_FALLBACKS],
    }
    return page(request, "compliance/sending.html", context)


def _mark(secret: str) -> str:
    """Eight letters by which people tell keys apart; they say nothing about the key."""
    return hashlib.sha256(f"personalize.key-mark|{secret}".encode()).hexdigest()[:8]
