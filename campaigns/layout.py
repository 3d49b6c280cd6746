"""How blocks become one e-mail: layout 1, with the approved words escaped and every link ours.

The result is a template of `campaigns.wording`: the client's values and the tokens of our links are still open.
A layout is frozen once a variant was made with it; a change of look is a new number and a new template.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from campaigns import wording
from campaigns.models import BlockVersion, Provenance, Slot

LAYOUT = 1
IMAGES = "mail/"
BULLET = re.compile(r"^[-•]\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One block's words at their place."""

    slot: str
    body: str
    url: str = ""
    image: str = ""
    is_generated: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the words: who writes, and where our pages are."""

    base: str
    images: str
    name: str
    legal_name: str
    status_line: str
    address: str


@dataclass(frozen=True, slots=True)
class Composed:
    """One message with its fields still open. `links` holds the approved addresses by index of `click_<n>`."""

    subject: str
    preheader: str
    html: str
    text: str
    links: tuple[str, ...]
    layout: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A visual: where it is and what it shows, said for those who do not see it."""

    address: str
    alt: str


@dataclass(frozen=True, slots=True)
class Button:
    """A call to action and the place its token goes."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Prose, or the items of a list."""

    prose: str
    items: tuple[str, ...]


def pieces(versions: Iterable[BlockVersion]) -> tuple[Piece, ...]:
    """The words of block versions, in their order."""
    return tuple(
        Piece(one.block.slot, one.body, one.url, one.image, one.provenance != Provenance.PERSON) for one in versions
    )


def compose(words: tuple[Piece, ...], *, purpose: str) -> Composed:
    """Lay the words out in reading order; a disclosure always stands above the button.

    purpose  "service" messages carry no unsubscribe link: the client needs them whatever they allow
    """
    firm, static = settings.FIRM, settings.STATIC_URL.strip("/")
    frame = Frame(
        base=settings.PUBLIC_URL,
        images=f"{settings.PUBLIC_URL}/{static}/{IMAGES}",
        name=firm["name"],
        legal_name=firm["legal_name"],
        status_line=firm["status_line"],
        address=firm["address"],
    )
    return _compose(words, frame, purpose != "service")


@lru_cache(maxsize=1024)
def _compose(words: tuple[Piece, ...], frame: Frame, is_marketing: bool) -> Composed:
    parts: dict[str, list[Piece]] = {slot: [] for slot in Slot.values}
    for one in words:
        parts[one.slot].append(one)
    firm = {name: _html(getattr(frame, name)) for name in ("name", "legal_name", "status_line", "address")}
    # AI Act Art. 50(2): marked for machines as well, by the term of the IPTC for generated media.
    generated = any(one.is_generated for one in words)
    shared = {"base": frame.base, "is_marketing": is_marketing, "is_generated": generated}
    markup = render_to_string(f"mail/layout_{LAYOUT}.html", {**shared, "firm": firm, **_markup(parts, frame)})
    plain = render_to_string(f"mail/layout_{LAYOUT}.txt", {**shared, "firm": frame, **_plain(parts, frame)})
    return Composed(
        subject=_line(parts[Slot.SUBJECT]),
        preheader=_line(parts[Slot.PREHEADER]),
        html=_tidy(markup),
        text=_tidy(plain),
        links=tuple(one.url for one in parts[Slot.CALL_TO_ACTION]),
        layout=LAYOUT,
    )


def _markup(parts: dict[str, list[Piece]], frame: Frame) -> dict[str, object]:
    return {
        "subject": _html(_line(parts[Slot.SUBJECT])),
        "preheader": _html(_line(parts[Slot.PREHEADER])),
        "pictures": [Picture(f"{frame.images}{one.image}", _html(one.body)) for one in parts[Slot.VISUAL]],
        "headings": [_html(one.body) for one in parts[Slot.VALUE_PROPOSITION]],
        "body": [part for one in parts[Slot.BODY] for part in _paragraphs(one.body)],
        "disclosures": [part for one in parts[Slot.DISCLOSURE] for part in _paragraphs(one.body)],
        "buttons": [Button(_html(one.label), one.address) for one in _buttons(parts, frame)],
    }


def _plain(parts: dict[str, list[Piece]], frame: Frame) -> dict[str, object]:
    return {
        "headings": [_text(one.body) for one in parts[Slot.VALUE_PROPOSITION]],
        "body": [_text(one.body) for one in parts[Slot.BODY]],
        "disclosures": [_text(one.body) for one in parts[Slot.DISCLOSURE]],
        "buttons": _buttons(parts, frame),
    }


def _buttons(parts: dict[str, list[Piece]], frame: Frame) -> list[Button]:
    return [
        Button(_text(one.body), f"{frame.base}/c/{{{{ click_{index} }}}}")
        for index, one in enumerate(parts[Slot.CALL_TO_ACTION])
    ]


def _line(words: list[Piece]) -> str:
    return " ".join(_text(one.body) for one in words)


def _html(body: str) -> str:
    return mark_safe(wording.parse(body).rewrite(wording.as_html))  # noqa: S308 - escaped by rewrite


def _text(body: str) -> str:
    return wording.parse(body).rewrite(str)


def _paragraphs(body: str) -> list[Paragraph]:
    found = []
    for part in re.split(r"\n\s*\n", body.strip()):
        lines = [line.strip() for line in part.split("\n")]
        if all(BULLET.match(line) for line in lines):
            found.append(Paragraph("", tuple(_html(BULLET.sub("", line)) for line in lines)))
        else:
            found.append(Paragraph(_html(" ".join(lines)), ()))
    return found


def _tidy(text: str) -> str:
    """No blank runs, no blank ends of lines: fewer bytes, the same message."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip() + "\n"
