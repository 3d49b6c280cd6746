"""Records of purposes: written whole, approved by two people, one of them an officer, and reviewed within a year.

EU-01, EU-02, EU-12, EU-14: GDPR Art. 6, 30 and 35. The database says no to every use of a purpose without one.
"""

import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

from compliance import ledger, review
from compliance.bulk import purposes
from compliance.models import (
    Jurisdiction,
    LawfulBasis,
    Purpose,
    PurposeRecord,
    ReviewItem,
    ReviewKind,
    ReviewState,
    Staff,
)

SHIPPED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("shipped.json").read_text(encoding="utf-8"))
LONGEST = timedelta(days=366)
SOON = timedelta(days=30)  # to write the next version and have it approved
PROCESSING = {
    "what": "What is done, and for what",
    "people": "Whose data",
    "data": "Which data",
    "recipients": "Who receives them",
    "transfers": "Transfers to other countries, and their safeguards",
    "kept": "How long they are kept",
    "security": "How they are protected",
}  # Art. 30(1)(b) to (g)
INTEREST = {
    "interest": "The interest, and whose",
    "needed": "Why it is needed, and what else was tried",
    "balance": "Why the client's interests do not outweigh it",
}
IMPACT = {
    "described": "The processing and its purposes",
    "needed": "Why it is needed and proportionate",
    "risks": "The risks for people",
    "measures": "What is done about them",
}  # Art. 35(7)(a) to (d)
SECTIONS = {"processing": PROCESSING, "interest": INTEREST, "impact": IMPACT}
ASSESSED = frozenset({Purpose.PROFILING, Purpose.SENSITIVE})  # Art. 35(3)(a), (b)


class BadRecord(ValueError):
    """The record is not whole; the text says what it lacks. Nothing was written."""


def tidy(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without what is empty, so that equal facts have equal digests."""
    said = {
        name: {key: str((facts.get(name) or {}).get(key) or "").strip() for key in keys}
        for name, keys in SECTIONS.items()
    }
    kept = {name: {key: text for key, text in texts.items() if text} for name, texts in said.items()}
    bases = {place: str(basis) for place, basis in sorted((facts.get("bases") or {}).items()) if basis}
    return {**{name: texts for name, texts in kept.items() if texts}, "bases": bases}


def fault(purpose: str, facts: dict[str, Any], *, until: date, on: date) -> str:
    """What the record lacks, as a sentence; empty when it is whole. Facts as `tidy` leaves them."""
    if purpose not in Purpose.values:
        return "Say which purpose it is of."
    if lacks := [place for place in Jurisdiction.values if facts["bases"].get(place) not in LawfulBasis.values]:
        return f"Name the lawful ground in {', '.join(lacks)}."
    needed = {"processing": True, "interest": LawfulBasis.INTEREST in facts["bases"].values(),
              "impact": purpose in ASSESSED}  # fmt: skip
    for name, keys in SECTIONS.items():
        for key, words in keys.items():
            if (needed[name] or facts.get(name)) and not facts.get(name, {}).get(key):
                return f"Fill in “{words}”: {WHY[name] if needed[name] else 'what was begun is written whole'}."
    if not on < until <= on + LONGEST:
        return "It is reviewed after today, and within a year."
    return ""


WHY = {
    "processing": "the record of processing needs it (Art. 30(1))",
    "interest": "legitimate interest needs its assessment (Art. 6(1)(f))",
    "impact": "this purpose needs an impact assessment (Art. 35)",
}


@transaction.atomic
def propose(purpose: str, facts: dict[str, Any], *, until: date, by: Staff, at: datetime) -> PurposeRecord:
    """Write the next version of a purpose's record and put it before the reviewers; it stands once two approve it.

    The same content gives the version that waits or stands; one that was refused or has ended is proposed anew.
    Raises BadRecord.
    """
    facts = tidy(facts)
    if why := fault(purpose, facts, until=until, on=at.date()):
        raise BadRecord(why)
    purposes.take_turns(purpose)
    if known := _alive(purpose, facts, until, at=at):
        return known
    version = (PurposeRecord.objects.filter(purpose=purpose).aggregate(last=Max("version"))["last"] or 0) + 1
    said = {"purpose": purpose, "version": version, "facts": facts, "until": until.isoformat()}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    made = PurposeRecord.objects.create(
        purpose=purpose, version=version, facts=facts, until=until, digest=digest, author=by, made_at=at
    )
    name = Purpose(purpose).label
    review.submit(
        digest=digest,
        kind=ReviewKind.RECORD,
        title=f"{name} (record {made.version})",
        snapshot={"title": name, "about": f"purpose:{purpose}", "parts": parts(facts, until)},
        topics=[],
        findings=[],
        authors=[by],
        reason="A purpose is used only under a record that two people approved.",
        approvals_needed=2,
        by=by,
        at=at,
    )
    about, told = f"purpose:{purpose}", {"version": made.version, "digest": digest}
    ledger.record("purpose.proposed", by=by, at=at, about=about, facts=told)
    return made


def _alive(purpose: str, facts: dict[str, Any], until: date, *, at: datetime) -> PurposeRecord | None:
    """The version with this content that stands at `at`, approved, or waits for its reviewers and could yet stand."""
    of_it = PurposeRecord.objects.filter(purpose=purpose)
    newest = of_it.filter(stands_until__isnull=False).aggregate(last=Max("version"))["last"] or 0
    same = of_it.filter(facts=facts, until=until, version__gte=newest, is_carried=False)
    open_ = ReviewItem.objects.filter(digest=OuterRef("digest"), state__in=(ReviewState.WAITING, ReviewState.CLAIMED))
    return same.filter(Q(stands_until__gt=at) | Exists(open_)).order_by("-version").first()


def parts(facts: dict[str, Any], until: date) -> dict[str, str]:
    """The record as a reviewer reads it."""
    places = {Jurisdiction(place).label: LawfulBasis(basis).label for place, basis in facts["bases"].items()}
    told = {f"ground in {place}": basis for place, basis in places.items()}
    for name, keys in SECTIONS.items():
        told |= {f"{name}: {words.lower()}": facts[name][key] for key, words in keys.items() if facts.get(name)}
    return {**told, "to be reviewed by": until.isoformat()}


def usable(*, at: datetime) -> set[str]:
    """The purposes whose record stands at `at`."""
    return set(PurposeRecord.objects.filter(stands_until__gt=at).values_list("purpose", flat=True))


def ending(*, at: datetime) -> list[tuple[str, datetime | None]]:
    """(name, its end) of each purpose whose record ends within SOON or has ended; None where no version stands."""
    ends = dict(PurposeRecord.objects.values_list("purpose").annotate(Max("stands_until")))
    last = [(Purpose(code).label, ends[code]) for code in Purpose.values if code in ends]
    return [(name, end) for name, end in last if end is None or end < at + SOON]
