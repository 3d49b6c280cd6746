"""Copy rules on one text: patterns as the compliance desk wrote them, checks of structure, and phrases that widen them.

Which rules there are is said by a `Book`: the one that the package ships, or the one in force in the database (see
`compliance.copyrules.book`).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from compliance.words import structure, topics
from compliance.words.normalise import Folded
from compliance.words.phrases import Lexicon, Token, known_words, read, tokens

HERE = Path(__file__).parent
STYLES = ("subject", "cta", "push", "sms", "para", "message", "full_email")
STANDALONE = frozenset({"push", "sms", "para", "message", "full_email"})
UNROUTED = frozenset({"opt_out_footer", "readability"})
MAX_FINDINGS = 3  # of one rule in one text
# A guarantee that is denied is not given: looked for before a match, in the same sentence, and inside it.
DENIED = re.compile(r"(?:\b(?:no|not|never|nothing|without|hardly|neither|nor|nobody|cannot)\b|n't\b)[^.!?\n]{0,40}$")
DENIAL = re.compile(r"\b(?:not|never|cannot)\b|n't\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one copy rule. match, also, unless: patterns over folded text; check: one of structure instead.

    styles: () every style, "assembled" and "sending" are judged where a message is put together or leaves
    market: "" every market · purposes: () every purpose · deniable: a denial beside the match spares it
    trips, spares: its own test texts, which it must and must not find
    phrases: lines of `compliance.words.phrases` that it finds as well; with "- " in front, that only look like it
    """

    code: str
    family: str
    severity: str
    styles: tuple[str, ...] = ()
    market: str = ""
    text: str = ""
    trips: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()
    citation: str = ""
    suggestion: str = ""
    match: str = ""
    also: str = ""
    unless: str = ""
    check: str = ""
    phrases: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    deniable: bool = False
    valid_from: str = ""
    valid_to: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule broken in a text. start and end count characters of the original."""

    rule: str
    version: int
    family: str
    severity: str
    start: int
    end: int
    quote: str
    citation: str
    why: str
    suggestion: str


def digest(rule: Rule) -> str:
    """sha256 hex of everything this version says: what an approval of it attaches to."""
    return hashlib.sha256(json.dumps(asdict(rule), sort_keys=True).encode()).hexdigest()


class Book:
    """Rules ready to be asked: compiled, and named by what they say.

    rules  by code · digest  sha256 hex over every rule and topic phrase · known  words that a digit may hide, see
    normalise.fold
    """

    __slots__ = ("digest", "known", "lexicons", "patterns", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises re.error or phrases.BadPhrase for a rule that cannot be asked."""
        self.rules = tuple(sorted(rules, key=lambda one: (one.code, one.version)))
        self.patterns = {one.code: _compiled(one) for one in self.rules if one.match}
        read_each = [read("\n".join(one.phrases), one.code) for one in self.rules if one.phrases]
        shows = [phrase for found, _ in read_each for phrase in found]
        spares = [phrase for _, found in read_each for phrase in found]
        self.lexicons = Lexicon(shows), Lexicon(spares)
        of_topics = [phrase for side in topics.vocabulary() for phrase in side]
        words = " ".join(f"{one.match} {one.also} {' '.join(one.trips).lower()}" for one in self.rules)
        found = re.findall(r"(?<!\\)\b[a-z]{4,}", words)
        self.known = known_words([*of_topics, *shows]) | frozenset(found)
        parts = [*(digest(one) for one in self.rules), *(one.source for one in of_topics)]
        self.digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check(
    folded: Folded,
    *,
    book: Book,
    style: str,
    market: str,
    purpose: str = "marketing",
    words: Sequence[Token] | None = None,
) -> list[Finding]:
    """Every rule of the book that the text breaks."""
    words = tokens(folded.text) if words is None else words
    found: dict[tuple[str, int], Finding] = {}
    for rule, start, end in _broken(folded, words, book, style, market, purpose):
        finding = _finding(rule, start, end, folded)
        found.setdefault((rule.code, finding.start), finding)
    return sorted(found.values(), key=lambda one: (one.start, one.rule))


def routes(family: str) -> bool:
    """Whether a family alone sends a text to a person."""
    return family not in UNROUTED


@lru_cache(maxsize=1)
def shipped() -> Book:
    """The ninety rules that the package ships, each widened by the phrases of its family's file."""
    widened: dict[str, list[str]] = {}
    for path in sorted((HERE / "families").glob("*.txt")):
        shows, spares = read(path.read_text(encoding="utf-8"))
        for one in shows:
            widened.setdefault(one.tag, []).append(one.source)
        for one in spares:
            widened.setdefault(one.tag, []).append(f"- {one.source}")
    rows = json.loads((HERE / "rules.json").read_text(encoding="utf-8"))
    return Book(_shipped(row, widened.get(row["code"], [])) for row in rows)


def _shipped(row: dict[str, Any], phrases: list[str]) -> Rule:
    lists = {name: tuple(row.get(name, ())) for name in ("styles", "purposes")}
    pair = {name: (row[name],) for name in ("trips", "spares")}
    better = advice()[row["family"]]["better"]
    return Rule(**{**row, **lists, **pair, "phrases": tuple(phrases), "suggestion": better})


@lru_cache(maxsize=1)
def advice() -> dict[str, dict[str, str]]:
    """For each family, why it matters and how to put it better."""
    return dict(json.loads((HERE / "advice.json").read_text(encoding="utf-8")))


def applies(rule: Rule, *, style: str, market: str, purpose: str) -> bool:
    """Whether a rule is asked about this kind of text at all."""
    return (
        (not rule.styles or style in rule.styles)
        and (not rule.market or rule.market == market)
        and (not rule.purposes or purpose in rule.purposes)
    )


def _broken(
    folded: Folded, words: Sequence[Token], book: Book, style: str, market: str, purpose: str
) -> Iterator[tuple[Rule, int, int]]:
    asked = [one for one in book.rules if applies(one, style=style, market=market, purpose=purpose)]
    patterns = book.patterns
    for rule in asked:
        if rule.check:
            for start, end in structure.check(rule.check, folded, style=style, market=market):
                yield rule, start, end
        elif rule.match:
            match, also, unless = patterns[rule.code]
            if (also and not also.search(folded.text)) or (unless and unless.search(folded.text)):
                continue
            for begin, stop in islice(_spans(rule, match, folded.text), MAX_FINDINGS):
                yield rule, begin, stop
    by_code = {one.code: one for one in asked}
    shows, spares = book.lexicons
    hits = list(shows.hits(words, by_code))
    spared = list(spares.hits(words, {hit.phrase.tag for hit in hits})) if hits else []
    for hit in hits:
        one = by_code.get(hit.phrase.tag)
        if one is None or any(s.phrase.tag == one.code and s.first <= hit.last and hit.first <= s.last for s in spared):
            continue
        unless = patterns[one.code][2] if one.code in patterns else None
        if not (unless and unless.search(folded.text)) and not _denied(one, folded.text, hit.start, hit.end):
            yield one, hit.start, hit.end


def _spans(rule: Rule, match: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    for found in match.finditer(text):
        if found.end() > found.start() and not _denied(rule, text, *found.span()):
            yield found.span()


def _denied(rule: Rule, text: str, start: int, end: int) -> bool:
    return rule.deniable and bool(DENIED.search(text[max(0, start - 60) : start]) or DENIAL.search(text[start:end]))


def _finding(rule: Rule, start: int, end: int, folded: Folded) -> Finding:
    first, last = folded.span(start, end)
    return Finding(
        rule=rule.code,
        version=rule.version,
        family=rule.family,
        severity=rule.severity,
        start=first,
        end=last,
        quote=folded.original[first:last],
        citation=rule.citation,
        why=rule.text,
        suggestion=rule.suggestion,
    )


Patterns = tuple[re.Pattern[str], re.Pattern[str] | None, re.Pattern[str] | None]


def _compiled(rule: Rule) -> Patterns:
    """The rule's match, also and unless."""
    also, unless = (re.compile(one) if one else None for one in (rule.also, rule.unless))
    return re.compile(rule.match), also, unless
