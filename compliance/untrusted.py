"""JSON from a stranger: decoded, and checked for what PostgreSQL or we could not bear."""

import json
import re
from typing import Any, NoReturn

MAX_DEPTH, MAX_INTEGER = 64, 2**63 - 1
# What `may_hide` looks for. Numbers are looked for in bytes whose digits are all 0 and whose E are all e: plain
# searches, many times faster than classes of characters.
BAD_ESCAPE = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]")
FLAT = bytes.maketrans(b"123456789E", b"000000000e")
LONG_NUMBER, EXPONENT = b"0" * 19, re.compile(rb"0e[-+]?000")


def load_json(raw: bytes) -> Any:
    """Decode JSON from a stranger.

    Raises ValueError, saying why, for bad UTF-8 or syntax, NaN, nesting over 64, NUL or lone surrogates:
    PostgreSQL stores none of those.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check(value)
    return value


def check(value: Any, depth: int = 0) -> None:
    """Raise ValueError, saying why, where a decoded value holds what `load_json` refuses."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text contains a NUL character")
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("a text contains half of a surrogate pair")
    elif isinstance(value, dict):
        for key, one in value.items():
            check(key, depth)
            check(one, depth + 1)
    elif isinstance(value, list):
        for one in value:
            check(one, depth + 1)
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise ValueError("a number is too large")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise ValueError("a number is too large")


def may_hide(raw: bytes) -> bool:
    """Whether JSON text may hold a NUL, half a surrogate pair or a number too large; False is certain, and quick."""
    flat = raw.translate(FLAT)
    return (
        LONG_NUMBER in flat
        or EXPONENT.search(flat) is not None
        or (b"\\u" in raw and BAD_ESCAPE.search(raw) is not None)
    )


def may_be_deep(raw: bytes) -> bool:
    """Whether JSON text may nest deeper than MAX_DEPTH; False is certain."""
    return raw.count(b"{") + raw.count(b"[") > MAX_DEPTH


def refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are what Python writes, not JSON."""
    raise ValueError(f"{name} is not JSON")
