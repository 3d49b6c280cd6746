"""Whoever reads a text blind sees nothing else of this site until they have said what they make of it, or gave it back.

So nobody has to list the pages that show a first decision, and a page made tomorrow shows none either.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now

from compliance.models import Role, SecondReading, Staff
from compliance.models.review import CLAIM_LASTS
from compliance.web import View, page

# What a reader may still reach: the text, one's way out, and parts of pages that tell of nobody's texts.
OPEN = frozenset({
    "second_reading", "second_reading_mail", "second_reading_decide", "second_reading_give_back", "sign_out", "healthz",
    "readyz",
})  # fmt: skip
SENTENCE = "You are reading a text a second time, alone. Say what you make of it, or give it back, before you go on."


def reading(person: object, *, at: datetime) -> int | None:
    """The second reading that this person has before them; None for whoever has none, or has had it for two hours."""
    if not isinstance(person, Staff) or person.role != Role.EDITOR:  # nobody else is given a text
        return None
    mine = SecondReading.objects.filter(reader=person.pk, decided_at=None, taken_at__gt=at - CLAIM_LASTS)
    return mine.values_list("pk", flat=True).first()


class BlindMiddleware:
    """Leads a blind reader back to their text from every page."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing before the view is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: object, kwargs: dict[str, object]
    ) -> HttpResponse | None:
        """The way back to the text where one is being read; API views ask for themselves, they know tokens."""
        if hasattr(view, "cls") or getattr(request.resolver_match, "url_name", "") in OPEN:
            return None
        mine = reading(request.user, at=now())
        if mine is None:
            return None
        if request.method in ("GET", "HEAD") and not request.htmx:  # type: ignore[attr-defined]
            return redirect("second_reading", mine)
        told = {"sentence": SENTENCE, "mine": mine}
        return page(request, "review/reading_alone.html", told, part="alone", status=409)
