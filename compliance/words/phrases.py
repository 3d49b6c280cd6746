"""A small language for phrases, matched word by word: fast, readable by an officer, and unable to backtrack badly.

    word        that word                      word*      any word that begins so
    a|b|c       one of them                    ?a|b       one of them or nothing
    #           a number                       ~3         up to three words between, in the same sentence
    ~~12        up to twelve words between, sentences may end there
    ^ and $     the text begins or ends here   . ! ?      a sentence ends with that sign (`.` with any)

Signs such as %, £, $, @, emoji and currency symbols are words of their own. A trailing 's is dropped before matching;
hyphens part words, apostrophes inside words stay. A choice is one word: `a|b ~1 c|d` is a or b, then c or d; two words
among single ones take a line of their own.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

TOKEN = re.compile(
    r"\d+(?:[.,]\d+)*(?=[^\w.,]|[.,](?!\d)|$)|[a-z0-9]+(?:'[a-z]+)*|[.!?]+|\n+|[^\s\w,;:'\"()\[\]{}<>/\\\-_]", re.S
)


MAX_SEEN = 20_000


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign of a folded text, with its place in it."""

    word: str
    start: int
    end: int
    is_stop: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One place of a phrase: words that fit exactly, beginnings that fit, and how far it may be from the last."""

    exact: frozenset[str]
    prefixes: tuple[str, ...]
    number: bool = False
    gap: int = 0
    crosses: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A parsed phrase, with the line it was written as and what it stands for (a topic, a rule)."""

    source: str
    tag: str
    steps: tuple[Step, ...]
    at_start: bool = False
    at_end: bool = False
    needs: frozenset[str] | None = None  # one of these words must be in the text; None when that cannot be said


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a phrase was found: token positions [first, last] and letters [start, end) of the folded text."""

    phrase: Phrase
    first: int
    last: int
    start: int
    end: int


class BadPhrase(ValueError):
    """A line that is not a phrase; the message quotes it."""


def tokens(text: str) -> list[Token]:
    """The words and signs of a folded text, in order; runs of .!? or line ends are one stop."""
    found = []
    for one in TOKEN.finditer(text):
        word = one[0]
        stop = word[0] in ".!?\n"
        if stop:
            word = "?" if "?" in word else "!" if "!" in word else "."
        elif word.endswith("'s"):
            word = word[:-2]
        found.append(Token(word, one.start(), one.end(), stop))
    return found


def parse(line: str, tag: str = "") -> Phrase:
    """Read one line of the language. Raises BadPhrase."""
    steps: list[Step] = []
    gap, crosses, words = 0, False, line.split()
    at_start, at_end = words[:1] == ["^"], words[-1:] == ["$"]
    for word in words[at_start : len(words) - at_end]:
        if re.fullmatch(r"~~?\d+", word):
            gap, crosses = int(word.lstrip("~")), word.startswith("~~")
            continue
        steps.append(_step(word, gap, crosses, line))
        gap, crosses = 0, False
    if not steps or gap or steps[0].optional or steps[-1].optional or steps[0].gap:
        raise BadPhrase(f"not a phrase: {line!r}")
    sure = [one.exact for one in steps[1:] if not (one.prefixes or one.number or one.optional)]
    return Phrase(line, tag, tuple(steps), at_start, at_end, min(sure, key=len, default=None))


def _step(word: str, gap: int, crosses: bool, line: str) -> Step:
    optional = word.startswith("?") and len(word) > 1
    choices = word[optional:].split("|")
    if not all(choices):
        raise BadPhrase(f"empty choice in {line!r}")
    exact = {one for one in choices if not (one.endswith("*") and len(one) > 1) and one != "#"}
    prefixes = tuple(one[:-1] for one in choices if one.endswith("*") and len(one) > 1)
    if "." in exact:
        exact |= {"!", "?"}
    return Step(frozenset(exact), prefixes, "#" in choices, gap, crosses, optional)


def read(text: str, tag: str = "") -> tuple[list[Phrase], list[Phrase]]:
    """The phrases of a file: those that show something, and those ("- " in front) that only look like it.

    `[code]` on a line of its own changes the tag of what follows; `//` starts a comment.
    """
    shows: list[Phrase] = []
    spares: list[Phrase] = []
    for raw in text.splitlines():
        line = raw.split("//")[0].strip()
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            tag = heading[1]
        elif line.startswith("- "):
            spares.append(parse(line[2:], tag))
        elif line:
            shows.append(parse(line, tag))
    return shows, spares


def known_words(phrases: Iterable[Phrase]) -> frozenset[str]:
    """Every word or beginning of at least four letters that the phrases name."""
    words = {word for phrase in phrases for step in phrase.steps for word in (*step.exact, *step.prefixes)}
    return frozenset(word for word in words if len(word) >= 4 and word.isalpha())


class Lexicon:
    """Many phrases, indexed by their first word, so that a text is read once."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self.by_word: dict[str, list[Phrase]] = defaultdict(list)
        self.numbers: list[Phrase] = []
        by_prefix: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in phrases:
            first = phrase.steps[0]
            for word in first.exact:
                self.by_word[word].append(phrase)
            for prefix in first.prefixes:
                by_prefix[prefix].append(phrase)
            if first.number:
                self.numbers.append(phrase)
        self.by_prefix = dict(by_prefix)
        self.lengths = sorted({len(one) for one in by_prefix})
        self.seen: dict[str, list[Phrase]] = {}  # what starts with a word met before; at most MAX_SEEN words

    def hits(self, found: Sequence[Token], tags: Container[str] | None = None) -> Iterator[Hit]:
        """Every place where a phrase stands, at most one for each phrase and first word; of `tags` only, if given."""
        present = {one.word for one in found}
        for position, token in enumerate(found):
            for phrase in self._starting(token.word):
                if phrase.needs is not None and phrase.needs.isdisjoint(present):
                    continue
                if tags is not None and phrase.tag not in tags:
                    continue
                if phrase.at_start and any(not one.is_stop for one in found[:position]):
                    continue
                last = _last(phrase, found, position)
                if last is not None:
                    yield Hit(phrase, position, last, token.start, found[last].end)

    def _starting(self, word: str) -> Sequence[Phrase]:
        known = self.seen.get(word)
        if known is None:
            known = list(self.by_word.get(word, ()))
            for length in self.lengths[: bisect_left(self.lengths, len(word) + 1)]:
                known += self.by_prefix.get(word[:length], ())
            if word[0].isdigit():
                known += self.numbers
            if len(self.seen) >= MAX_SEEN:
                self.seen.clear()
            self.seen[word] = known
        return known


def _last(phrase: Phrase, found: Sequence[Token], position: int) -> int | None:
    """The token where the phrase ends when it starts at `position`.

    Keeps the list of reachable tokens, so that the work is bounded by phrase × window: nothing can backtrack.
    """
    here = [position]
    left: list[int] = []  # tokens after which an optional step was left out
    for step in phrase.steps[1:]:
        exact, prefixes, number, gap, crosses = step.exact, step.prefixes, step.number, step.gap, step.crosses
        sources = here if not left else sorted({*here, *left})
        here = []
        for source in sources:
            for one in range(source + 1, min(source + 2 + gap, len(found))):
                word = found[one].word
                if word in exact or (prefixes and word.startswith(prefixes)) or (number and word[0].isdigit()):
                    if one not in here:
                        here.append(one)
                elif found[one].is_stop and not crosses:
                    break
        left = sources if step.optional else []
        if not here and not left:
            return None
    if phrase.at_end:
        here = [one for one in here if all(token.is_stop for token in found[one + 1 :])]
    return min(here) if here else None
