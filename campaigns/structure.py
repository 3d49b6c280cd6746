"""Whether a finished message stands by itself: what must be in it is there, legible, in order, and nothing is cut off.

US-08: FINRA 2210(d)(1)(C); UK-04: COBS 4.5.2R and 4.5A.3R; UK-23: FG24/1; CAN-SPAM, 15 USC 7704(a)(5).
Read from the composed words of every channel; a browser measures the same in tests/campaigns/test_structure.py.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser

from django.conf import settings

from campaigns import layout, wording
from campaigns.models import Slot

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
VOID = frozenset({"meta", "img", "br", "link", "hr", "input"})
FONT = re.compile(r"(?:^|;)\s*font(?:-size)?\s*:[^;]*?(\d+(?:\.\d+)?)px")
COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*(#[0-9a-f]{6})")
GROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*(#[0-9a-f]{6})")
HIDES = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden|overflow\s*:\s*(?:hidden|clip)|text-overflow|line-clamp"
    r"|(?:max-)?height\s*:\s*\d|opacity\s*:\s*0)"
)


@dataclass(slots=True)
class Shown:
    """One stretch of text as it is shown: how large, in which colours, whether it can be cut off, and inside a link."""

    text: str
    size: float
    colour: str
    ground: str
    is_cut: bool
    href: str


@dataclass(slots=True)
class _Style:
    size: float = 16.0
    colour: str = "#000000"
    ground: str = "#ffffff"
    is_cut: bool = False
    href: str = ""


@dataclass
class _Reader(HTMLParser):
    stack: list[tuple[str, _Style]] = field(default_factory=lambda: [("", _Style())])
    shown: list[Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        over, said = self.stack[-1][1], {name: value or "" for name, value in attrs}
        style = said.get("style", "").lower()
        size, colour, ground = FONT.search(style), COLOUR.search(style), GROUND.search(style)
        mine = _Style(
            float(size[1]) if size else over.size,
            colour[1] if colour else over.colour,
            ground[1] if ground else over.ground,
            over.is_cut or bool(HIDES.search(style)),
            said.get("href", over.href),
        )
        self.stack.append((tag, mine))

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self.stack[1:]):
            while self.stack.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        style = self.stack[-1][1]
        if data.strip() and not any(name in ("style", "title", "head") for name, _ in self.stack):
            self.shown.append(Shown(_plain(data), style.size, style.colour, style.ground, style.is_cut, style.href))


def faults(words: tuple[layout.Piece, ...], made: layout.Composed, *, purpose: str) -> list[str]:
    """What is wrong with a composed message, as sentences; empty when it stands by itself."""
    return list(_faults(words, made, purpose != "service"))


@lru_cache(maxsize=1024)
def _faults(words: tuple[layout.Piece, ...], made: layout.Composed, is_marketing: bool) -> tuple[str, ...]:
    reader = _Reader()
    reader.feed(made.html)
    reader.close()
    said = [*_words(words, reader.shown, made.text), *_order(words, reader.shown, made.text)]
    firm = settings.FIRM
    html = " ".join(one.text for one in reader.shown if not one.is_cut)
    for name in ("legal_name", "address"):
        words_of = _plain(firm[name])
        if not words_of or words_of not in html or words_of not in _plain(made.text):
            said.append(f"The footer lacks the firm’s {name.replace('_', ' ')}.")
    leaves = [one for one in reader.shown if "/u/{{ unsubscribe }}" in one.href and not one.is_cut]
    if is_marketing and not (leaves and "/u/{{ unsubscribe }}" in made.text):
        said.append("It has no link to unsubscribe.")
    return tuple(dict.fromkeys(said))


def _words(words: tuple[layout.Piece, ...], shown: list[Shown], text: str) -> list[str]:
    """Every approved word is shown whole, in colours that can be read, a disclosure no smaller than the body."""
    said, body = [], max((one.size for one in _of(words, Slot.BODY, shown)), default=16.0)
    for piece in words:
        if piece.slot in (Slot.SUBJECT, Slot.PREHEADER, Slot.VISUAL):
            continue
        named, stretches = Slot(piece.slot).label.lower(), _stretches(piece)
        found = [[one for one in shown if stretch in one.text] for stretch in stretches]
        if not all(found) or not all(stretch in _plain(text) for stretch in stretches):
            said.append(f"Words of the {named} are missing from the message.")
        whole = [[one for one in ones if not one.is_cut] for ones in found]
        if any(ones and not left for ones, left in zip(found, whole, strict=True)):
            said.append(f"The {named} can be cut off or hidden.")
        for one in (one for ones in whole for one in ones):
            if contrast(one.colour, one.ground) < LEAST_CONTRAST:
                said.append(f"The {named} cannot be read: too little contrast.")
            if piece.slot == Slot.DISCLOSURE and one.size < body:
                said.append("The disclosure is smaller than the body.")
    return said


def _order(words: tuple[layout.Piece, ...], shown: list[Shown], text: str) -> list[str]:
    """A disclosure stands before the first call to action, in the HTML and in the plain part."""
    calls = [place for place, one in enumerate(shown) if "/c/{{ click_" in one.href]
    plain = _plain(text)
    notes = [stretch for piece in words if piece.slot == Slot.DISCLOSURE for stretch in _stretches(piece)]
    places = [next((place for place, one in enumerate(shown) if note in one.text), -1) for note in notes]
    call = plain.find("/c/{{ click_")
    late = bool(calls and notes) and max(places) > min(calls)
    late = late or (bool(notes) and 0 <= call < max(plain.find(note) for note in notes))
    return ["The disclosure stands after the call to action."] if late else []


def _of(words: tuple[layout.Piece, ...], slot: str, shown: list[Shown]) -> list[Shown]:
    stretches = [stretch for piece in words if piece.slot == slot for stretch in _stretches(piece)]
    return [one for one in shown if any(stretch in one.text for stretch in stretches)]


def _stretches(piece: layout.Piece) -> list[str]:
    """The literal lines of a block's words, as they must stand in the message."""
    body = wording.parse(piece.body).rewrite(str)
    parts = re.split(r"\n\s*\n", body.strip())
    found: list[str] = []
    for part in parts:
        lines = [line.strip() for line in part.split("\n")]
        is_list = all(layout.BULLET.match(line) for line in lines)
        found += [layout.BULLET.sub("", line) for line in lines] if is_list else [part]
    return [_plain(one) for one in found if one.strip()]


def _plain(text: str) -> str:
    return " ".join(unescape(text).split())


def contrast(colour: str, ground: str) -> float:
    """The ratio of contrast of two #rrggbb colours, 1 to 21. Source: WCAG 2.2, relative luminance."""
    light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
