"""Search the ledger by client, campaign, text, person, deed, thing and days; open one entry with all that proves it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q
from django.utils.timezone import make_aware

from compliance import bulk
from compliance.models import Client, LedgerEntry, ReviewItem, Staff

PER_PAGE = 50
TOGETHER = 20
TEXTS = 20  # texts whose words match, at most
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
# What may be asked, the narrowest first: that one leads, the others only sieve.
NARROW = ("client", "about", "text", "campaign", "person", "actor", "kind")
NAMES = (*NARROW, "from", "to", "before")


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first; `older`: the `before` of the next page ("" at the end); `problem`: why nothing matched."""

    entries: list[LedgerEntry]
    older: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands near an entry: of the same thing before and after it, and in the same transaction."""

    before: LedgerEntry | None
    after: LedgerEntry | None
    together: list[LedgerEntry]


def around(entry: LedgerEntry) -> Around:
    """An entry's neighbours: images beside images, deeds beside deeds; of its transaction the TOGETHER next to it."""
    images = Q(kind__startswith="row.")
    same = LedgerEntry.objects.filter(images if entry.kind.startswith("row.") else ~images, about=entry.about)
    earlier = same.filter(Q(at__lt=entry.at) | Q(at=entry.at, pk__lt=entry.pk)).order_by("-at", "-pk").first()
    later = same.filter(Q(at__gt=entry.at) | Q(at=entry.at, pk__gt=entry.pk)).order_by("at", "pk").first()
    together = LedgerEntry.objects.filter(
        xid=entry.xid, pk__gte=entry.pk - TOGETHER // 2, pk__lte=entry.pk + TOGETHER // 2
    ).exclude(pk=entry.pk)
    return Around(earlier, later, list(together.order_by("pk")))


def search(asked: Mapping[str, str], *, limit: int = PER_PAGE) -> Page:
    """One page of what was asked; see NAMES. Every entry must fit everything asked.

    client    number or the firm's own id · campaign  slug or number · text  digest, or words of its title
    person    user name · actor  as the ledger names who acts · about  a thing's name, or a client's number
    """
    subjects = {name: _ways(name, asked[name]) for name in NARROW if asked.get(name)}
    for name, ways in subjects.items():
        if not ways:
            return Page([], problem=f"There is no {name} “{asked[name]}” in the ledger.")
    by = next((name for name in NARROW if name in subjects), "")
    wanted = bulk.Asked(
        ways=subjects.pop(by) if by else [("all", None)],
        fits=list(subjects.values()),
        since=_midnight(asked.get("from", ""), 0) or FIRST,
        until=_midnight(asked.get("to", ""), 1) or LAST,
        below=_below(asked.get("before", "")),
    )
    numbers, older = bulk.found(wanted, limit=limit)
    rows = LedgerEntry.objects.select_related("leaf").in_bulk(numbers)
    return Page([rows[one] for one in numbers], f"{older[0].isoformat()}~{older[1]}" if older else "")


def people(entries: Iterable[LedgerEntry]) -> dict[str, str]:
    """What we call the people of ours who acted: {actor as kept: name}."""
    numbers = {int(one.actor[6:]) for one in entries if re.fullmatch(r"staff:\d{1,18}", one.actor)}
    return {f"staff:{one.pk}": one.get_full_name() or one.username for one in Staff.objects.filter(pk__in=numbers)}


def _ways(name: str, text: str) -> list[bulk.Way]:
    """How to reach the entries of one subject; none when there is no such thing."""
    if name == "client" or (name == "about" and re.fullmatch(r"(client:|compliance_client:)?\d{1,18}", text)):
        return _client(text.rpartition(":")[2])
    if name == "campaign":
        return _campaign(text)
    if name == "text":
        return _text(text)
    if name == "person":
        return [("actor", f"staff:{pk}") for pk in Staff.objects.filter(username=text).values_list("pk", flat=True)]
    if name == "kind":
        return [("kind", one) for one in bulk.kinds(text)]
    return [(name, text)]


def _client(text: str) -> list[bulk.Way]:
    wanted = Q(user_id=text) | (Q(pk=int(text)) if re.fullmatch(r"\d{1,18}", text) else Q(pk=None))
    found = list(Client.objects.filter(wanted).values_list("pk", flat=True)[:2])
    if not found and re.fullmatch(r"\d{1,18}", text):
        found = [int(text)]  # a client who is gone still has entries
    things = [("about", f"{kind}:{pk}") for pk in found for kind in ("client", "compliance_client")]
    return [*things, *(("client_id", pk) for pk in found)]


def _campaign(text: str) -> list[bulk.Way]:
    found = [int(text)] if re.fullmatch(r"\d{1,18}", text) else bulk.campaigns_called(text)
    things = [("about", f"{kind}:{pk}") for pk in found for kind in ("campaign", "campaigns_campaign")]
    runs = [("about", one.replace("campaigns_run:", "run:")) for pk in found for one in bulk.runs_of(pk)]
    return [*things, *runs, *(("campaign_id", pk) for pk in found)]


def _text(text: str) -> list[bulk.Way]:
    wanted = Q(digest=text) if re.fullmatch(r"[0-9a-f]{64}", text) else Q(title__icontains=text)
    items = list(ReviewItem.objects.filter(wanted).order_by("-pk").values_list("pk", "digest")[:TEXTS])
    digests = {digest for _, digest in items} | ({text} if re.fullmatch(r"[0-9a-f]{64}", text) else set())
    things = [("about", f"{kind}:{pk}") for pk, _ in items for kind in ("review", "compliance_reviewitem")]
    return [*things, *(("digest", one) for one in sorted(digests))]


def _below(before: str) -> tuple[datetime, int]:
    at, _, number = before.partition("~")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), int(number)
    except (ValueError, OverflowError):
        return LAST, 2**62


def day(text: str) -> date | None:
    """A day as a form sends it; None for anything else, and for days with no time zone or no next day."""
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found and date.min < found < date.max else None


def _midnight(text: str, later: int) -> datetime | None:
    found = day(text)
    return make_aware(datetime.combine(found + timedelta(days=later), time.min)) if found else None
