"""Assembly: one approved text and one client's values become the exact bytes of one message."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from campaigns import bulk, compiled, mail, wording
from campaigns.compiled import Tampered
from campaigns.models import BlockVersion, Message, Variant
from compliance import consent, tokens
from compliance.models import Channel, Purpose

__all__ = [
    "MEASURE",
    "TOLD",
    "Rendered",
    "Tampered",
    "again",
    "merge_of_one",
    "merge_values",
    "needed",
    "render",
    "words",
]

PIXEL = '<img src="{base}/o/{token}.gif" width="1" height="1" alt="" style="display:block">'
MEASURE = "measure"  # key among the merge values: may we count whether this client opens?


class Rendered:
    """One finished message. `mime` are the bytes that leave, `sha256` their digest (32 bytes)."""

    __slots__ = ("_merge", "_open_pixel", "_ready", "_tokens", "mime", "sha256", "subject")

    def __init__(
        self,
        ready: compiled.Compiled,
        merge: Mapping[str, Any],
        *,
        tokens: Sequence[str],
        open_pixel: str,
        subject: str,
        mime: bytes,
    ) -> None:
        self._ready, self._merge, self._tokens, self._open_pixel = ready, merge, tokens, open_pixel
        self.subject, self.mime, self.sha256 = subject, mime, hashlib.sha256(mime).digest()

    @property
    def html(self) -> str:
        """The HTML part as the client's mail program sees it."""
        return self._ready.html.fill(self._values(), wording.as_html)

    @property
    def text(self) -> str:
        """The plain part."""
        return self._ready.text.fill(self._values(), wording.as_text)

    def _values(self) -> dict[str, Any]:
        links = dict(zip([name for name, _, _ in self._ready.linked], self._tokens, strict=True))
        return {**self._merge, **links, "open_pixel": self._open_pixel}


def merge_values(
    client_ids: Sequence[int] | np.ndarray, *, at: datetime, permits: consent.Permits | None = None
) -> list[dict[str, Any]]:
    """What may be put into a text's fields, for each client in order; unknown fields are absent.

    Declared beats inferred. Inferred values need the client's consent to profiling, sensitive ones their consent to
    sensitive details; "measure" says whether we may count their opens. A fixed number of queries for any number of
    clients. permits: theirs, by a caller who has asked already.
    """
    ids = np.asarray(client_ids, np.int64)
    if permits is None:
        permits = consent.permits(ids, purpose=Purpose.SERVICE, channel=Channel.ANY, at=at)
    told, names = _told(ids, permits, at=at), bulk.first_names(ids)
    return [
        _merge(names.get(client, ""), told.get(client, {}), measured=measured)
        for client, measured in zip(ids.tolist(), permits.measurement.tolist(), strict=True)
    ]


def merge_of_one(
    first_name: str, told: Iterable[tuple[str, bool, str]], *, profiling: bool, sensitive: bool, measurement: bool
) -> dict[str, Any]:
    """`merge_values` of one client from what was read: told (key, inferred?, JSON text), and what they allow."""
    rows = [(0, key, is_inferred, text) for key, is_inferred, text in told]
    values = _allowed(rows, {0: (profiling, sensitive)}).get(0, {})
    return _merge(first_name, values, measured=measurement)


def _merge(first_name: str, told: Mapping[str, Any], *, measured: bool) -> dict[str, Any]:
    merge: dict[str, Any] = {"firm_name": settings.FIRM["name"], MEASURE: measured, **told}
    return {**merge, "first_name": first_name} if first_name else merge


TOLD = {one.source.removeprefix("attribute."): one for one in wording.FIELDS.values() if one.source[:9] == "attribute"}


def _told(ids: np.ndarray, permits: consent.Permits, *, at: datetime) -> dict[int, dict[str, Any]]:
    """{client: {field: value}} of the attributes that may be used; empty texts are left out."""
    allowed = list(zip(permits.profiling.tolist(), permits.sensitive.tolist(), strict=True))
    return _allowed(bulk.told(ids, keys=list(TOLD), at=at), dict(zip(ids.tolist(), allowed, strict=True)))


def _allowed(
    rows: Iterable[tuple[int, str, bool, str]], may: Mapping[int, tuple[bool, bool]]
) -> dict[int, dict[str, Any]]:
    """The same from rows as `bulk.told` gives them, and what each client allows: (profiling, sensitive details)."""
    found: dict[int, dict[str, Any]] = {}
    for client, key, is_inferred, text in rows:
        field, (profiled, sensitive) = TOLD[key], may[client]
        mine = found.setdefault(client, {})
        withheld = field.sensitivity == wording.Sensitivity.SENSITIVE and not sensitive
        if not withheld and not (is_inferred and (not profiled or field.name in mine)):
            mine[field.name] = _value(text)
    return {client: {name: one for name, one in mine.items() if one != ""} for client, mine in found.items()}


@lru_cache(maxsize=4096)
def _value(text: str) -> Any:
    """A scalar from its JSON; what is not one is nothing that a text can hold, and is refused when it is filled in."""
    return json.loads(text)


def needed(variant: Variant) -> frozenset[str]:
    """The names of the client values this text uses; keep only those with the message."""
    return compiled.of(variant).names


def words(version: BlockVersion, merge: Mapping[str, Any]) -> str:
    """One block's words for one client as plain text; the page that shows them escapes them.

    Raises MissingValue or TooLong.
    """
    return wording.parse(version.body).fill(merge, wording.as_text)


def render(
    variant: Variant,
    merge: Mapping[str, Any],
    *,
    message_id: UUID,
    address: str,
    client_ref: UUID,
    purpose: str,
    at: datetime,
    sender: mail.Sender | None = None,
) -> Rendered:
    """The message for one client: the same arguments always give the same bytes.

    merge       see `merge_values`; the pixel that counts opens is there only when "measure" is true
    client_ref  Client.ref, for the link to the client's own page · at  becomes the Date
    sender      as the run's plan kept it (`mail.sender(plan)`); None is today's
    Raises MissingValue, TooLong, mail.BadAddress or Tampered.
    """
    ready, to = compiled.of(variant), mail.check(address)
    sender = sender or mail.sender()
    make, base = tokens.make, sender.base_url
    links = [make(kind, client_ref if kind == "portal" else message_id, number) for _, kind, number in ready.linked]
    opened = make("open", message_id) if merge.get(MEASURE) is True else ""
    boundary = f"=_{message_id.hex}"
    filled = [one for name, places in ready.merged for one in _encoded(name, places, _plain(merge.get(name)))]
    filled += [one.encode() for one in links]
    filled += [_pixel(base, opened), boundary.encode()]
    parts = list(ready.parts)
    for position, index in ready.gaps:
        parts[position] = filled[index]
    subject = _subject(variant.subject, tuple([_plain(merge.get(name)) for name in ready.subject_names]))
    one_click = ""
    if purpose != Purpose.SERVICE:
        token = links[ready.one_click] if ready.one_click >= 0 else make("unsubscribe", message_id)
        one_click = f"{base}/u/{token}"
    head = mail.head(
        to=to,
        subject=subject,
        at=at,
        message_id=str(message_id),
        unsubscribe=one_click,
        feedback=f"{variant.campaign_id}:{variant.pk}:{purpose}",
        boundary=boundary,
        sender=sender,
    )
    return Rendered(
        ready,
        merge,
        tokens=links,
        open_pixel=opened and PIXEL.format(base=base, token=opened),
        subject=subject,
        mime=head + b"".join(parts),  # type: ignore[arg-type]
    )


def again(message: Message, *, ref: UUID | None = None) -> Rendered:
    """A message that is on record, made again from its row and its run's plan: the bytes it had, if nothing changed.

    message  with a variant; load variant, run, campaign and, but for who gives their ref, client with it. Raises what
             `render` raises.
    """
    plan = message.run.plan if message.run else None
    return render(
        message.variant,
        message.merge,
        message_id=message.pk,
        address=message.address,
        client_ref=ref or message.client.ref,
        purpose=plan["purpose"] if plan else message.campaign.purpose,
        at=message.decided_at,
        sender=mail.sender(plan),
    )


def _pixel(base: str, token: str) -> bytes:
    if not token:
        return b""
    before, after = _pixel_frame(base)
    return before + token.encode() + after


@lru_cache(maxsize=20_000, typed=True)
def _subject(source: str, values: tuple[str | int | float | None, ...]) -> str:
    words = wording.parse(source)
    names = [one.field.name for one in words.opens]
    return words.fill(dict(zip(names, values, strict=True)), wording.as_text)


@lru_cache(maxsize=4)
def _pixel_frame(base: str) -> tuple[bytes, bytes]:
    before, after = PIXEL.format(base=base, token="\n").split("\n")  # noqa: S106 - a mark, not a secret
    return mail.quoted(before) + mail.SOFT, mail.SOFT + mail.quoted(after)


def _plain(value: Any) -> str | int | float | None:
    return value if isinstance(value, str | int | float) else None


@lru_cache(maxsize=50_000, typed=True)
def _encoded(name: str, places: str, value: str | int | float | None) -> tuple[bytes, ...]:
    """One value as it stands in each of its places (see `Compiled.merged`). Raises MissingValue or TooLong."""
    made = []
    for place in places.split("\n"):
        kind, given, fallback = place.partition("=")
        shown = wording.Open(wording.FIELDS[name], fallback if given else None).value({name: value})
        made.append(mail.quoted(wording.as_html(shown) if kind == "h" else wording.as_text(shown)))
    return tuple(made)
