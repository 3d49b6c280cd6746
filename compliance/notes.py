"""Signed checkpoints: the ledger's size and root in C2SP's tlog-checkpoint form, signed with Ed25519."""

import base64
import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

ED25519 = b"\x01"  # C2SP signed-note: the signature type


def origin() -> str:
    """The ledger's name in every checkpoint."""
    return f"{settings.MAIL_DOMAIN}/ledger"


def body(size: int, root: bytes) -> str:
    """What is signed: origin, size and root, a line each."""
    return f"{origin()}\n{size}\n{base64.b64encode(root).decode()}\n"


def checkpoint(size: int, root: bytes) -> str:
    """The signed note for a tree. Source: c2sp.org/tlog-checkpoint and c2sp.org/signed-note."""
    text = body(size, root)
    signature = _private().sign(text.encode())
    return f"{text}\n— {origin()} {base64.b64encode(_key_id() + signature).decode()}\n"


def verifier() -> str:
    """Our public key as a signed-note verifier key: name+id+key."""
    return f"{origin()}+{_key_id().hex()}+{base64.b64encode(ED25519 + _public()).decode()}"


def is_ours(note: str) -> bool:
    """Whether one of the note's signatures is made with our key."""
    text, _, signatures = note.partition("\n\n")
    for line in signatures.splitlines():
        try:
            mark, _, signed = line.split(" ")
            raw = base64.b64decode(signed, validate=True)
            if mark == "—" and raw[:4] == _key_id():
                Ed25519PublicKey.from_public_bytes(_public()).verify(raw[4:], f"{text}\n".encode())
                return True
        except (ValueError, InvalidSignature):
            continue
    return False


@lru_cache(maxsize=1)
def _private() -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"personalize.ledger|{settings.LEDGER_KEY}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public() -> bytes:
    return _private().public_key().public_bytes_raw()


def _key_id() -> bytes:
    return hashlib.sha256(origin().encode() + b"\n" + ED25519 + _public()).digest()[:4]
