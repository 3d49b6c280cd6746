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
    """Whether one of the note's signatures is made with our key, or with a former one that settings still name."""
    text, _, signatures = note.partition("\n\n")
    keys = _known()
    for line in signatures.splitlines():
        try:
            mark, name, signed = line.split(" ")
            raw = base64.b64decode(signed, validate=True)
            if mark == "—" and (name, raw[:4]) in keys:
                Ed25519PublicKey.from_public_bytes(keys[name, raw[:4]]).verify(raw[4:], f"{text}\n".encode())
                return True
        except (ValueError, InvalidSignature):
            continue
    return False


def says(note: str) -> tuple[int, bytes]:
    """The size and root a checkpoint states; (-1, b"") where it is none."""
    try:
        _, size, root = note.partition("\n\n")[0].splitlines()[:3]
        return int(size), base64.b64decode(root, validate=True)
    except ValueError:
        return -1, b""


def _known() -> dict[tuple[str, bytes], bytes]:
    """Public keys by the signer's name and key id: ours and the former ones."""
    keys = {}
    for one in (verifier(), *settings.LEDGER_OLD_KEYS):
        name, key_id, public = one.split("+", 2)
        keys[name, bytes.fromhex(key_id)] = base64.b64decode(public)[1:]
    return keys


@lru_cache(maxsize=1)
def _private() -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"personalize.ledger|{settings.LEDGER_KEY}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _public() -> bytes:
    return _private().public_key().public_bytes_raw()


def _key_id() -> bytes:
    return hashlib.sha256(origin().encode() + b"\n" + ED25519 + _public()).digest()[:4]
