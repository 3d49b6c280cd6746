"""What the world's SDKs really send, read into items we can keep. Pure: bytes in, items and refusals out.

Segment's HTTP tracking API and RudderStack's, which has the same shape. Content types are ignored, because real
clients mislabel JSON as text/plain or as a form; a gzip body is known by its first bytes.
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from compliance import untrusted
from personalize.models.event import EventType

LARGEST_BODY, LARGEST_ITEM, MANY_ITEMS = 1_000_000, 32 * 1024, 2_500
TYPES = frozenset(EventType.values)
LONGEST_ID, LONGEST_MESSAGE_ID, LONGEST_NAME, LONGEST_KEY = 255, 100, 200, 64
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
# Ids that careless clients send for everybody; resolving them would melt strangers into one person.
BLOCKED = re.compile(r"[0-]*|-1|null|none|nil|undefined|nan|anonymous|guest|unknown|true|false|\[object object\]", re.I)
# What only we may say: rewards and experiment exposures are read from our own records, never from outside.
RESERVED = frozenset(
    {"email delivered", "email opened", "email link clicked", "email bounced", "email marked as spam",
     "experiment viewed", "message sent", "message opened", "message clicked"}
)  # fmt: skip
EMPTY = b"{}"


class Refused(ValueError):
    """The whole body cannot be used: bad JSON, or too large. Nothing was kept."""


class Item(msgspec.Struct, frozen=True):
    """One call, ready to be kept. `properties` and `context` are JSON text; `traits` only of identify.

    consent  the category choices of `context.consent.categoryPreferences`; {} means every category was refused;
             None means the call says nothing about consent
    """

    type: str
    name: str
    message_id: str
    user_id: str
    anonymous_id: str
    previous_id: str
    occurred_at: datetime
    properties: bytes
    context: bytes
    traits: dict[str, Any]
    consent: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that cannot be kept, why, and its bytes (at most 32 kB)."""

    message_id: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one body held, and the write key it carried (empty when none)."""

    write_key: str
    items: list[Item]
    rejected: list[Rejected]


class _Envelope(msgspec.Struct, rename="camel"):
    write_key: Any = None
    sent_at: Any = None
    batch: list[msgspec.Raw] | None = None
    context: msgspec.Raw = msgspec.Raw(b"")


class _Call(msgspec.Struct, rename="camel"):
    type: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    message_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    received_at: Any = None
    properties: msgspec.Raw = msgspec.Raw(b"")
    traits: msgspec.Raw = msgspec.Raw(b"")
    context: msgspec.Raw = msgspec.Raw(b"")


_envelope, _call = msgspec.json.Decoder(_Envelope), msgspec.json.Decoder(_Call)


def parse(body: bytes, headers: Mapping[str, str], *, kind: str | None, at: datetime, query_key: str = "") -> Parsed:
    """Read one body.

    kind  the call named by the path ("track" …), or None for a batch
    at    when the body arrived; clock skew is corrected by it
    Raises Refused for bad JSON or size. Every other fault is one item's fault and comes back in `rejected`.
    """
    text = inflate(body)
    try:
        text.decode("utf-8")
        envelope = _envelope.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if kind is not None:
            raise Refused(f"not usable JSON: {error}") from None
        envelope = _slowly(text)
    key = _basic(headers) or _text(envelope.write_key) or query_key
    if kind is None and envelope.batch is not None:
        raws = [bytes(raw) for raw in envelope.batch]
    elif len(text) > LARGEST_ITEM:
        raise Refused(f"an event is larger than {LARGEST_ITEM} bytes")
    else:
        raws = [text]
    shared = _shared(envelope) if kind is None and envelope.batch is not None else {}
    sent_at = _time(envelope.sent_at)
    is_suspicious = untrusted.may_hide(text)
    items, rejected = [], []
    for position, raw in enumerate(raws):
        try:
            clean = _examined(raw) if is_suspicious or untrusted.may_be_deep(raw) else raw
            items.append(_item(clean, kind=kind, shared=shared, sent_at=sent_at, at=at, position=position))
        except (ValueError, msgspec.MsgspecError, RecursionError) as error:
            rejected.append(_reject(raw, str(error)))
    return Parsed(key, items, rejected)


def _slowly(text: bytes) -> _Envelope:
    """A batch of which one item is unusable (half a surrogate pair, say), so that the others are still kept."""
    try:
        whole = json.loads(text, parse_constant=untrusted.refuse_constant)
        batch = [msgspec.Raw(json.dumps(one).encode()) for one in whole.pop("batch")]
        return msgspec.structs.replace(_envelope.decode(json.dumps(whole).encode()), batch=batch)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, msgspec.MsgspecError) as error:
        raise Refused(f"not usable JSON: {error}") from None


def inflate(body: bytes) -> bytes:
    """The body, gunzipped when it is gzip; Refused when larger than a megabyte or broken."""
    if body[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(wbits=31)
        try:
            body = stream.decompress(body, LARGEST_BODY + 1)
        except zlib.error:
            raise Refused("the gzip stream is broken") from None
        if not stream.eof and len(body) <= LARGEST_BODY:
            raise Refused("the gzip stream is cut short")
    if len(body) > LARGEST_BODY:
        raise Refused(f"larger than {LARGEST_BODY} bytes")
    return body.removeprefix(b"\xef\xbb\xbf")


def item(raw: bytes, *, at: datetime) -> Item:
    """One call on its own, as an import has it. Raises ValueError with the reason."""
    try:
        return _item(_examined(raw), kind=None, shared={}, sent_at=None, at=at, position=0)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=65_536)  # the same ids come again and again; none is longer than LONGEST_ID
def blocked(value: str) -> bool:
    """Whether an id is one that careless clients send for everybody, and so names nobody."""
    return BLOCKED.fullmatch(value) is not None


def _basic(headers: Mapping[str, str]) -> str:
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip()).decode("utf-8").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _shared(envelope: _Envelope) -> dict[str, Any]:
    try:
        return _json_object(bytes(envelope.context), "context")
    except (ValueError, msgspec.MsgspecError) as error:
        raise Refused(f"the batch's context: {error}") from None


def _item(raw: bytes, *, kind: str | None, shared: dict[str, Any], sent_at: datetime | None, at: datetime,
          position: int) -> Item:  # fmt: skip
    if len(raw) > LARGEST_ITEM:
        raise ValueError(f"larger than {LARGEST_ITEM} bytes")
    if raw.lstrip()[:1] != b"{":
        raise ValueError("an item must be an object")
    call = _call.decode(raw)
    type_ = kind or _text(call.type).lower()
    if type_ not in TYPES:
        raise ValueError(f"unknown type {_text(call.type)[:40]!r}")
    user_id, anonymous_id = _id(call.user_id, "userId"), _id(call.anonymous_id, "anonymousId")
    if not user_id and not anonymous_id and type_ != "alias":
        raise ValueError("neither userId nor anonymousId is usable")
    previous_id = _id(call.previous_id, "previousId") if type_ == "alias" else ""
    if type_ == "alias" and not (user_id and (previous_id or anonymous_id)):
        raise ValueError("an alias needs a userId and a previousId")
    context, context_text = _context(call, shared, reads_traits=type_ == "identify")
    traits, properties = _values(call, type_, context)
    return Item(
        type=type_,
        name=_name(call, type_),
        message_id=_message_id(call, raw, sent_at, at, position),
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        occurred_at=_occurred(call, sent_at, at),
        properties=properties,
        context=context_text,
        traits=traits,
        consent=_consent(context, _text(call.event).strip()),
    )


def _examined(raw: bytes) -> bytes:
    """The item, written anew where it may hide something. Raises ValueError for what PostgreSQL cannot store."""
    if len(raw) > LARGEST_ITEM or not (untrusted.may_hide(raw) or untrusted.may_be_deep(raw)):
        return raw
    value = msgspec.json.decode(raw)
    untrusted.check(value)
    return msgspec.json.encode(value)


def _id(value: Any, field: str) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if not isinstance(value, str | int):
        raise ValueError(f"{field} must be a text")
    named = str(value).strip()
    if len(named) > LONGEST_ID:
        raise ValueError(f"{field} is longer than {LONGEST_ID} characters")
    return "" if blocked(named) else named


def _context(call: _Call, shared: dict[str, Any], *, reads_traits: bool) -> tuple[dict[str, Any], bytes]:
    """The context, decoded where something in it is read, and its JSON text as it is kept."""
    raw = bytes(call.context)
    if not (shared or reads_traits or b"\\" in raw or b'"consent"' in raw):
        return {}, _object_text(raw, "context")
    own = _json_object(raw, "context")
    context = {**shared, **own}
    return context, msgspec.json.encode(context) if shared else _object_text(raw, "context")


def _values(call: _Call, type_: str, context: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Traits that change attributes, and the JSON text kept as the event's properties."""
    if type_ in ("identify", "group"):
        # RudderStack's server SDKs carry identify traits in the context.
        inherited = context.get("traits")
        traits = _json_object(bytes(call.traits), "traits")
        if type_ == "identify" and isinstance(inherited, dict):
            traits = {**inherited, **traits}
        if any(not key or len(key) > LONGEST_KEY for key in traits):
            raise ValueError(f"a trait's name is empty or longer than {LONGEST_KEY} characters")
        if type_ == "identify":
            return traits, msgspec.json.encode(traits)
        return {}, msgspec.json.encode({**traits, "groupId": _id(call.group_id, "groupId")})
    if type_ == "alias":
        return {}, msgspec.json.encode({"previousId": _id(call.previous_id, "previousId")})
    return {}, _object_text(bytes(call.properties), "properties")


def _object_text(raw: bytes, field: str) -> bytes:
    """The text of an object as it came; its syntax was checked when the call was decoded."""
    if raw in (b"", b"null"):
        return EMPTY
    if not raw.startswith(b"{"):
        raise ValueError(f"{field} must be an object")
    return raw


def _json_object(raw: bytes, field: str) -> dict[str, Any]:
    if raw in (b"", b"null"):
        return {}
    value = msgspec.json.decode(raw)
    if not isinstance(value, dict):
        raise ValueError(f"{field} must be an object")
    return value


def _name(call: _Call, type_: str) -> str:
    if type_ == "track":
        name = _text(call.event).strip()
        if not name:
            raise ValueError("a track call needs an event")
        if name.lower() in RESERVED:
            raise ValueError(f"{name!r} is a name only this system may use")
    else:
        name = _text(call.name) or _text(call.category) or type_
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name is longer than {LONGEST_NAME} characters")
    return name


def _message_id(call: _Call, raw: bytes, sent_at: datetime | None, at: datetime, position: int) -> str:
    """The caller's id, or one derived from the item, so that sending the same again changes nothing.

    An item without any time cannot be told from a second one like it; then its arrival is part of the id.
    """
    given = call.message_id
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if given is not None and not isinstance(given, str):
        raise ValueError("messageId must be a text")
    if given:
        if len(given) > LONGEST_MESSAGE_ID:
            raise ValueError(f"messageId is longer than {LONGEST_MESSAGE_ID} characters")
        return given
    own_time = call.timestamp or call.original_timestamp
    when = "" if own_time else f"{call.sent_at or sent_at or at}|{position}|"
    return "derived-" + hashlib.sha256(when.encode() + raw).hexdigest()[:48]


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if when.tzinfo is UTC:
        return when
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    try:
        return when.astimezone(UTC)
    except OverflowError:
        return None


def _occurred(call: _Call, batch_sent_at: datetime | None, at: datetime) -> datetime:
    """When it happened by our clock: the client's time corrected by how far its clock is off.

    Segment: timestamp = receivedAt - (sentAt - originalTimestamp). Never later than its arrival.
    """
    corrected, original = _time(call.timestamp), _time(call.original_timestamp)
    if corrected is None and call.timestamp is not None:
        raise ValueError("timestamp is not an ISO 8601 time")
    if original is None and call.original_timestamp is not None:
        raise ValueError("originalTimestamp is not an ISO 8601 time")
    received = _time(call.received_at)
    if received and corrected and original:
        when = corrected
    else:
        when = original or corrected or at
        sent = _time(call.sent_at) or batch_sent_at
        if sent and (original or corrected):
            try:
                when += (received or at) - sent
            except OverflowError:
                raise ValueError("sentAt is not plausible") from None
    if when < EARLIEST:
        raise ValueError("the event's time is before 1970")
    return min(when, at)


def _consent(context: dict[str, Any], name: str) -> dict[str, Any] | None:
    if name.lower() == "unsubscribed":
        # An opt-out that comes as an event is an opt-out all the same.
        return {"marketing.email": False}
    consent = context.get("consent")
    if not isinstance(consent, dict):
        return None
    choices = consent.get("categoryPreferences")
    return choices if isinstance(choices, dict) else None


def _reject(raw: bytes, reason: str) -> Rejected:
    shown = raw[:LARGEST_ITEM].decode("utf-8", "replace").replace("\x00", "�")
    try:
        given = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get("messageId", msgspec.Raw(b'""'))
        message_id = _text(msgspec.json.decode(given))[:LONGEST_MESSAGE_ID].replace("\x00", "")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        message_id = ""
    return Rejected(message_id, reason.replace("\x00", "")[:200], shown)
