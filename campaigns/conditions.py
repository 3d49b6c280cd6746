"""One line of a rule as a person writes and reads it, and what a rule may ask about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns import audiences
from campaigns.audiences import BadRule
from compliance.models import Purpose
from personalize import features

OPERATORS = (
    ("eq", "is"),
    ("not", "is not"),
    ("in", "is one of"),
    ("gte", "is at least"),
    ("lte", "is at most"),
    ("between", "is between"),
    ("known", "is known"),
    ("unknown", "is not known"),
)
LISTS = ("in", "not", "between")
SILENT = ("known", "unknown")


@dataclass(slots=True)
class Condition:
    """One line of a rule as a person writes it; all four are text. `error` says what is wrong with it."""

    field: str = ""
    operator: str = "eq"
    value: str = ""
    days: str = "30"
    error: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked yet."""
        return not self.field

    @property
    def is_silent(self) -> bool:
        """Whether the operator takes no value."""
        return self.operator in SILENT

    @property
    def counts_events(self) -> bool:
        """Whether the line asks how often something happened, and so has days."""
        return self.field.startswith("events:")

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Values the field is known to have."""
        return known_values(self.field)

    def leaf(self) -> dict[str, Any]:
        """The rule tree's leaf. Raises BadRule with a sentence."""
        if self.operator in SILENT:
            return {"field": self.field, "op": "exists", "value": self.operator == "known"}
        if not self.value.strip():
            raise BadRule("Say which value.")
        kind = kind_of(self.field)
        if self.operator in LISTS:
            value: Any = [_typed(one, kind) for one in self.value.split(",") if one.strip()]
        else:
            value = _typed(self.value, kind)
        found = {"field": self.field, "op": self.operator, "value": value}
        if self.counts_events:
            if not self.days.strip().isdigit():
                raise BadRule("Say over how many days, as a whole number.")
            found["days"] = int(self.days)
        audiences.check(found)
        return found

    @classmethod
    def of(cls, leaf: Mapping[str, Any]) -> "Condition":
        """The line that reads as this leaf."""
        operator, value = str(leaf.get("op")), leaf.get("value")
        if operator == "exists":
            return cls(str(leaf.get("field")), "known" if value else "unknown")
        text = ", ".join(map(shown, value)) if isinstance(value, list) else shown(value)
        return cls(str(leaf.get("field")), operator, text, str(leaf.get("days", 30)))


def field_groups() -> list[tuple[str, list[tuple[str, str]]]]:
    """What a rule may ask about, in groups: (heading, [(name, words)])."""
    registry = features.registry()
    told = [(name, one.label) for name, one in audiences.FIELDS.items()]
    counted = sorted({str(one.spec["events"]) for one in registry if one.spec.get("events", "*") != "*"})
    measured = [
        (f"feature:{one.code}", one.meaning)
        for one in registry
        if "attribute" not in one.spec and one.sensitivity != features.Sensitivity.FORBIDDEN
    ]
    allowed = [(f"consent:{value}:email", f"E-mail: {label.lower()}") for value, label in Purpose.choices]
    return [
        ("About the client", told),
        ("How often it happened", [(f"events:{name}", name) for name in counted]),
        ("What we measured", measured),
        ("What they allow", allowed),
    ]


def words(rule: Mapping[str, Any]) -> str:
    """A rule tree as one sentence fragment: "risk tolerance is cautious and goal is one of house, growth"."""
    if not rule:
        return "everybody"
    if "field" in rule:
        return _line(Condition.of(rule))
    (word, inner), *_ = rule.items()
    if word == "not":
        return f"not ({words(inner)})"
    parts = [words(one) if "field" in one else f"({words(one)})" for one in inner]
    return (" and " if word == "all" else " or ").join(parts) or "everybody"


def _line(one: Condition) -> str:
    told = audiences.FIELDS[one.field].label.lower() if one.field in audiences.FIELDS else _name(one.field)
    operator = dict(OPERATORS).get(one.operator, one.operator)
    if one.is_silent:
        return f"{told} {operator}"
    days = f" times in {one.days} days" if one.counts_events else ""
    return f"{told} {operator} {one.value}{days}"


def _name(field: str) -> str:
    kind, _, rest = field.partition(":")
    if kind == "feature":
        return next((one.meaning.lower() for one in features.registry() if one.code == rest), rest)
    return rest or field


def known_values(name: str) -> tuple[str, ...]:
    """Values worth suggesting for a field of a rule."""
    if name in audiences.FIELDS and audiences.FIELDS[name].choices:
        return audiences.FIELDS[name].choices
    if name.startswith("consent:"):
        return ("allowed", "denied", "pending", "unknown")
    return next(
        (tuple(one.spec.get("categories", ())) for one in features.registry() if one.spec.get("attribute") == name), ()
    )


def kind_of(name: str) -> str:
    """What a field is compared as: "text", "number" or "json", which follows what was written."""
    if name in audiences.FIELDS:
        return audiences.FIELDS[name].kind
    word = name.partition(":")[0]
    return {"events": "number", "feature": "number", "consent": "text"}.get(word, "json")


def _typed(text: str, kind: str) -> str | float | bool:
    text = text.strip()
    if kind == "text":
        return text
    if kind == "json" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        if kind == "number":
            raise BadRule(f"“{text[:40]}” is not a number.") from None
        return text
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def shown(value: Any) -> str:
    """A stored value as one would type it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
