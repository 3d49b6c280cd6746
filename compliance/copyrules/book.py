"""The copy rules in force as a book that texts are judged by, kept compiled as long as nothing changes."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from compliance import bulk
from compliance.models import CopyRule
from compliance.words import lint

LISTS = ("styles", "purposes", "trips", "spares", "phrases")
PLAIN = (
    "code", "version", "family", "severity", "market", "text", "citation", "suggestion", "match", "also", "unless",
    "deniable",
)  # fmt: skip


class NoRules(Exception):
    """The database holds no copy rule in force, so no text can be judged. Nothing was judged."""


def in_force(at: datetime) -> lint.Book:
    """The rules in force at `at`. Inside a transaction nothing is enacted until it ends. Raises NoRules."""
    hold()
    digests = tuple(CopyRule.objects.in_force(at).order_by("code").values_list("digest", flat=True))
    if not digests:
        raise NoRules("There is no copy rule in force. Run the migrations, which load those of the package.")
    return _book(digests)


def hold() -> None:
    """Until the transaction ends no rule is enacted."""
    bulk.rules_stand()


def change() -> None:
    """Until the transaction ends nobody judges or approves words, so that no text slips past a new rule.

    Raises OperationalError when those who judge just now take too long.
    """
    bulk.rules_change()


def is_enacted(digest: str) -> bool:
    """Whether the version with this digest has taken effect, however it stands now."""
    return CopyRule.objects.filter(digest=digest, enacted_at__isnull=False).exists()


def named(code: str, *, at: datetime) -> lint.Rule | None:
    """The version of a rule in force at `at`; None when there is none."""
    return next((one for one in in_force(at).rules if one.code == code), None)


def rule_of(one: CopyRule) -> lint.Rule:
    """The row as a rule that can be asked."""
    said: dict[str, Any] = {name: getattr(one, name) for name in PLAIN}
    said |= {name: tuple(getattr(one, name)) for name in LISTS}
    said |= {"valid_from": one.valid_from.isoformat(), "valid_to": one.valid_to.isoformat() if one.valid_to else ""}
    return lint.Rule(**said, check=one.structure)


def columns(rule: lint.Rule) -> dict[str, Any]:
    """The rule as a row's columns, its digest among them."""
    lists = {name: list(getattr(rule, name)) for name in LISTS}
    days = {
        "valid_from": date.fromisoformat(rule.valid_from),
        "valid_to": date.fromisoformat(rule.valid_to) if rule.valid_to else None,
    }
    named = {"structure": rule.check, "digest": lint.digest(rule)}
    return {name: getattr(rule, name) for name in PLAIN} | lists | days | named


@lru_cache(maxsize=8)
def _book(digests: tuple[str, ...]) -> lint.Book:
    return lint.Book(rule_of(one) for one in CopyRule.objects.filter(digest__in=digests))
