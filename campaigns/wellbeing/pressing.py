"""How much words press: a small declared lexicon gives each block points for urgency and for fear, with their spans.

The database scores every block version by the same lexicon when its words are written (migration
`pressing_words_are_scored`); nobody else can. A new lexicon is a new number here and there.
"""

import re
from dataclasses import dataclass

VERSION = 1
AT = 50  # from here on words press for time, or frighten
MOST = 100
URGENCY: dict[str, int] = {
    "hurry": 50, "act now": 60, "act fast": 60, "last chance": 60, "don't miss": 50, "today only": 50, "only today": 50,
    "ends today": 50, "ends tonight": 50, "ends soon": 50, "expires today": 50, "expires soon": 50, "final days": 50,
    "final hours": 60, "running out": 50, "only a few left": 50, "limited time": 50, "while stocks last": 50,
    "now or never": 60, "countdown": 40, "don't wait": 50, "before it's too late": 60, "urgent": 40, "immediately": 25,
    "deadline": 20,
}  # fmt: skip
FEAR: dict[str, int] = {
    "lose everything": 60, "left with nothing": 60, "wiped out": 60, "devastating": 50, "destitute": 50,
    "disaster": 40, "nightmare": 40, "ruin": 40, "panic": 40, "crash": 35, "collapse": 35, "plunge": 30,
    "regret": 30, "miss out": 30, "falling behind": 30, "left behind": 30, "afraid": 25, "fear": 20, "worried": 15,
}  # fmt: skip
APOSTROPHES = str.maketrans("\u2018\u2019", "''")
PATTERNS = tuple(
    (kind, points, re.compile(r"(?<!\w)" + re.escape(phrase).replace(r"\ ", r"\s+") + r"(?!\w)"))
    for kind, lexicon in (("urgency", URGENCY), ("fear", FEAR))
    for phrase, points in lexicon.items()
)


@dataclass(frozen=True, slots=True)
class Pressing:
    """One stretch of a text that presses: start and end in characters, "urgency" or "fear", and its points."""

    start: int
    end: int
    kind: str
    points: int
    words: str


def spans(text: str) -> list[Pressing]:
    """Every stretch of a text that the lexicon knows, in order."""
    folded = text.translate(APOSTROPHES).lower()
    if len(folded) != len(text):  # a letter whose small form is longer: places would shift
        folded = "".join(one if len(one.lower()) > 1 else one.lower() for one in text.translate(APOSTROPHES))
    found = [
        Pressing(one.start(), one.end(), kind, points, text[one.start() : one.end()])
        for kind, points, pattern in PATTERNS
        for one in pattern.finditer(folded)
    ]
    return sorted(found, key=lambda one: (one.start, one.end))


def points(text: str, kind: str) -> int:
    """The points of a text for "urgency" or "fear", from 0 to MOST."""
    return min(MOST, sum(one.points for one in spans(text) if one.kind == kind))
