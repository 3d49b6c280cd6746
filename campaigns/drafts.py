"""Drafts: what the words of a block must be like, by slot, before they are kept."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from django.contrib.staticfiles import finders

from campaigns import exposure, performance, wording
from campaigns.models import Audience, BlockVersion, Framing, Knowledge, Provenance, Slot
from compliance.judging import evidence
from compliance.models import Jurisdiction

# Characters a client can be shown at most, fields at their longest; one line unless the slot is in PROSE.
LIMITS = {
    Slot.SUBJECT: 90,
    Slot.PREHEADER: 140,
    Slot.VISUAL: 200,
    Slot.VALUE_PROPOSITION: 220,
    Slot.BODY: 3000,
    Slot.DISCLOSURE: 1500,
    Slot.CALL_TO_ACTION: 40,
}
PROSE = (Slot.BODY, Slot.DISCLOSURE)
LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")
IMAGE = re.compile(r"[a-z0-9-]{1,60}\.png")
CODE = re.compile(r"[a-z][a-z0-9_]{1,31}")


@dataclass(frozen=True, slots=True)
class Draft:
    """The words and facts of one version, before it is a row."""

    slot: str
    body: str
    language: str = "en"
    framing: str = Framing.NEUTRAL
    topics: Sequence[str] = ()
    claims: Sequence[dict[str, str]] = ()
    url: str = ""
    image: str = ""
    audience: str = Audience.RETAIL
    markets: Sequence[str] = ()
    knowledge: str = ""
    figures: Sequence[str] = ()
    performance: dict[str, Any] = field(default_factory=dict)
    provenance: str = Provenance.PERSON


ALWAYS = ("body", "url", "image", "language", "topics", "claims", "framing")
# In the digest only where they say something, so that what was approved before they existed keeps its digest.
WHERE_SAID: dict[str, Any] = {"audience": Audience.RETAIL, "markets": [], "knowledge": "", "figures": [],
                               "performance": {},
                               "provenance": Provenance.PERSON}  # fmt: skip


def tidy(words: Draft) -> Draft:
    """The same words with plain line ends and every field written one way, so that equal texts have equal digests."""
    body = words.body.replace("\r\n", "\n").replace("\r", "\n").strip()
    with suppress(wording.BadTemplate):  # `problems` tells the author where
        body = wording.parse(body).rewrite(str)
    shown = performance.tidy(words.performance)
    return replace(
        words,
        body=body,
        topics=sorted({*words.topics, *([performance.TOPIC] if shown else [])}),
        performance=shown,
        claims=list(words.claims),
        url=words.url.strip(),
        markets=sorted(set(words.markets)),
        figures=sorted(set(words.figures)),
    )


def columns(words: Draft) -> dict[str, Any]:
    """The draft as the columns of a `BlockVersion`; the slot is the block's."""
    values = {one.name: getattr(words, one.name) for one in fields(words) if one.name != "slot"}
    return {name: value if isinstance(value, str | dict) else list(value) for name, value in values.items()}


def digest(words: "Draft | BlockVersion", *, slot: str = "") -> str:
    """sha256 hex of the canonical JSON of the slot, of ALWAYS, and of WHERE_SAID where they differ from the usual."""
    facts = {name: getattr(words, name) for name in (*ALWAYS, *WHERE_SAID)}
    facts["slot"] = slot or words.slot  # type: ignore[union-attr]
    facts = {name: str(one) if isinstance(one, str) else one if isinstance(one, dict) else list(one)
             for name, one in facts.items()}  # fmt: skip
    facts = {name: value for name, value in facts.items() if name not in WHERE_SAID or value != WHERE_SAID[name]}
    return hashlib.sha256(canonical(facts)).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8: the bytes every digest of ours is taken from."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def problems(words: Draft) -> dict[str, str]:
    """What is wrong with a wording, by field; empty when it can be kept."""
    errors: dict[str, str] = {}
    if words.slot not in LIMITS:
        return {"slot": f"Choose one of: {', '.join(LIMITS)}."}
    if words.framing not in Framing.values:
        errors["framing"] = f"Choose one of: {', '.join(Framing.values)}."
    if not LANGUAGE.fullmatch(words.language):
        errors["language"] = "Write a language as en or en-GB."
    for name, check in CHECKS.items():
        if why := check(words):
            errors[name] = why
    return errors


def _body(words: Draft) -> str:
    if not words.body:
        return "Write the words first."
    try:
        parsed = wording.parse(words.body)
    except wording.BadTemplate as error:
        return str(error)
    slot = Slot(words.slot)
    if "\n" in words.body and slot not in PROSE:
        return f"A {slot.label.lower()} is one line."
    if parsed.longest > LIMITS[slot]:
        return f"With every field at its longest this has {parsed.longest} characters; {LIMITS[slot]} fit."
    if slot in exposure.EXPOSED and (hidden := exposure.sensitive_fields(words.body)):
        return f"“{hidden[0]}” is sensitive and would show on a lock screen. Use it in the body only."
    return ""


def pictures() -> list[str]:
    """The file names of the pictures that a visual may show."""
    found = {
        name.removeprefix("mail/")
        for finder in finders.get_finders()
        for name, _ in finder.list([])
        if name.startswith("mail/")
    }
    return sorted(name for name in found if IMAGE.fullmatch(name))


def _url(words: Draft) -> str:
    if words.slot != Slot.CALL_TO_ACTION:
        return "Only a call to action has an address." if words.url else ""
    try:
        parts = urlsplit(words.url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "This is not an address."
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or len(words.url) > 500:
        return "An address starts with https:// or http://, names a host, and has no user name in it."
    if not words.url.isascii() or re.search(r"[\s\"<>\\^`{|}]", words.url):
        return "An address has no spaces, quotes, braces or accents; percent-encode them."
    if told := exposure.told_by_address(words.url):
        return f"“{told}” in an address tells its logs something of the client. Name it otherwise."
    return ""


def _image(words: Draft) -> str:
    if words.slot != Slot.VISUAL:
        return "Only a visual has a picture." if words.image else ""
    if not IMAGE.fullmatch(words.image) or finders.find(f"mail/{words.image}") is None:
        return "Choose one of the pictures of the library."
    return ""


def _topics(words: Draft) -> str:
    wrong = [one for one in words.topics if not isinstance(one, str) or not CODE.fullmatch(one)]
    return f"“{wrong[0]}” is not a topic: use lower-case letters, digits and underscores." if wrong else ""


def _claims(words: Draft) -> str:
    for number, claim in enumerate(words.claims, start=1):
        if not isinstance(claim, dict) or set(claim) - {"text", "evidence", "as_of", "until"}:
            return f"Claim {number}: give text, evidence, as_of and until."
        if not all(isinstance(one, str) and len(one) <= 500 for one in claim.values()):
            return f"Claim {number}: every entry is text of at most 500 characters."
        if not claim.get("text", "").strip() or not claim.get("evidence", "").strip():
            return f"Claim {number}: a claim needs its words and its evidence."
        for name in ("as_of", "until"):
            if not evidence.is_day(claim.get(name) or "2000-01-01"):
                return f"Claim {number}: write {name} as a date, such as 2026-11-23."
    return ""


def _audience(words: Draft) -> str:
    return "" if words.audience in Audience.values else f"Choose one of: {', '.join(Audience.values)}."


def _markets(words: Draft) -> str:
    return "" if set(words.markets) <= set(Jurisdiction.values) else f"Name some of: {', '.join(Jurisdiction.values)}."


def _provenance(words: Draft) -> str:
    return "" if words.provenance in Provenance.values else f"Choose one of: {', '.join(Provenance.values)}."


def _performance(words: Draft) -> str:
    return performance.fault(words, slot=words.slot, audience=words.audience)


def _knowledge(words: Draft) -> str:
    return "" if words.knowledge in Knowledge.values else f"Choose one of: {', '.join(filter(None, Knowledge.values))}."


CHECKS: dict[str, Callable[[Draft], str]] = {
    "body": _body, "url": _url, "image": _image, "topics": _topics, "claims": _claims, "audience": _audience,
    "markets": _markets, "knowledge": _knowledge, "provenance": _provenance,
    "performance": _performance,
}  # fmt: skip
