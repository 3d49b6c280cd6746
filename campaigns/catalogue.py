"""The library as people look through it: every block, its newest words, where they stand and who uses them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

from django.db.models import Count, Q

from campaigns import wording
from campaigns.models import Block, BlockVersion
from compliance import review

STATES = {
    "draft": "Draft",
    "waiting": "Waiting for an editor",
    "approved": "Approved",
    "rejected": "Rejected",
    "withdrawn": "Approval withdrawn",
    "expired": "Approval ended",
    "ended": "Ended",
    "archived": "Archived",
}
WORD = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for; an empty string means anything."""

    words: str = ""
    slot: str = ""
    topic: str = ""
    framing: str = ""
    language: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One block, its newest version, where that stands, and how many campaigns name any version of it."""

    block: Block
    version: BlockVersion
    state: str
    uses: int

    @property
    def state_words(self) -> str:
        """The state in words."""
        return STATES[self.state]

    @property
    def shown(self) -> str:
        """The words with typical values in the open fields."""
        return wording.parse(self.version.body).sample().text


def entries(wanted: Wanted, *, at: datetime) -> list[Entry]:
    """The blocks that match, by slot and name. Archived ones only when asked for."""
    newest = BlockVersion.objects.order_by("block_id", "-number").distinct("block_id").values("pk")
    versions = list(
        BlockVersion.objects.filter(_matches(wanted), pk__in=newest)
        .select_related("block", "block__owner")
        .annotate(uses_count=Count("block__versions__uses__campaign", distinct=True))
        .order_by("block__slot", "block__name")
    )
    stand = states(versions, at=at)
    listed = [Entry(one.block, one, stand[one.pk], one.uses_count) for one in versions]
    if wanted.state:
        return [one for one in listed if one.state == wanted.state]
    return [one for one in listed if one.state != "archived"]


def _matches(wanted: Wanted) -> Q:
    asked = Q()
    for name in ("framing", "language"):
        if value := getattr(wanted, name):
            asked &= Q(**{name: value})
    if wanted.slot:
        asked &= Q(block__slot=wanted.slot)
    if wanted.topic:
        asked &= Q(topics__contains=[wanted.topic])
    if wanted.words:
        named = Q(block__name__icontains=wanted.words) | Q(block__slug__icontains=wanted.words)
        asked &= named | Q(body__icontains=wanted.words)
    return asked


def states(versions: list[BlockVersion], *, at: datetime) -> dict[int, str]:
    """Where each version stands: a key of STATES by primary key. Blocks must be loaded."""
    stand = review.standing([one.digest for one in versions], at=at)
    return {one.pk: _state(one, stand, at) for one in versions}


def _state(version: BlockVersion, stand: dict[str, str], at: datetime) -> str:
    if version.block.archived_at is not None:
        return "archived"
    if version.published_at is None:
        return "draft"
    if version.valid_until is not None and version.valid_until <= at:
        return "ended"
    return stand.get(version.digest, "waiting")


def choices() -> dict[str, list[str]]:
    """The topics and languages that newest versions have, for the filters."""
    rows = BlockVersion.objects.filter(block__archived_at=None).values_list("topics", "language")
    found = list(rows)
    return {
        "topics": sorted({topic for topics, _ in found for topic in topics}),
        "languages": sorted({language for _, language in found}),
    }


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text, and the codes of the findings that lie on it."""

    words: str
    rules: str


def flagged(text: str, findings: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The text cut where findings begin and end, so that a page can mark them."""
    marks = [(one["start"], one["end"], one["rule"]) for one in findings if one["start"] < one["end"] <= len(text)]
    edges = sorted({0, len(text), *(edge for start, end, _ in marks for edge in (start, end))})
    spans = []
    for start, end in pairwise(edges):
        rules = sorted({rule for first, last, rule in marks if first <= start and end <= last})
        spans.append(Span(text[start:end], ", ".join(rules)))
    return spans


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words: "same", "ins" or "del"."""

    kind: str
    words: str


def changes(before: str, after: str) -> list[Change]:
    """What turned one text into another, word by word."""
    old, new = WORD.findall(before), WORD.findall(after)
    made: list[Change] = []
    for kind, start, end, begin, finish in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            made.append(Change("same", "".join(old[start:end])))
            continue
        if end > start:
            made.append(Change("del", "".join(old[start:end])))
        if finish > begin:
            made.append(Change("ins", "".join(new[begin:finish])))
    return made
