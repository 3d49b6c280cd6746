"""Signatures of notices from outside, as Standard Webhooks 1.0.0 writes them.

The signed text is "<id>.<unix seconds>.<body>"; a header may carry several signatures, so that secrets can be changed.
Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta

SKEW = timedelta(minutes=5)
PREFIX = "whsec_"
FEWEST_BYTES = 24  # of a secret, as the specification asks


class BadSignature(ValueError):
    """The notice is not from who it says it is, or is too old. Nothing was read and nothing written."""


def key(secret: str) -> bytes:
    """The key inside "whsec_<base64>". Raises ValueError when it is malformed or shorter than 24 bytes."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("A webhook secret is “whsec_” and base64.") from error
    if len(found) < FEWEST_BYTES:
        raise ValueError(f"A webhook secret has at least {FEWEST_BYTES} bytes.")
    return found


def sign(secret: str, *, id: str, seconds: int, body: bytes) -> str:
    """The signature header of a notice."""
    text = b".".join((id.encode(), str(seconds).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key(secret), text, "sha256")).decode()


def verify(secrets: Iterable[str], *, id: str, seconds: str, signatures: str, body: bytes, at: datetime) -> None:
    """Raises BadSignature unless one of the signatures is of one of `secrets` and the time within five minutes."""
    if not id or len(id) > 100 or not seconds.isascii() or not seconds.isdigit() or len(seconds) > 12:
        raise BadSignature("The notice has no id or no time.")
    if abs(at.timestamp() - int(seconds)) > SKEW.total_seconds():
        raise BadSignature("The notice is more than five minutes old, or from the future.")
    given = [one.encode("utf-8", "replace") for one in signatures.split()[:8]]
    for secret in secrets:
        right = sign(secret, id=id, seconds=int(seconds), body=body).encode()
        if any(hmac.compare_digest(right, one) for one in given):
            return
    raise BadSignature("The signature is not right.")
