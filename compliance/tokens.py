"""Short signed links: opaque, purpose-bound, the same for the same thing, so that a message can be rebuilt exactly."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings

PURPOSES = ("open", "click", "unsubscribe", "why", "portal")
TAG = 16  # bytes of HMAC-SHA256: 128 bits


@dataclass(frozen=True, slots=True)
class Token:
    """What a link names: a message or client by `ref`, and for clicks the link's `number`."""

    ref: UUID
    number: int


@lru_cache(maxsize=8)
def _key(purpose: str) -> bytes:
    return hashlib.sha256(f"personalize.link.{purpose}|{settings.SECRET_KEY}".encode()).digest()


def make(purpose: str, ref: UUID, number: int = 0) -> str:
    """A URL-safe token for one of PURPOSES; `number` in 0..255. A token of one purpose is nothing to another."""
    named = ref.bytes + bytes([number])
    tag = hmac.digest(_key(purpose), named, "sha256")[:TAG]
    return base64.urlsafe_b64encode(named + tag).rstrip(b"=").decode()


def read(purpose: str, token: str) -> Token | None:
    """What the token names, or None if it was not made by us for this purpose."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    named, tag = raw[:17], raw[17:]
    if len(raw) != 17 + TAG or not hmac.compare_digest(tag, hmac.digest(_key(purpose), named, "sha256")[:TAG]):
        return None
    return Token(UUID(bytes=named[:16]), named[16])
