"""What changed between two texts, word by word, and where findings lie in one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

WORD = re.compile(r"\s+|[\w'’-]+|[^\w\s]")
MAX_WORDS = 20_000  # beyond it a diff says that everything changed


@dataclass(frozen=True, slots=True)
class Change:
    """A run of words: "same", "ins" or "del"."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text, and the findings that lie on it, as numbers of the list handed in (from 0)."""

    words: str
    findings: tuple[int, ...]


def changes(before: str, after: str) -> list[Change]:
    """What turned one text into the other; only "same" when nothing did."""
    old, new = WORD.findall(before), WORD.findall(after)
    if len(old) + len(new) > MAX_WORDS:
        return [Change(kind, words) for kind, words in (("del", before), ("ins", after)) if words]
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


def flagged(text: str, findings: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The text cut where findings start and end. A finding that lies outside the text marks nothing."""
    marks = [
        (number, int(one["start"]), int(one["end"]))
        for number, one in enumerate(findings)
        if 0 <= int(one["start"]) < int(one["end"]) <= len(text)
    ]
    edges = sorted({0, len(text), *(edge for _, start, end in marks for edge in (start, end))})
    return [
        Span(text[start:end], tuple(number for number, first, last in marks if first <= start and end <= last))
        for start, end in pairwise(edges)
    ]
