"""Whether a version of a copy rule may be kept: it says everything it must, and its own test texts hold."""

from collections.abc import Iterable
from datetime import date

from compliance.copyrules import danger
from compliance.models import Severity
from compliance.words import lint, normalise, structure
from compliance.words.phrases import BadPhrase, read

CODE_LENGTH = 8
MARKETS = ("", "UK", "US", "EU")
PURPOSES = ("marketing", "service")
PLACES = ("assembled", "sending")  # styles that are judged where a message is put together or leaves
MANY = 40  # test texts a side
LONG = 2_000  # characters of one


def problems(rule: lint.Rule) -> dict[str, str]:
    """Each field that is wrong, and why; empty when the rule may be kept."""
    faults = _said(rule) | _lists(rule) | _days(rule)
    faults |= _asks(rule) if not faults.keys() & {"styles", "market"} else {}
    return faults if faults else pairs(rule)


def pairs(rule: lint.Rule) -> dict[str, str]:
    """The test texts that do not hold, by side; empty when all do, or where the rule needs a finished message."""
    if is_elsewhere(rule):
        return {}
    book, faults = lint.Book([rule]), {}
    if missed := [text for text in rule.trips if not finds(rule, text, book=book)]:
        faults["trips"] = f"The rule does not find: {_quoted(missed)}"
    if false := [text for text in rule.spares if finds(rule, text, book=book)]:
        faults["spares"] = f"The rule finds what it must not: {_quoted(false)}"
    return faults


def finds(rule: lint.Rule, text: str, *, book: lint.Book) -> bool:
    """Whether the rule, alone in the book, finds something in the text in any style that it is asked about."""
    folded = normalise.fold(text, book.known)
    market, purpose = rule.market or MARKETS[1], (*rule.purposes, *PURPOSES)[0]
    return any(
        lint.check(folded, book=book, style=style, market=market, purpose=purpose)
        for style in lint.STYLES
        if not rule.styles or style in rule.styles
    )


def is_elsewhere(rule: lint.Rule) -> bool:
    """Whether the rule is checked on a finished or leaving message, so not on a text alone."""
    return bool(rule.check) and rule.check not in structure.CHECKS


def _said(rule: lint.Rule) -> dict[str, str]:
    faults = {}
    if not (0 < len(rule.code) <= CODE_LENGTH and rule.code.isascii() and rule.code.isalnum() and rule.code.isupper()):
        faults["code"] = f"A code has 1 to {CODE_LENGTH} capitals and digits, for example P09."
    if rule.family not in lint.advice():
        faults["family"] = "Choose the family that the rule belongs to."
    if rule.severity not in Severity.values:
        faults["severity"] = "Choose what the rule does: BLOCK, REVIEW or WARN."
    for name, words in (("text", "what it forbids or asks for"), ("citation", "its source"),
                        ("suggestion", "how to put it better")):  # fmt: skip
        if not getattr(rule, name).strip():
            faults[name] = f"A rule states {words}."
    return faults


def _lists(rule: lint.Rule) -> dict[str, str]:
    faults = {}
    if not set(rule.styles) <= {*lint.STYLES, *PLACES}:
        faults["styles"] = f"Styles are {', '.join(lint.STYLES)}."
    if rule.market not in MARKETS:
        faults["market"] = "Choose a market, or every market."
    if not set(rule.purposes) <= set(PURPOSES):
        faults["purposes"] = "Purposes are marketing and service."
    for name in ("trips", "spares"):
        texts = getattr(rule, name)
        if not texts or not all(one.strip() for one in texts):
            faults[name] = "A rule has at least one text that it finds and one near it that it must not."
        elif len(texts) > MANY or any(len(one) > LONG for one in texts):
            faults[name] = f"At most {MANY} texts of at most {LONG:,} characters each."
    return faults


def _days(rule: lint.Rule) -> dict[str, str]:
    try:
        starts = date.fromisoformat(rule.valid_from)
        ends = date.fromisoformat(rule.valid_to) if rule.valid_to else None
    except ValueError:
        return {"valid_from": "Give the days as year, month and day, for example 2027-01-31."}
    return {"valid_to": "A rule ends on or after the day it starts."} if ends and ends < starts else {}


def _asks(rule: lint.Rule) -> dict[str, str]:
    faults = {}
    try:
        read("\n".join(rule.phrases), rule.code)
    except BadPhrase as bad:
        faults["phrases"] = f"{str(bad).capitalize()}."
    if why := danger.problem([one for one in (rule.match, rule.also, rule.unless) if one]):
        faults["match"] = why
    elif not (rule.match or rule.phrases or rule.check):
        faults["match"] = "A rule has a pattern, phrases, or a check of structure."
    elif (rule.also or rule.unless) and not rule.match:
        faults["match"] = "“And” and “unless” narrow a pattern, and there is none."
    return faults


def _quoted(texts: Iterable[str]) -> str:
    return "; ".join(f"“{one[:120]}”" for one in texts)
