"""Sealing a client's personal values under a key that only their own secret and the installation's together give."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from compliance.models import SealedValue, SubjectKey

NONCE = 12  # bytes; NIST SP 800-38D, section 8.2.2: random, one seal a key and table


class KeyDestroyed(Exception):
    """The client's secret is gone, and with it what was sealed. Nobody can read it again."""


def seal(client_id: int, table: str, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows as nonce and ciphertext. Raises KeyDestroyed where the client has no secret."""
    nonce = os.urandom(NONCE)
    text = json.dumps(rows, sort_keys=True, default=_plain).encode()
    return nonce + AESGCM(_key(client_id)).encrypt(nonce, text, _about(client_id, table))


def unseal(sealed: SealedValue) -> list[dict[str, Any]]:
    """The rows as they were; bytes in hex. Raises KeyDestroyed, also where the installation's key is another one."""
    return opened(sealed.client_id, sealed.table, bytes(sealed.cipher))


def opened(client_id: int, table: str, cipher: bytes) -> list[dict[str, Any]]:
    """What `seal` was given for this client and table. Raises KeyDestroyed, also for another installation's key."""
    try:
        return json.loads(AESGCM(_key(client_id)).decrypt(cipher[:NONCE], cipher[NONCE:], _about(client_id, table)))
    except InvalidTag:
        raise KeyDestroyed(client_id) from None


def _key(client_id: int) -> bytes:
    # Half of it is outside the database, so that a stolen dump opens nothing: CONTACT_KEY never changes.
    kept = SubjectKey.objects.filter(pk=client_id).values_list("key", flat=True).first()
    if kept is None:
        raise KeyDestroyed(client_id)
    return hashlib.sha256(f"personalize.sealed|{settings.CONTACT_KEY}|".encode() + bytes(kept)).digest()


def _about(client_id: int, table: str) -> bytes:
    return f"{client_id}|{table}".encode()


def _plain(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
