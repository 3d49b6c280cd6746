"""Where a text must go: what it touches, which rules it breaks, and how many people must look at it."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from compliance.words import lint, normalise, phrases, second, topics

MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Routing:
    """What was found in one text.

    topics, lint   codes and families, sorted, without repeats
    findings       [{"rule", "family" or "topic", "severity", "start", "end", "quote", "citation", "why",
                   "suggestion"}] by position, the trained look ("words:second") last;
                   start and end count characters of the text as it was given
    must_review    a person has to look before it goes out · blocked  a BLOCK rule stops it as it is
    approvals      how many people must agree (0 when nobody has to look)
    """

    topics: list[str]
    lint: list[str]
    findings: list[dict[str, Any]]
    must_review: bool
    blocked: bool
    approvals: int


def route(text: str, *, style: str, market: str, purpose: str = MARKETING, book: lint.Book) -> Routing:
    """Judge one text. Pure: no database, nothing leaves the machine.

    book    the copy rules to judge by: `copyrules.book.in_force`, or `lint.shipped` where there is no database
    style   subject, cta, push, sms, para, message or full_email (see lint.STYLES)
    market  "UK", "US" or another: rules of one market are silent elsewhere; "EU" gets the rules without a market
    purpose of the message; rules about disguised promotions apply to marketing only
    Raises ValueError for an unknown style.
    """
    if style not in lint.STYLES:
        raise ValueError(f"unknown style {style!r}; expected one of {', '.join(lint.STYLES)}")
    folded = normalise.fold(text, book.known)
    words = phrases.tokens(folded.text)
    touched = topics.find(folded, words)
    broken = lint.check(folded, book=book, style=style, market=market, purpose=purpose, words=words)
    codes = sorted({one.topic for one in touched})
    families = sorted({one.family for one in broken})
    placed = [asdict(one) for one in touched] + [asdict(one) for one in broken]
    findings = sorted(placed, key=lambda one: (one["start"], one["rule"]))
    must_review = bool(codes) or any(lint.routes(one) for one in families)
    # A full e-mail is made of blocks that were each judged on their own; the second look knows short texts only.
    if not must_review and style != "full_email":
        closer = second.find(folded)
        findings += [asdict(one) for one in closer]
        must_review = bool(closer)
    return Routing(
        topics=codes,
        lint=families,
        findings=findings,
        must_review=must_review,
        blocked=any(one.severity == "BLOCK" for one in broken),
        approvals=max([topics.POLICY[one].approvals for one in codes], default=1) if must_review else 0,
    )


def by_rules(text: str, *, style: str, market: str, book: lint.Book) -> bool:
    """Whether a phrase or a rule sends the text to a person, without the trained second look."""
    found = route(text, style=style, market=market, book=book)
    return bool(found.topics) or any(lint.routes(one) for one in found.lint)


def ruleset(book: lint.Book) -> str:
    """sha256 hex of every topic phrase, copy rule and trained weight in force: what an approval was made under."""
    return hashlib.sha256(f"{book.digest}\n{second.load().digest}".encode()).hexdigest()
