"""Checks of a text's structure. Those named "assembled:…" or "sending:…" need the finished message, so not here."""

import re
from collections.abc import Callable, Iterator

from compliance.words.normalise import Folded

Span = tuple[int, int]
EXPOSED = frozenset({"subject", "cta", "push", "sms"})
UNSUBSCRIBE = re.compile(r"\b(?:unsubscribe|opt[ -]?out|stop (?:these|our|all) (?:e-?mails|messages))\b")
LINK = re.compile(r"https?://\S+|\{\{ ?unsubscribe\w* ?\}\}")
POSTCODE = {
    "UK": re.compile(r"\b[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}\b"),
    "US": re.compile(r"\b[a-z]{2},? \d{5}(?:-\d{4})?\b"),
}
ANY_POSTCODE = re.compile(r"\b\d{4,5}\b|" + "|".join(one.pattern for one in POSTCODE.values()))
FIELD = re.compile(r"\{\{ ?([a-z0-9_.]+)")
# What a merge field, a link or a campaign label may not say about a person.
LABEL = re.compile(
    r"debt|arrear|overdraw|default|loss|shortfall|declin|refus|bankrup|insolv|gambl|vulnerab|hardship|benefit_?claim|"
    r"health|ill(?:ness)?_|diagnos|pregnan|disab|bereav|deceased|widow|divorc|separat|redundan|unemploy|risk_?score|"
    r"religio|ethnic|race_|gender|sexual|immigra|propensity|churn|segment_"
)
QUERY = re.compile(r"https?://[^\s\"'<>]*|\butm_\w+=[^\s&\"'<>]+")
SENTENCE = re.compile(r"[^.!?\n]+")
WORD = re.compile(r"[a-z']+")
VOWELS = re.compile(r"[aeiouy]+")
LONG_SENTENCE, MAX_GRADE, MIN_WORDS = 35, 14.0, 30


def check(name: str, folded: Folded, *, style: str, market: str) -> Iterator[Span]:
    """Where the text fails the check of that name; the whole text when something is absent."""
    found = CHECKS.get(name)
    if found is not None:
        yield from found(folded, style, market)


def _no_unsubscribe(folded: Folded, style: str, market: str) -> Iterator[Span]:
    if not (UNSUBSCRIBE.search(folded.text) and LINK.search(folded.text)):
        yield 0, len(folded.text)


def _no_address(folded: Folded, style: str, market: str) -> Iterator[Span]:
    if not POSTCODE.get(market, ANY_POSTCODE).search(folded.text):
        yield 0, len(folded.text)


def _sensitive_field(folded: Folded, style: str, market: str) -> Iterator[Span]:
    if style in EXPOSED:
        for found in FIELD.finditer(folded.text):
            if LABEL.search(found[1]):
                yield found.span()


def _label_in_link(folded: Folded, style: str, market: str) -> Iterator[Span]:
    for found in QUERY.finditer(folded.text):
        if LABEL.search(found[0]):
            yield found.span()


def _hard_to_read(folded: Folded, style: str, market: str) -> Iterator[Span]:
    """Flesch-Kincaid grade above MAX_GRADE over at least MIN_WORDS words, or a sentence over LONG_SENTENCE words.

    Source: Kincaid, Fishburne, Rogers & Chissom (1975), Research Branch Report 8-75:
    grade = 0.39 words/sentences + 11.8 syllables/words - 15.59; syllables are counted as groups of vowels.
    """
    sentences = [(found.span(), WORD.findall(found[0])) for found in SENTENCE.finditer(folded.text)]
    sentences = [(span, words) for span, words in sentences if words]
    for span, words in sentences:
        if len(words) > LONG_SENTENCE:
            yield span
    words = [word for _, these in sentences for word in these]
    if len(words) >= MIN_WORDS:
        syllables = sum(max(1, len(VOWELS.findall(word))) for word in words)
        if 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59 > MAX_GRADE:
            yield 0, len(folded.text)


CHECKS: dict[str, Callable[[Folded, str, str], Iterator[Span]]] = {
    "text:unsubscribe": _no_unsubscribe,
    "text:postal_address": _no_address,
    "text:merge_fields": _sensitive_field,
    "text:labels_in_links": _label_in_link,
    "text:reading_age": _hard_to_read,
}
