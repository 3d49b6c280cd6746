"""What an officer typed into the form of a copy rule, as a version of it."""

from typing import Any

from django.http import QueryDict

from compliance.words import lint

LINES = ("phrases", "trips", "spares")
TEXTS = (
    "family", "severity", "market", "text", "citation", "suggestion", "match", "also", "unless", "valid_from",
    "valid_to",
)  # fmt: skip
CHOSEN = ("styles", "purposes")
BREAK = r"\n"  # how a line break inside a test text is written, since each line is a text of its own


def read(post: QueryDict, *, code: str, check: str) -> lint.Rule:
    """The version as typed; its number is given when it is kept. check: what the rule checks of structure, or ""."""
    said: dict[str, Any] = {name: post.get(name, "").replace("\r\n", "\n").strip() for name in TEXTS}
    said |= {name: tuple(post.getlist(name)) for name in CHOSEN}
    said |= {name: _lines(post.get(name, "")) for name in LINES}
    return lint.Rule(code=code.strip().upper(), **said, check=check, deniable=post.get("deniable") == "on")


def shown(rule: lint.Rule) -> dict[str, str]:
    """The lists of a version as a person types them."""
    return {name: "\n".join(one.replace("\n", BREAK) for one in getattr(rule, name)) for name in LINES}


def _lines(typed: str) -> tuple[str, ...]:
    return tuple(one.strip().replace(BREAK, "\n") for one in typed.splitlines() if one.strip())
