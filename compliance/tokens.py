"""Short signed links: opaque, purpose-bound, the same for the same thing, so that a message can be rebuilt exactly."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings

PURPOSES = ("open", "click", "unsubscribe", "why", "portal")
TAG = 16  # bytes of keyed BLAKE2b: 128 bits
URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Token:
    """What a link names: a message or client by `ref`, and for clicks the link's `number`."""

    ref: UUID
    number: int


@lru_cache(maxsize=64)
def _keyed(purpose: str, secret: str) -> "hashlib.blake2b":
    """A keyed BLAKE2b (RFC 7693 section 2.9) to copy: a fifth of the time of an HMAC."""
    key = hashlib.sha256(f"personalize.link.{purpose}|{secret}".encode()).digest()
    return hashlib.blake2b(key=key, digest_size=TAG)


def _tag(purpose: str, named: bytes, secret: str) -> bytes:
    mac = _keyed(purpose, secret).copy()
    mac.update(named)
    return mac.digest()


def make(purpose: str, ref: UUID, number: int = 0) -> str:
    """A URL-safe token for one of PURPOSES; `number` in 0..255. A token of one purpose is nothing to another."""
    named = ref.bytes + number.to_bytes(1, "big")
    # 33 bytes make 44 letters without padding; a run makes five tokens a message, so this is the short way.
    return (
        binascii.b2a_base64(named + _tag(purpose, named, settings.SECRET_KEY), newline=False)
        .translate(URL_SAFE)
        .decode()
    )


def read(purpose: str, token: str) -> Token | None:
    """What the token names, or None if it was not made by us for this purpose, under today's key or a former one.

    Nobody needs to be told which key: 128 bits fit one alone. A link to leave never ends, nor do those beside it.
    """
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    named, tag = raw[:17], raw[17:]
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if len(raw) != 17 + TAG or not any(hmac.compare_digest(tag, _tag(purpose, named, one)) for one in secrets):
        return None
    return Token(UUID(bytes=named[:16]), named[16])
