"""A variant made ready once, so that each of its messages is a few values put between finished bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from campaigns import layout, mail, variants, wording
from campaigns.models import Variant


class Tampered(Exception):
    """The words of a variant are not those of its digest. Nothing was rendered, and nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A variant's words, parsed and encoded.

    parts      bytes of the body, None where something goes · gaps  (position in parts, index of what goes there)
    What goes there, by index: first the client's values, one for each place of each field of `merged`; then `linked`
    (name, purpose of the token, number), our links; then the pixel; last the boundary.
    merged     (field, places): a place is "h" or "t" for HTML or text, then "=" and the fallback if there is one;
               places are joined by line feeds, so that a field costs one look-up
    one_click  which of `linked` is the unsubscribe link, -1 where the text has none
    """

    subject: wording.Wording
    html: wording.Wording
    text: wording.Wording
    parts: tuple[bytes | None, ...]
    gaps: tuple[tuple[int, int], ...]
    merged: tuple[tuple[str, str], ...]
    linked: tuple[tuple[str, str, int], ...]
    one_click: int
    subject_names: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The client values that the text uses."""
        return frozenset(self.subject_names).union(name for name, _ in self.merged)


def of(variant: Variant) -> Compiled:
    """The variant compiled; the work is done once for each exact text. Raises Tampered."""
    made = (variant.subject, variant.preheader, variant.html, variant.text, tuple(variant.links), variant.layout)
    return _compile(variant.digest, tuple(variant.blocks), *made)


@lru_cache(maxsize=1024)
def _compile(
    digest: str,
    blocks: tuple[str, ...],
    subject: str,
    preheader: str,
    html: str,
    text: str,
    links: tuple[str, ...],
    number: int,
) -> Compiled:
    made = layout.Composed(subject, preheader, html, text, links, number)
    if variants.text_digest(made, blocks) != digest:
        raise Tampered(digest)
    plain, markup = wording.parse(text, system=True), wording.parse(html, system=True)
    body = mail.alternatives(plain, markup)
    merged = sorted(_unique(body.opens, system=False), key=lambda one: one[0].field.name)
    linked = sorted({one.field.name for one, _ in _unique(body.opens, system=True)})
    order: dict[object, int] = {one: index for index, one in enumerate([*merged, *linked])}
    index_of = [_index(one, in_html, order) for one, in_html in body.opens]
    gaps = [position for position, one in enumerate(body.parts) if one is None]
    title = wording.parse(subject)
    return Compiled(
        subject=title,
        html=markup,
        text=plain,
        parts=body.parts,
        gaps=tuple(zip(gaps, index_of, strict=True)),
        merged=_by_field(merged),
        linked=tuple(_token(name) for name in linked),
        one_click=linked.index("unsubscribe") if "unsubscribe" in linked else -1,
        subject_names=tuple(one.field.name for one in title.opens),
    )


def _index(one: wording.Open | None, in_html: bool, order: dict[object, int]) -> int:
    """Where in the filled values a place finds its own; the pixel and the boundary come last."""
    if one is None:
        return len(order) + 1
    if one.field.is_raw:
        return len(order)
    return order[one.field.name] if one.field.source == "system" else order[one, in_html]


def _by_field(merged: list[tuple[wording.Open, bool]]) -> tuple[tuple[str, str], ...]:
    """Neighbouring places of one field together."""
    return tuple(
        (name, "\n".join(place(one.fallback, in_html) for one, in_html in places))
        for name, places in groupby(merged, key=lambda one: one[0].field.name)
    )


def place(fallback: str | None, in_html: bool) -> str:
    """How `Compiled.merged` writes one place."""
    return ("h" if in_html else "t") + ("" if fallback is None else f"={fallback}")


def _token(name: str) -> tuple[str, str, int]:
    if name.startswith("click_"):
        return name, "click", int(name.removeprefix("click_"))
    return name, name, 0


def _unique(opens: Sequence[tuple[wording.Open | None, bool]], *, system: bool) -> list[tuple[wording.Open, bool]]:
    return list(
        dict.fromkeys(
            (one, in_html)
            for one, in_html in opens
            if one is not None and not one.field.is_raw and (one.field.source == "system") == system
        )
    )
