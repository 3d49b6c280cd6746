"""A second look at texts where no phrase and no rule matched: a small trained model over pieces of words and meanings.

It can only add: what the phrases find stays found. It was trained by `manage.py train_words` on labelled texts; its
weights and the meanings of words ship with the package, are read with numpy and never leave the machine.

A text's score is the sum of three parts: what each piece of it says (a weight), what each piece says in a text of this
meaning (the same weight, turned by the meaning), and how the texts of the training pull that mean something alike.
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
MEANINGS = Path(__file__).parent / "meanings.npz"
SIZE = 1 << 15  # buckets that pieces are hashed into
TURNS = 32  # of a meaning's directions, how many turn the weight of a piece
NEAR = 2.0  # how fast a training text's pull fades as meanings part
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
    """float32 throughout; a text scores at threshold or above.

    idf (SIZE,), weight (SIZE, 1 + TURNS)   of pieces: the plain weight first, then one for each direction of meaning
    rarity (V,), centre (D,)                of the words of `Meanings`, and the mean of the training texts' meanings
    kept (n, D), pull (n,)                  the meaning of each training text, and which way and how hard it pulls
    """

    idf: np.ndarray
    weight: np.ndarray
    rarity: np.ndarray
    centre: np.ndarray
    kept: np.ndarray
    pull: np.ndarray
    bias: float
    threshold: float
    digest: str


@dataclass(frozen=True, slots=True)
class Meanings:
    """place of each of V words · vectors (V, D) float32 of unit length: words used alike lie close together."""

    place: dict[str, int]
    vectors: np.ndarray


def find(folded: Folded) -> list[Finding]:
    """The stretch of words that says most for a person, when the whole text scores high enough; else nothing."""
    model = load()
    if len(folded.text) > MAX_CHARS or not WORD.search(folded.text) or score(folded.text, model) < model.threshold:
        return []
    start, end = folded.span(*_place(folded.text, model))
    return [Finding("words:second", "REVIEW", start, end, folded.original[start:end], CITATION, WHY, "")]


def pieces(text: str) -> list[int]:
    """The buckets of a folded text: words, pairs of words (neighbours, and with one or two between), and runs of three
    to five letters in each word."""
    words = WORD.findall(text)
    edged = ["^", *words, "$"]
    found = [_bucket("w", word) for word in words]
    found += [_bucket("p", f"{one} {two}") for one, two in pairwise(edged)]
    for gap in (2, 3):
        found += [_bucket("s", f"{one} {two}") for one, two in zip(edged, edged[gap:], strict=False)]
    for word in words:
        spaced = f" {word} "
        for length in (3, 4, 5):
            found += [_bucket("c", spaced[at : at + length]) for at in range(max(1, len(spaced) - length + 1))]
    return found


def counts(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Buckets (n,) intp in order and how much each weighs, 1 + log of its count, (n,) float32, before idf."""
    buckets, times = np.unique(np.asarray(pieces(text), dtype=np.intp), return_counts=True)
    return buckets, (1.0 + np.log(times)).astype(np.float32)


def known(text: str) -> list[int]:
    """The places of a folded text's words in `Meanings`, those without a meaning left out."""
    place = meanings().place
    words = (word.removesuffix("'s") for word in WORD.findall(text))
    return [place[word] for word in words if word in place]


def meaning(text: str, model: Weights) -> np.ndarray:
    """What the folded text is about: the mean of its words' meanings, rare words first, (D,) of unit length or zero."""
    found = known(text)
    vector = model.rarity[found] @ meanings().vectors[found] - model.centre
    length = float(np.linalg.norm(vector))
    return vector / length if found and length else np.zeros_like(model.centre)


def score(text: str, model: Weights) -> float:
    """How far the folded text lies on the side of those that a person has to see."""
    buckets, value = counts(text)
    about = meaning(text, model)
    said = value * model.idf[buckets]
    length = float(np.linalg.norm(said)) or 1.0
    by_pieces = float(said @ model.weight[buckets] @ turns(about)) / length
    return model.bias + by_pieces + float(np.exp(NEAR * (model.kept @ about - 1)) @ model.pull)


def turns(about: np.ndarray) -> np.ndarray:
    """One, then the first directions of meanings (..., D) at unit length: (..., 1 + TURNS)."""
    first = about[..., :TURNS]
    first = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    return np.concatenate([np.ones_like(first[..., :1]), first], axis=-1)


@lru_cache(maxsize=1)
def load() -> Weights:
    """The weights that ship with the package."""
    return read(WEIGHTS)


def read(path: Path) -> Weights:
    """Weights as `manage.py train_words` writes them."""
    with np.load(path, allow_pickle=False) as kept:
        arrays = {name: kept[name].astype(np.float32) for name in ("idf", "rarity", "centre", "kept", "pull")}
        return Weights(
            **arrays,
            weight=kept["weight"].astype(np.float32) * kept["scale"],
            bias=float(kept["bias"]),
            threshold=float(kept["threshold"]),
            digest=str(kept["digest"]),
        )


@lru_cache(maxsize=1)
def meanings() -> Meanings:
    """The meanings of words that ship with the package; docs/words.md says where they come from."""
    with np.load(MEANINGS, allow_pickle=False) as kept:
        vectors = kept["vectors"].astype(np.float32)
        place = {word: at for at, word in enumerate(str(kept["words"]).split("\n"))}
    return Meanings(place, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _place(text: str, model: Weights) -> tuple[int, int]:
    """The three neighbouring words that say most for a person."""
    words = list(WORD.finditer(text))
    turned = turns(meaning(text, model))
    said = []
    for word in words:
        buckets, value = counts(word[0])
        said.append(float((value * model.idf[buckets]) @ model.weight[buckets] @ turned))
    best = max(range(len(words)), key=lambda at: sum(said[at : at + 3]))
    return words[best].start(), words[min(best + 2, len(words) - 1)].end()


def _bucket(kind: str, piece: str) -> int:
    return zlib.crc32(f"{kind}:{piece}".encode()) % SIZE
