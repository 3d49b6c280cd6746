"""Addresses: one spelling for each, and a keyed hash that outlives the client's erasure."""

import hashlib
import hmac
import unicodedata
from functools import lru_cache

from django.conf import settings

from compliance.models import Channel

BLOCK = 64  # bytes of a SHA-256 block, RFC 2104


def normalise(email: str) -> str:
    """One spelling of an e-mail address: no spaces around it, lower case, the domain in ASCII. "" stays "".

    What comes before the @ is kept apart from its case: dots and +tags can be other people's mailboxes.
    """
    plain = unicodedata.normalize("NFKC", email).strip().lower()
    local, at, domain = plain.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}" if at and not domain.isascii() else plain
    except UnicodeError:
        return plain


def key(address: str, channel: str) -> bytes:
    """The 32-byte HMAC-SHA256 of an address, the only form in which a suppression keeps it.

    For e-mail the address is normalised first; a telephone number keeps its digits only.
    """
    return hmac.digest(_secret(), _spelling(address, channel).encode(), "sha256")


@lru_cache(maxsize=1)
def pads() -> tuple[bytes, bytes]:
    """HMAC's inner and outer key blocks, so that the database can compute the same hash in one query.

    Source: RFC 2104: H(K xor opad, H(K xor ipad, text)).
    """
    block = _secret().ljust(BLOCK, b"\0")
    return bytes(one ^ 0x36 for one in block), bytes(one ^ 0x5C for one in block)


def _spelling(address: str, channel: str) -> str:
    if channel in (Channel.SMS, Channel.PHONE):
        return "".join(one for one in address if one.isdigit())
    return normalise(address)


def _secret() -> bytes:
    return hashlib.sha256(f"personalize.contact|{settings.CONTACT_KEY}".encode()).digest()
