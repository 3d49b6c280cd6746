"""A second look at texts where no phrase and no rule matched: a small linear model over pieces of words.

It can only add: what the phrases find stays found. It was trained by `manage.py train_words` on labelled texts; its
weights ship with the package, are read with numpy and never leave the machine.
"""

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from compliance.words.normalise import Folded

WEIGHTS = Path(__file__).parent / "second.npz"
SIZE = 1 << 15  # buckets that pieces are hashed into
MAX_CHARS = 2_000  # longer texts are made of parts that were judged one by one
WORD = re.compile(r"[a-z0-9']+|[^\w\s]")
WHY = "No phrase or rule matched, but the words are close to texts that a person has to see."
CITATION = "A second, trained look (taxonomy section 1: routing leans towards recall)"


@dataclass(frozen=True, slots=True)
class Finding:
    """The words that moved the model most. start and end count characters of the original."""

    rule: str
    severity: str
    start: int
    end: int
    quote: str
    citation: str
    why: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Weights:
    """idf and weight (SIZE,) float32 · bias, threshold float: a text scores at threshold or above in probability."""

    idf: np.ndarray
    weight: np.ndarray
    bias: float
    threshold: float
    digest: str


def find(folded: Folded) -> list[Finding]:
    """The stretch of words that says most for a person, when the whole text scores high enough; else nothing."""
    model = load()
    if len(folded.text) > MAX_CHARS or probability(folded.text, model) < model.threshold:
        return []
    start, end = folded.span(*_place(folded.text, model))
    return [Finding("words:second", "REVIEW", start, end, folded.original[start:end], CITATION, WHY, "")]


def pieces(text: str) -> list[int]:
    """The buckets of a folded text: words, pairs of words, and runs of three to five letters in each word."""
    words = WORD.findall(text)
    found = [_bucket("w", word) for word in words]
    found += [_bucket("p", f"{one} {two}") for one, two in pairwise(words)]
    for word in words:
        edged = f" {word} "
        for length in (3, 4, 5):
            found += [_bucket("c", edged[at : at + length]) for at in range(max(1, len(edged) - length + 1))]
    return found


def counts(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Buckets (n,) intp in order and how much each weighs, 1 + log of its count, (n,) float32, before idf."""
    buckets, times = np.unique(np.asarray(pieces(text), dtype=np.intp), return_counts=True)
    return buckets, (1.0 + np.log(times)).astype(np.float32)


def probability(text: str, model: Weights) -> float:
    """How likely a person has to see the folded text, in [0, 1]. 0 for a text without words."""
    buckets, value = counts(text)
    if not len(buckets):
        return 0.0
    value = value * model.idf[buckets]
    length = float(np.linalg.norm(value)) or 1.0
    return float(1.0 / (1.0 + np.exp(-(model.bias + float(value @ model.weight[buckets]) / length))))


@lru_cache(maxsize=1)
def load() -> Weights:
    """The weights that ship with the package."""
    with np.load(WEIGHTS, allow_pickle=False) as kept:
        return Weights(
            idf=kept["idf"].astype(np.float32),
            weight=kept["weight"].astype(np.float32),
            bias=float(kept["bias"]),
            threshold=float(kept["threshold"]),
            digest=str(kept["digest"]),
        )


def _place(text: str, model: Weights) -> tuple[int, int]:
    """The three neighbouring words that say most for a person."""
    words = list(WORD.finditer(text))
    said = []
    for word in words:
        buckets, value = counts(word[0])
        said.append(float((value * model.idf[buckets]) @ model.weight[buckets]))
    best = max(range(len(words)), key=lambda at: sum(said[at : at + 3]))
    return words[best].start(), words[min(best + 2, len(words) - 1)].end()


def _bucket(kind: str, piece: str) -> int:
    return zlib.crc32(f"{kind}:{piece}".encode()) % SIZE
