"""The language of content blocks: text with open fields, and nothing that can run.

`{{ first_name }}` stands for a client's value; `{{ first_name|fallback:"there" }}` says what to write when there is
none. There are no filters, attributes, conditions or loops, so no text can reach anything but the FIELDS below.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

MAX_SOURCE = 60_000
MAX_OPEN = 200
FALLBACK = 40  # characters a fallback may always have
CLICKS = 16  # links a message may have

NAME = re.compile(r"[a-z][a-z0-9_]*")
INSIDE = re.compile(r'\s*(?P<name>[a-z][a-z0-9_]{0,39})\s*(?:\|\s*fallback\s*:\s*"(?P<fallback>[^"{}\n\r\\<>]*)"\s*)?')
# Other template languages and their comments: an author who writes one expects it to run, so it is refused, not shown.
FOREIGN = re.compile(r"\{%|%\}|\{#|#\}|\$\{|#\{|<%|%>|\{\{\{|\}\}\}|\[\[|\]\]|\{\{|\}\}")
# Control characters, line and paragraph separators, invisible joiners and text-direction overrides.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
# A name never holds an address or markup; a value that does is treated as unknown, or a mail client would link it.
UNSAFE = re.compile(
    r"://|www\.|[<>{}]|\b[\w-]+\.(?:com|net|org|io|co|uk|ru|info|biz|xyz|example|test)\b", re.IGNORECASE
)


class BadTemplate(ValueError):
    """The source is not in our language. Nothing was stored; `line` and `column` (from 1) say where."""

    def __init__(self, reason: str, *, source: str, position: int) -> None:
        self.reason, self.position = reason, position
        self.line = source.count("\n", 0, position) + 1
        self.column = position - (source.rfind("\n", 0, position) + 1) + 1
        super().__init__(f"Line {self.line}, column {self.column}: {reason}")


class MissingValue(ValueError):
    """The field named has no usable value and no fallback: this client gets no such message."""


class TooLong(ValueError):
    """The value of the field named is longer than allowed and has no fallback: this client gets no such message."""


class Sensitivity(StrEnum):
    """How far from the envelope a value must stay."""

    ORDINARY = "ordinary"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"  # never in a subject, a preheader or an address: they show on lock screens and in logs


@dataclass(frozen=True, slots=True)
class Field:
    """One merge field: where its value comes from and how long it may be.

    source  "client.<column>", "attribute.<key>", "firm.<key>", or "system" for links that only we write
    sample  a typical value, for previews and for the copy rules · spoken  words for values that are codes
    """

    name: str
    label: str
    source: str
    max_length: int
    sensitivity: Sensitivity
    sample: str
    is_raw: bool = False
    spoken: Mapping[str, str] = field(default_factory=dict, compare=False)


def _field(
    name: str, label: str, source: str, longest: int, kind: str, sample: str, spoken: Mapping[str, str] | None = None
) -> tuple[str, Field]:
    return name, Field(name, label, source, longest, Sensitivity(kind), sample, spoken=spoken or {})


GOALS = {
    "retirement": "retirement",
    "house": "a home of your own",
    "education": "education costs",
    "security": "a rainy-day fund",
    "growth": "long-term growth",
}


FIELDS: dict[str, Field] = dict(
    (
        _field("first_name", "First name", "client.first_name", 40, "personal", "Alex"),
        _field("goal", "What the client is saving for", "attribute.goal", 40, "personal", "a home of your own", GOALS),
        _field("horizon_years", "Years until the goal", "attribute.horizon_years", 3, "personal", "12"),
        _field(
            "module_title", "Learning module to do next", "attribute.module_title", 60, "ordinary", "What a fund is"
        ),
        _field("product", "Product the client looked at", "attribute.product", 40, "personal", "Stocks and Shares ISA"),
        _field("adviser_name", "The client's adviser", "attribute.adviser_name", 60, "personal", "Priya Shah"),
        _field("firm_name", "Our name", "firm.name", 60, "ordinary", "Harbourwell"),
        _field("monthly_saving", "Monthly saving in pounds", "attribute.monthly_saving", 9, "sensitive", "150"),
        _field("retirement_age", "Age the client hopes to retire at", "attribute.retirement_age", 3, "sensitive", "67"),
        _field(
            "risk_tolerance", "Risk the client is at ease with", "attribute.risk_tolerance", 20, "sensitive", "balanced"
        ),
    )
)
SYSTEM: dict[str, Field] = {
    **{f"click_{n}": Field(f"click_{n}", "", "system", 64, Sensitivity.ORDINARY, "sample") for n in range(CLICKS)},
    **{
        name: Field(name, "", "system", 64, Sensitivity.ORDINARY, "sample") for name in ("why", "portal", "unsubscribe")
    },
    "open_pixel": Field("open_pixel", "", "system", 400, Sensitivity.ORDINARY, "", is_raw=True),
}


@dataclass(frozen=True, slots=True)
class Open:
    """A place that a client's value fills."""

    field: Field
    fallback: str | None

    def source(self) -> str:
        """How an author writes it."""
        return (
            f"{{{{ {self.field.name} }}}}"
            if self.fallback is None
            else (f'{{{{ {self.field.name}|fallback:"{self.fallback}" }}}}')
        )

    def value(self, values: Mapping[str, Any]) -> str:
        """The clean value, else the fallback; raises MissingValue or TooLong when there is neither."""
        given = values.get(self.field.name)
        if self.field.is_raw:
            return str(given or "")
        text = clean(given)
        text = self.field.spoken.get(text, text)
        if text and len(text) <= self.field.max_length:
            return text
        if self.fallback is not None:
            return self.fallback
        raise (TooLong if text else MissingValue)(self.field.name)


@dataclass(frozen=True, slots=True)
class Wording:
    """A parsed text: literal strings and open places, in order."""

    pieces: tuple[str | Open, ...]

    @property
    def opens(self) -> tuple[Open, ...]:
        """The open places in order."""
        return tuple(one for one in self.pieces if isinstance(one, Open))

    @property
    def names(self) -> frozenset[str]:
        """The names of all open fields."""
        return frozenset(one.field.name for one in self.opens)

    @property
    def longest(self) -> int:
        """Characters of the longest text a client can be shown."""
        return sum(
            len(one) if isinstance(one, str) else max(one.field.max_length, len(one.fallback or ""))
            for one in self.pieces
        )

    def fill(self, values: Mapping[str, Any], escape: Callable[[str], str]) -> str:
        """The text for one client. Every value, and only values, goes through `escape`.

        Raises MissingValue or TooLong, naming the field; nothing is ever left empty in silence.
        """
        return "".join(
            [
                one if isinstance(one, str) else one.value(values) if one.field.is_raw else escape(one.value(values))
                for one in self.pieces
            ]
        )

    def rewrite(self, literal: Callable[[str], str]) -> str:
        """The source again, with `literal` applied to the text between the open places and nothing else."""
        return "".join([literal(one) if isinstance(one, str) else one.source() for one in self.pieces])

    def sample(self, escape: Callable[[str], str] = str) -> "Sample":
        """The text with typical values in it, for previews and for the copy rules."""
        text: list[str] = []
        marks, shown, written = [], 0, 0
        for one in self.pieces:
            filled = one if isinstance(one, str) else escape(one.field.sample or one.fallback or "")
            marks.append((shown, written, isinstance(one, str)))
            text.append(filled)
            shown += len(filled)
            written += len(one) if isinstance(one, str) else len(one.source())
        return Sample("".join(text), tuple(marks), written)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with typical values, and the way back to the source it came from."""

    text: str
    marks: tuple[tuple[int, int, bool], ...]
    length: int

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The span of the rewritten source (see `Wording.rewrite`) that shows as text[start:end]."""
        return self._back(start, after=False), self._back(end, after=True)

    def _back(self, position: int, *, after: bool) -> int:
        for index in range(len(self.marks) - 1, -1, -1):
            shown, source, is_literal = self.marks[index]
            if position > shown or (position == shown and not after) or index == 0:
                if is_literal:
                    return source + position - shown
                following = self.marks[index + 1][1] if index + 1 < len(self.marks) else self.length
                return following if after else source
        return 0


def clean(value: Any) -> str:
    """A client's value as one line of visible text; empty when it is unknown, a structure, or not fit to print."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float):
        value = f"{value:g}"
    text = " ".join(INVISIBLE.sub(" ", unicodedata.normalize("NFC", str(value))).split())
    return "" if UNSAFE.search(text) or any("\ud800" <= one <= "\udfff" for one in text) else text


@lru_cache(maxsize=4096)
def parse(source: str, *, system: bool = False) -> Wording:
    """Read a template; the same source gives the same object.

    system: also allow the link fields that only our own layout writes.
    Raises BadTemplate with the line and column of the first thing that is not our language.
    """
    if len(source) > MAX_SOURCE:
        raise BadTemplate(f"The text is longer than {MAX_SOURCE} characters.", source=source, position=MAX_SOURCE)
    if hidden := INVISIBLE.search(source):
        reason = "A hidden character stands here. Please type this word again."
        raise BadTemplate(reason, source=source, position=hidden.start())
    pieces: list[str | Open] = []
    position = 0
    while found := FOREIGN.search(source, position):
        if found.group() != "{{":
            raise BadTemplate(_foreign(found.group()), source=source, position=found.start())
        if found.start() > position:
            pieces.append(source[position : found.start()])
        place, position = _open(source, found.end(), system=system)
        pieces.append(place)
    if position < len(source):
        pieces.append(source[position:])
    if sum(isinstance(one, Open) for one in pieces) > MAX_OPEN:
        raise BadTemplate(f"There are more than {MAX_OPEN} fields.", source=source, position=0)
    return Wording(tuple(pieces))


def _open(source: str, start: int, *, system: bool) -> tuple[Open, int]:
    end = source.find("}}", start)
    if end < 0:
        raise BadTemplate("This field is opened with {{ and never closed with }}.", source=source, position=start - 2)
    inside = INSIDE.fullmatch(source, start, end)
    if inside is None:
        reason = 'A field reads {{ name }} or {{ name|fallback:"words" }}, and nothing else may stand inside.'
        raise BadTemplate(reason, source=source, position=start - 2)
    name, fallback = inside["name"], inside["fallback"]
    field = FIELDS.get(name) or (SYSTEM.get(name) if system else None)
    if field is None:
        reason = f"There is no field called “{name}”. Known fields: {', '.join(FIELDS)}."
        raise BadTemplate(reason, source=source, position=inside.start("name"))
    longest = max(field.max_length, FALLBACK)
    if fallback is not None and not 0 < len(fallback.strip()) <= longest:
        reason = f"A fallback for “{name}” has 1 to {longest} characters."
        raise BadTemplate(reason, source=source, position=inside.start("fallback"))
    return Open(field, fallback), end + 2


def _foreign(sign: str) -> str:
    if sign == "}}":
        return "}} closes a field that was never opened with {{."
    return f"“{sign}” belongs to another template language. Only {{{{ field }}}} is understood here."


def as_html(value: str) -> str:
    """Escape for HTML text and for double-quoted attributes."""
    return html.escape(value, quote=True)


def as_text(value: str) -> str:
    """Escape for plain text and headers: values are one clean line already (see `clean`)."""
    return value.replace("\r", " ").replace("\n", " ")
