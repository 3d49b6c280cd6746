"""Figures: proposed, approved by somebody else, and what shows one that ended waits until it is renewed.

UK-12: COBS 22.5, the firm's current loss percentage; spec 3.3, a value object that expires pauses what renders it.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from campaigns.drafts import canonical
from campaigns.models import BlockVersion, Figure, FigureKind
from compliance import ledger, review
from compliance.judging.quorum import PRODUCTS
from compliance.models import ReviewKind, Staff

LONGEST = {FigureKind.LOSS: timedelta(days=92)}  # a quarter, COBS 22.5; others are looked at again after a year
USUAL = timedelta(days=366)
DECIDED = ("approved", "expired", "withdrawn")
# What would make another number or word of a figure's words: “6%” does not stand in “76%”, “5.6%”, “-6%” or “6%p”.
BEFORE = r"(?<![0-9A-Za-z_+-])(?<![0-9][.,])"
AFTER = r"(?![0-9A-Za-z_])(?![.,][0-9])"
PER_CENT = r"(?! ?%)"  # after words that end with a digit: “6” does not stand in “6 %”


class BadFigure(ValueError):
    """The figure cannot be kept; the text says why. Nothing was written."""


@transaction.atomic
def propose(
    *, code: str, name: str, kind: str, words: str, evidence: str, as_of: date, until: date, product: str = "",
    by: Staff, at: datetime,
) -> Figure:  # fmt: skip
    """Write the next version of a figure and put it before the reviewers; in force once somebody else approves it.

    The same content gives the version that is there. Raises BadFigure.
    """
    words, evidence, name = " ".join(words.split()), evidence.strip(), name.strip()
    if why := _fault(code, name, kind, words, evidence, as_of, until, product):
        raise BadFigure(why)
    facts = {"code": code, "kind": kind, "words": words, "evidence": evidence, "product": product,
             "as_of": as_of.isoformat(), "until": until.isoformat()}  # fmt: skip
    digest = hashlib.sha256(canonical({"figure": facts})).hexdigest()
    if known := Figure.objects.filter(digest=digest).first():
        return known
    last = Figure.objects.filter(code=code).aggregate(last=Max("version"))["last"] or 0
    made = Figure.objects.create(
        code=code, version=last + 1, name=name, kind=kind, words=words, product=product, evidence=evidence,
        as_of=as_of, until=until, digest=digest, author=by, made_at=at,
    )  # fmt: skip
    claim = {"text": words, "evidence": evidence, "as_of": facts["as_of"], "until": facts["until"]}
    review.submit(
        digest=digest,
        kind=ReviewKind.FIGURE,
        title=f"{name} (version {made.version})",
        snapshot={
            "title": name,
            "about": f"figure:{code}",
            "claims": [claim],
            "parts": {"words": words, "what": FigureKind(kind).label, "evidence": evidence},
        },
        topics=[],
        findings=[],
        authors=[by],
        reason="Every text that shows this figure follows it.",
        approvals_needed=1,
        products=[product] if product else [],
        by=by,
        at=at,
    )
    ledger.record("figure.proposed", by=by, at=at, about=f"figure:{made.pk}", facts={**facts, "version": made.version})
    return made


def _fault(code: str, name: str, kind: str, words: str, evidence: str, as_of: date, until: date, product: str) -> str:
    if not code or slugify(code) != code or len(code) > 40:
        return "The code of a figure has lower-case letters, digits and hyphens, at most 40."
    if kind not in FigureKind.values:
        return "Say what kind of figure it is."
    if not 0 < len(name) <= 120 or not 0 < len(words) <= 200 or not 0 < len(evidence) <= 500:
        return "A figure has a name, the words that show it (at most 200 characters) and its evidence (at most 500)."
    if "{{" in words or "}}" in words:
        return "The words of a figure are the same for every client: no field stands in them."
    if not as_of < until <= as_of + LONGEST.get(FigureKind(kind), USUAL):
        return f"It ends after its day, and within {LONGEST.get(FigureKind(kind), USUAL).days} days of it."
    if product and product not in PRODUCTS:
        return f"There is no product “{product}”."
    return ""


def in_force(codes: Iterable[str], *, at: datetime) -> dict[str, str]:
    """The words of each figure that stands at `at`, by code; what ended, was taken back or never approved is absent."""
    rows = list(Figure.objects.filter(code__in=set(codes)).order_by("code", "version"))
    standing = review.standing([one.digest for one in rows], at=at)
    newest = {one.code: one for one in rows if standing.get(one.digest) in DECIDED}
    return {code: one.words for code, one in newest.items() if standing[one.digest] == "approved"}


def shows(body: str, words: str) -> bool:
    """Whether a text shows a figure in these very words; the gate asks the same of `campaigns_shows`."""
    after = AFTER + (PER_CENT if words[-1:].isdecimal() else "")
    return re.search(BEFORE + re.escape(words) + after, body) is not None


def unknown(codes: Sequence[str], body: str, *, at: datetime) -> str:
    """Why a text may not say that it shows these figures, as a sentence; empty when each of them stands in it.

    A text is written for the newest version that nobody rejected, in force or about to be.
    """
    rows = list(Figure.objects.filter(code__in=codes).order_by("version"))
    standing = review.standing([one.digest for one in rows], at=at)
    newest = {one.code: one.words for one in rows if standing.get(one.digest) != "rejected"}
    for code in codes:
        if code not in newest:
            return f"There is no figure “{code}”. Propose it first."
        if not shows(body, newest[code]):
            return f"The text does not show the figure “{code}”: it reads “{newest[code]}”."
    return ""


def ended(versions: Iterable[BlockVersion], *, at: datetime) -> dict[int, str]:
    """{version id: sentence} of those that show a figure which does not stand, or not in these words."""
    shown = [one for one in versions if one.figures]
    stands = in_force({code for one in shown for code in one.figures}, at=at) if shown else {}
    said = {}
    for one in shown:
        for code in one.figures:
            if code not in stands:
                said[one.pk] = (
                    f"shows the figure “{code}”, which ended or is not approved: it waits until it is renewed"
                )
            elif not shows(one.body, stands[code]):
                said[one.pk] = f"shows another “{code}” than the one in force, “{stands[code]}”: write it anew"
    return said
