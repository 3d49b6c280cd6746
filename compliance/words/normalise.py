"""One plain form of a text, so that no spelling trick hides a word, with the way back to the original letters."""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from itertools import product

# Letters of other scripts that look like Latin ones, and signs that NFKD leaves alone.
LOOKALIKES = {
    **dict(zip("авеѕікмһопрстухјԁԛԝ", "abesikmhonpctyxjdqw", strict=True)),
    **dict(zip("αβεικνορτυχγωη", "abeiknoptuxywn", strict=True)),
    **dict(zip("ıłøđħŧɑɡɩ", "ilodhtagi", strict=True)),
    "п": "n", "р": "p", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ð": "d",
    **dict.fromkeys("‘’‚‛ʼʻ`´′＇", "'"),
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    **dict.fromkeys("\u2028\u2029\r\v\f", "\n"),
    **dict.fromkeys("\t", " "),
}  # fmt: skip
LEET = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "!": "i"}
# Three or more single letters kept apart by one and the same sign: "d e b t", "c.r.y.p.t.o", "l-o-a-n".
APART = re.compile(r"(?<![a-z0-9])[a-z0-9](?:([ .\-_*|/·•~+])[a-z0-9])(?:\1[a-z0-9]){1,40}(?![a-z0-9])")
MIXED = re.compile(r"(?<![a-z0-9@$!£€])[a-z0-9@$!]*(?:[a-z][0-9@$!]|[0-9@$!][a-z])[a-z0-9@$!]*")
# Real words made of letters and digits: 401k, p2p, 20x, 1st, 24hrs, q3, p45, web3, covid19, 0345abc are left alone.
GENUINE = re.compile(
    r"\d+[a-z]{1,4}|[a-z]{1,3}\d+[a-z]?|[a-z]\d[a-z]|\d[a-z]\d|[a-z]+(?:19|20)\d\d|[a-z0-9]*\d{3}[a-z0-9]*"
)
LONGEST_RUN, LONGEST_NUMBER = 12, 30
RUNS = re.compile(r"[ \n]{2,}|\d{31,}|([^\s\d])\1{12,}")
MAX_LEET = 6


@dataclass(frozen=True, slots=True)
class Folded:
    """A text and its plain form. Letter i of `text` stands for original[starts[i]:ends[i]]."""

    original: str
    text: str
    starts: tuple[int, ...] | range
    ends: tuple[int, ...] | range

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of text[start:end]; an empty span stays where it is."""
        if start >= end or not self.text:
            here = self.starts[start] if start < len(self.text) else len(self.original)
            return here, here
        return self.starts[start], self.ends[end - 1]

    def quote(self, start: int, end: int) -> str:
        """The original letters of text[start:end]."""
        return slice_of(self.original, self.span(start, end))


def slice_of(text: str, span: tuple[int, int]) -> str:
    """text[start:end]."""
    return text[span[0] : span[1]]


def fold(text: str, known: Container[str] = frozenset()) -> Folded:
    """The plain form: NFKD, no marks or invisible characters, straight quotes and dashes, lower case,
    letters set apart joined, digits that stand for letters undone.

    known: words that a digit may hide; one of them wins over the default reading of a digit.
    """
    if text.isascii():
        plain, starts, ends = text.lower(), list(range(len(text))), list(range(1, len(text) + 1))
        if "\t" in plain or "\r" in plain:
            plain = plain.translate({9: " ", 13: "\n", 11: "\n", 12: "\n"})
    else:
        plain, starts, ends = _plain(text)
    plain, starts, ends = _joined(plain, starts, ends)
    plain, starts, ends = _squeezed(plain, starts, ends)
    plain = MIXED.sub(lambda found: _unleet(found[0], known), plain)
    return Folded(text, plain, tuple(starts), tuple(ends))


def _plain(text: str) -> tuple[str, list[int], list[int]]:
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, original in enumerate(text):
        if original.isascii():
            letters.append(original.lower() if original not in "\t\r\v\f" else LOOKALIKES[original])
            starts.append(index)
            ends.append(index + 1)
            continue
        kept = _letters(original)
        if not kept:
            if ends:  # an invisible character or accent belongs to the letter before it
                ends[-1] = index + 1
            continue
        letters.extend(kept)
        starts.extend([index] * len(kept))
        ends.extend([index + 1] * len(kept))
    return "".join(letters), starts, ends


def _letters(original: str) -> str:
    """What one non-ASCII character stands for; empty for marks and invisible characters."""
    plain = ""
    for one in unicodedata.normalize("NFKD", LOOKALIKES.get(original, original)):
        lowered = LOOKALIKES.get(one.lower(), one.lower())
        if unicodedata.category(one) in ("Mn", "Mc", "Me", "Cf", "Cc", "Cs") and one not in "\n":
            continue
        plain += " " if lowered.isspace() and lowered != "\n" else lowered
    return plain


def _squeezed(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    """Runs of blanks become one, and no run of one sign or of digits is long: no pattern can be made to crawl."""
    gone: set[int] = set()
    for found in RUNS.finditer(text):
        first = found[0][0]
        if first in " \n":
            keep = found.start() + max(0, found[0].find("\n"))
            gone.update(one for one in range(*found.span()) if one != keep)
        else:
            gone.update(range(found.start() + (LONGEST_NUMBER if first.isdigit() else LONGEST_RUN), found.end()))
    return _without(gone, text, starts, ends)


def _without(gone: set[int], text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    if not gone:
        return text, starts, ends
    kept = [index for index in range(len(text)) if index not in gone]
    return "".join(text[i] for i in kept), [starts[i] for i in kept], [ends[i] for i in kept]


def _joined(text: str, starts: list[int], ends: list[int]) -> tuple[str, list[int], list[int]]:
    """Join letters that are set apart by one and the same sign, where at least three of them are letters."""
    gone: set[int] = set()
    for found in APART.finditer(text):
        if sum(one.isalpha() for one in found[0]) >= 3:
            gone.update(range(found.start() + 1, found.end(), 2))
    return _without(gone, text, starts, ends)


def _unleet(word: str, known: Container[str]) -> str:
    """The word with digits read as letters; of equal length. Real words with digits stay."""
    core = word.rstrip("!@")
    tail = word[len(core) :]
    if not core:
        return word
    places = [index for index, one in enumerate(core) if one in LEET]
    odd = sum(not one.isalpha() for one in core)
    if not places or odd > MAX_LEET or odd == len(core):
        return word
    readings = ["".join(one) for one in product(*(LEET.get(one, one) for one in core))]
    for reading in readings:
        if reading in known:
            return reading + tail
    if core.endswith("$") and readings[0][:-1] in known:  # the plural of a known word: "loan$"
        return readings[0] + tail
    inside = core.strip("0123456789@$!") == core and len(core) - odd >= 3
    if not inside or GENUINE.fullmatch(core):
        return word
    return readings[0] + tail
