"""A second look at texts where no phrase and no rule matched: a small trained model over pieces of words and meanings.

It can only add: what the phrases find stays found. It was made by `manage.py train_words` from labelled texts and a
list of kinds of words (`kinds.txt`) alone, the meanings of words too; it ships with the package, is read with numpy and
never leaves the machine.

A text's score is the sum of two parts: what each piece of it says (a weight), and what each piece says in a text of
this meaning (a weight for each direction of meaning).
"""

import hashlib
import io
import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from compliance.words.normalise import Folded

WEIGHTS = Path(__file__).parent / "second.npz"
KINDS = Path(__file__).parent / "kinds.txt"
SIZE = 1 << 15  # buckets that pieces are hashed into
MAX_CHARS = 2_000  # longer texts are made of parts that were judged one by one
WORD = re.compile(r"[a-z0-9']+|[^\w\s]")
BESIDE, NEAR = 2, 5  # how far a word, and another kind, may stand from a kind that it is paired with
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

    idf (SIZE,), weight (SIZE, 1 + D)   of pieces: the plain weight first, then one for each direction of meaning
    place, vectors (V, D)               of each of V words: used alike, they point alike; rare ones are longer
    centre (D,)                         the mean of what the training texts mean
    made_with                           sha256 of the kinds it was trained with, hex
    digest                              sha256 of the file, hex
    """

    idf: np.ndarray
    weight: np.ndarray
    place: dict[str, int]
    vectors: np.ndarray
    centre: np.ndarray
    bias: float
    threshold: float
    made_with: str
    digest: str


def find(folded: Folded) -> list[Finding]:
    """The stretch of words that says most for a person, when the whole text scores high enough; else nothing."""
    model = load()
    if len(folded.text) > MAX_CHARS or not WORD.search(folded.text) or score(folded.text, model) < model.threshold:
        return []
    start, end = folded.span(*_place(folded.text, model))
    return [Finding("words:second", "REVIEW", start, end, folded.original[start:end], CITATION, WHY, "")]


def pieces(text: str) -> list[int]:
    """The buckets of a folded text: words, pairs of words (neighbours, and with one or two between), runs of three to
    five letters in each word, kinds of words, and pairs of kinds or of a kind and a word without one."""
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
    return found + _kinds_of(text)


def counts(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Buckets (n,) intp in order and how much each weighs, 1 + log of its count, (n,) float32, before idf."""
    buckets, times = np.unique(np.asarray(pieces(text), dtype=np.intp), return_counts=True)
    return buckets, (1.0 + np.log(times)).astype(np.float32)


def spoken(text: str) -> list[str]:
    """The words of a folded text that can mean something, in order, then their kinds, as `Weights.place` names them."""
    words = _bare(text)
    return words + [f"+{kind}" for word in words for kind in kinds().get(word, ())]


@lru_cache(maxsize=1)
def kinds() -> dict[str, tuple[str, ...]]:
    """The kinds of each word that has any: lines of `kinds.txt`, "kind: word word". A word may be of several."""
    found: dict[str, tuple[str, ...]] = {}
    for line in KINDS.read_text(encoding="utf-8").splitlines():
        kind, words = line.split(": ")
        for word in words.split():
            found[word] = (*found.get(word, ()), kind)
    return found


def kinds_digest() -> str:
    """sha256 hex of the list of kinds."""
    return hashlib.sha256(KINDS.read_bytes()).hexdigest()


def meaning(text: str, model: Weights) -> np.ndarray:
    """What the folded text is about: the sum of its words' meanings, rare words first, (D,) of unit length or zero."""
    found = [model.place[word] for word in spoken(text) if word in model.place]
    meant = model.vectors[found].sum(axis=0)
    if not meant.any():
        return meant
    vector = meant - model.centre
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def score(text: str, model: Weights) -> float:
    """How far the folded text lies on the side of those that a person has to see."""
    buckets, value = counts(text)
    said = value * model.idf[buckets]
    length = float(np.linalg.norm(said)) or 1.0
    return model.bias + float(said @ model.weight[buckets] @ _turns(text, model)) / length


@lru_cache(maxsize=1)
def load() -> Weights:
    """The weights that ship with the package."""
    return read(WEIGHTS)


def read(path: Path) -> Weights:
    """Weights as `manage.py train_words` writes them."""
    raw = path.read_bytes()
    with np.load(io.BytesIO(raw), allow_pickle=False) as kept:
        return Weights(
            idf=kept["idf"].astype(np.float32),
            weight=kept["weight"].astype(np.float32) * kept["scale"],
            place={word: at for at, word in enumerate(str(kept["words"]).split("\n"))},
            vectors=kept["vectors"].astype(np.float32),
            centre=kept["centre"].astype(np.float32),
            bias=float(kept["bias"]),
            threshold=float(kept["threshold"]),
            made_with=str(kept["made_with"]),
            digest=hashlib.sha256(raw).hexdigest(),
        )


def _turns(text: str, model: Weights) -> np.ndarray:
    """One, for the plain weight, and the text's meaning: (1 + D,)."""
    return np.concatenate([np.ones(1, np.float32), meaning(text, model)])


def _place(text: str, model: Weights) -> tuple[int, int]:
    """The three neighbouring words that say most for a person."""
    words = list(WORD.finditer(text))
    turned = _turns(text, model)
    said = []
    for word in words:
        buckets, value = counts(word[0])
        said.append(float((value * model.idf[buckets]) @ model.weight[buckets] @ turned))
    best = max(range(len(words)), key=lambda at: sum(said[at : at + 3]))
    return words[best].start(), words[min(best + 2, len(words) - 1)].end()


def _bare(text: str) -> list[str]:
    return [word.removesuffix("'s") for word in WORD.findall(text)]


def _kinds_of(text: str) -> list[int]:
    words = _bare(text)
    of = [kinds().get(word, ()) for word in words]
    found = []
    for at, these in enumerate(of):
        found += [_bucket("k", kind) for kind in these]
        for other in of[at + 1 : at + 1 + NEAR]:
            found += [_bucket("kk", " ".join(sorted(pair))) for pair in product(these, other) if pair[0] != pair[1]]
        for one in range(max(0, at - BESIDE), min(len(words), at + BESIDE + 1)):
            if one != at and not of[one]:
                found += [_bucket("kw", f"{kind} {words[one]}") for kind in these]
    return found


def _bucket(kind: str, piece: str) -> int:
    return zlib.crc32(f"{kind}:{piece}".encode()) % SIZE
