"""Copy rules on one text: 70 patterns as the compliance desk wrote them, checks of structure, and a wider lexicon."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from compliance.words import structure, topics
from compliance.words.normalise import Folded
from compliance.words.phrases import Lexicon, Phrase, Token, known_words, read, tokens

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
    """One copy rule. match, also, unless: patterns over folded text; `check` names a structural check instead.

    styles: [] every style, "assembled" and "sending" are judged where a message is put together or leaves
    market: "" every market · purposes: () every purpose · deniable: a denial beside the match spares it
    """

    code: str
    family: str
    severity: str
    styles: tuple[str, ...]
    market: str
    text: str
    trips: str
    spares: str
    citation: str
    match: str
    also: str
    unless: str
    check: str
    valid_from: str
    purposes: tuple[str, ...] = ()
    deniable: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule broken in a text. start and end count characters of the original."""

    rule: str
    family: str
    severity: str
    start: int
    end: int
    quote: str
    citation: str
    why: str
    suggestion: str


def check(
    folded: Folded,
    *,
    style: str,
    market: str,
    purpose: str = "marketing",
    topics: Collection[str] = (),
    words: Sequence[Token] | None = None,
) -> list[Finding]:
    """Every rule the text breaks; topics: codes already found in it, which some rules need."""
    words = tokens(folded.text) if words is None else words
    found: dict[tuple[str, int], Finding] = {}
    for rule, start, end in _broken(folded, words, style, market, purpose, frozenset(topics)):
        finding = _finding(rule, start, end, folded)
        found.setdefault((rule.code, finding.start), finding)
    return sorted(found.values(), key=lambda one: (one.start, one.rule))


def routes(family: str) -> bool:
    """Whether a family alone sends a text to a person."""
    return family not in UNROUTED


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The ninety rules, as the package ships them."""
    rows = json.loads((HERE / "rules.json").read_text(encoding="utf-8"))
    return tuple(
        Rule(**{**row, "styles": tuple(row["styles"]), "purposes": tuple(row.get("purposes", ()))}) for row in rows
    )


@lru_cache(maxsize=1)
def advice() -> dict[str, dict[str, str]]:
    """For each family, why it matters and how to put it better."""
    return dict(json.loads((HERE / "advice.json").read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def wider() -> tuple[tuple[Phrase, ...], tuple[Phrase, ...]]:
    """Phrases that widen a rule beyond its pattern, tagged with the rule's code, and those that only look like it."""
    shows: list[Phrase] = []
    spares: list[Phrase] = []
    for path in sorted((HERE / "families").glob("*.txt")):
        these, those = read(path.read_text(encoding="utf-8"))
        shows += these
        spares += those
    return tuple(shows), tuple(spares)


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Words that a digit may hide, see normalise.fold."""
    shown, spared = topics.vocabulary()
    patterns = " ".join(f"{rule.match} {rule.also} {rule.trips.lower()}" for rule in rules())
    return known_words([*shown, *spared, *wider()[0]]) | frozenset(re.findall(r"(?<!\\)\b[a-z]{4,}", patterns))


@lru_cache(maxsize=1)
def ruleset() -> str:
    """sha256 hex over every rule and phrase in force."""
    parts = [repr(rules()), *(one.source for pair in (topics.vocabulary(), wider()) for side in pair for one in side)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def applies(rule: Rule, *, style: str, market: str, purpose: str) -> bool:
    """Whether a rule is asked about this kind of text at all."""
    return (
        (not rule.styles or style in rule.styles)
        and (not rule.market or rule.market == market)
        and (not rule.purposes or purpose in rule.purposes)
    )


def _broken(
    folded: Folded, words: Sequence[Token], style: str, market: str, purpose: str, found: frozenset[str]
) -> Iterator[tuple[Rule, int, int]]:
    asked = [one for one in rules() if applies(one, style=style, market=market, purpose=purpose)]
    patterns = _patterns()
    for rule in asked:
        if rule.check:
            for start, end in structure.check(rule.check, folded, style=style, market=market, topics=found):
                yield rule, start, end
        elif rule.match:
            match, also, unless = patterns[rule.code]
            if (also and not also.search(folded.text)) or (unless and unless.search(folded.text)):
                continue
            for begin, stop in islice(_spans(rule, match, folded.text), MAX_FINDINGS):
                yield rule, begin, stop
    by_code = {one.code: one for one in asked}
    shows, spares = _lexicons()
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
    note = advice()[rule.family]
    return Finding(
        rule=rule.code,
        family=rule.family,
        severity=rule.severity,
        start=first,
        end=last,
        quote=folded.original[first:last],
        citation=rule.citation,
        why=rule.text,
        suggestion=note["better"],
    )


@lru_cache(maxsize=1)
def _patterns() -> dict[str, tuple[re.Pattern[str], re.Pattern[str] | None, re.Pattern[str] | None]]:
    return {
        one.code: (
            re.compile(one.match),
            re.compile(one.also) if one.also else None,
            re.compile(one.unless) if one.unless else None,
        )
        for one in rules()
        if one.match
    }


@lru_cache(maxsize=1)
def _lexicons() -> tuple[Lexicon, Lexicon]:
    shows, spares = wider()
    return Lexicon(shows), Lexicon(spares)
