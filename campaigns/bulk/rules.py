"""A rule tree from a form or the API becomes SQL with named parameters, or a sentence that says what is wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from compliance.models import Certificate, Channel, Jurisdiction, Purpose
from personalize import features
from personalize.models import Feature

OPERATORS = ("eq", "in", "gte", "lte", "between", "exists", "not")
DEEPEST, MOST_LEAVES, MOST_VALUES, LONGEST = 8, 64, 200, 200
KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
KEPT = re.compile(r"[^\x00\ud800-\udfff]*")  # what PostgreSQL can hold


class BadRule(ValueError):
    """A rule that cannot be read; the message names the field or operator and says why. Nothing was run."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an audience may be chosen by.

    sql   an expression over `compliance_client c` that gives text or a number, or SQL NULL when unknown;
          {p} is replaced by this leaf's parameter prefix
    kind  "text" or "number": what it is compared as; "json" follows the stored value
    """

    label: str
    sql: str
    kind: str
    choices: tuple[str, ...] = ()


# Declared beats inferred: 'declared' sorts before 'inferred'.
ATTRIBUTE = """(
    SELECT a.value
    FROM personalize_attribute a
    WHERE a.client_id = c.id
    AND a.key = %({p}_key)s
    ORDER BY a.origin
    LIMIT 1
)"""
EVENTS = """(
    SELECT count(*)
    FROM personalize_event e
    WHERE e.client_id = c.id
    AND e.name = %({p}_name)s
    AND e.occurred_at > %(at)s - make_interval(days => %({p}_days)s)
    AND e.occurred_at <= %(at)s
)"""
FEATURE = """(
    SELECT campaigns_float4(p.vector, %({p}_position)s)
    FROM personalize_profile p
    WHERE p.client_id = c.id
)"""
CONSENT = """coalesce((
    SELECT s.state
    FROM compliance_consentstate s
    WHERE s.client_id = c.id
    AND s.purpose = %({p}_purpose)s
    AND s.channel = %({p}_channel)s
), 'unknown')"""

CERTIFICATES = tuple(Certificate.Kind.values)
TENURE = "extract(epoch FROM %(at)s - c.first_seen_at) / 86400"
ATTRIBUTES = {
    "risk_tolerance": "Risk tolerance",
    "goal": "Financial goal",
    "experience": "Investing experience",
    "horizon_years": "Years until the money is needed",
    "life_stage": "Stage of life",
    "life_event": "Life event",
    "content_depth": "How much detail they like",
}
CERTIFICATE = """(
    SELECT x.kind
    FROM compliance_certificate x
    WHERE x.client_id = c.id
    AND x.signed_on <= (%(at)s AT TIME ZONE 'UTC')::date
    AND x.until > (%(at)s AT TIME ZONE 'UTC')::date
    AND x.ended_on IS NULL
    ORDER BY x.until DESC, x.id DESC
    LIMIT 1
)"""
FIELDS: dict[str, Field] = {
    "jurisdiction": Field("Jurisdiction", "c.jurisdiction", "text", tuple(Jurisdiction.values)),
    "language": Field("Language", "c.language", "text"),
    "timezone": Field("Time zone", "c.timezone", "text"),
    "tenure_days": Field("Days since we first met", TENURE, "number"),
    "certificate": Field("Certificate for non-mass-market investments", CERTIFICATE, "text", CERTIFICATES),
    **{key: Field(label, ATTRIBUTE, "json") for key, label in ATTRIBUTES.items()},
}
PREFIXES = {
    "attribute": "an attribute, e.g. attribute:job",
    "feature": "a feature of the registry, e.g. feature:logins_30d",
    "events": "how often an event happened, e.g. events:Module Completed with days",
    "consent": "the state of a consent, e.g. consent:marketing:email",
}


@dataclass(slots=True)
class Compiled:
    """A rule as SQL: `where` over alias c, and the values of its parameters."""

    where: str
    values: dict[str, Any]
    leaves: int = 0
    fields: list[str] = field(default_factory=list)


def compile(rule: Any, *, at: datetime) -> Compiled:
    """The WHERE clause of a rule tree. {} means everybody. Raises BadRule."""
    out = Compiled("", {"at": at})
    out.where = "true" if rule == {} else _node(rule, out, depth=1)
    return out


def fields(rule: Any) -> list[str]:
    """The field names a rule reads, in order. Raises BadRule."""
    out = Compiled("", {})
    if rule != {}:
        _node(rule, out, depth=1)
    return out.fields


def _node(rule: Any, out: Compiled, *, depth: int) -> str:
    if not isinstance(rule, dict):
        raise BadRule("A rule is an object with all, any, not, or a field.")
    if depth > DEEPEST:
        raise BadRule(f"A rule may be at most {DEEPEST} levels deep.")
    if "field" in rule:
        return _leaf(rule, out)
    if len(rule) != 1 or next(iter(rule)) not in ("all", "any", "not"):
        raise BadRule(f"A rule has one of all, any, not or field; this one has {sorted(map(str, rule)) or 'nothing'}.")
    (word, inner), depth = next(iter(rule.items())), depth + 1
    if word == "not":
        return f"(NOT {_node(inner, out, depth=depth)})"
    if not isinstance(inner, list):
        raise BadRule(f"{word} takes a list of rules.")
    parts = [_node(one, out, depth=depth) for one in inner]
    if not parts:
        return "true" if word == "all" else "false"
    return "(" + (" AND " if word == "all" else " OR ").join(parts) + ")"


def _leaf(rule: dict[str, Any], out: Compiled) -> str:
    name, operator = rule["field"], rule.get("op")
    if unknown := set(rule) - {"field", "op", "value", "days"}:
        raise BadRule(f"A condition has field, op, value and days, not {sorted(map(str, unknown))[0]}.")
    if operator not in OPERATORS:
        raise BadRule(f"{operator!r} is not an operator; use one of {', '.join(OPERATORS)}.")
    out.leaves += 1
    if out.leaves > MOST_LEAVES:
        raise BadRule(f"A rule may have at most {MOST_LEAVES} conditions.")
    prefix = f"r{out.leaves}"
    found = _resolve(name, rule, out, prefix)
    out.fields.append(name)
    value = rule.get("value")
    sql = found.sql.replace("{p}", prefix)
    if operator == "exists":
        if not isinstance(value, bool):
            raise BadRule(f"exists on {name} takes true or false.")
        return f"({sql} IS {'NOT ' if value else ''}NULL)"
    test = COMPARISONS[operator](name, found.kind, value, out, prefix)
    otherwise = "true" if operator == "not" else "false"
    return f"coalesce((SELECT {test} FROM (SELECT {sql}) AS one (v)), {otherwise})"  # noqa: S608 - our words only


def _resolve(name: Any, rule: dict[str, Any], out: Compiled, prefix: str) -> Field:
    """The field of this name, with its own parameters written to `out`."""
    if not isinstance(name, str):
        raise BadRule("A field is named by a text.")
    if name in ATTRIBUTES:
        out.values[f"{prefix}_key"] = name
    if name in FIELDS:
        return FIELDS[name]
    word, _, rest = name.partition(":")
    if why := features.refusal(rest if word in ("attribute", "feature") else name):
        raise BadRule(f"{name!r} {why}; nobody may be chosen by it.")
    if word == "attribute" and KEY.fullmatch(rest) and rest not in _protected():
        out.values[f"{prefix}_key"] = rest
        return Field(rest, ATTRIBUTE, "json")
    if word == "events" and 0 < len(rest) <= LONGEST and KEPT.fullmatch(rest):
        days = rule.get("days", 30)
        if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= 3650:
            raise BadRule(f"days of {name} is a whole number from 1 to 3650.")
        out.values.update({f"{prefix}_name": rest, f"{prefix}_days": days})
        return Field(rest, EVENTS, "number")
    if word == "consent":
        purpose, _, channel = rest.partition(":")
        if purpose in Purpose.values and channel in Channel.values:
            out.values.update({f"{prefix}_purpose": purpose, f"{prefix}_channel": channel})
            return Field(rest, CONSENT, "text")
    code = rest if word in ("feature", "attribute") else name
    for one in features.registry():
        if one.sensitivity == Feature.Sensitivity.FORBIDDEN and code in (one.code, one.spec.get("attribute")):
            raise BadRule(f"{name!r} is a protected attribute; nobody may be chosen by it.")
        if one.code == code and "attribute" in one.spec and word != "feature" and KEY.fullmatch(one.spec["attribute"]):
            out.values[f"{prefix}_key"] = one.spec["attribute"]
            return Field(one.meaning, ATTRIBUTE, "json")
        if one.code == code:
            out.values[f"{prefix}_position"] = one.position
            return Field(one.meaning, FEATURE, "number")
    raise BadRule(f"There is no field {name!r}.")


def _protected() -> set[str]:
    """Attributes that no model and no audience may use."""
    return {
        one.spec.get("attribute", one.code)
        for one in features.registry()
        if one.sensitivity == Feature.Sensitivity.FORBIDDEN
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def _checked(name: str, kind: str, value: Any) -> Any:
    """One value fit for comparison with a field of this kind."""
    if kind == "number":
        if not _is_number(value):
            raise BadRule(f"{name} is compared with a number, not {str(value)[:40]!r}.")
    elif kind == "text":
        if not isinstance(value, str):
            raise BadRule(f"{name} is compared with a text.")
    elif not isinstance(value, (str, bool)) and not _is_number(value):
        raise BadRule(f"{name} is compared with a text, a number, true or false.")
    if isinstance(value, str) and (len(value) > LONGEST or not KEPT.fullmatch(value)):
        raise BadRule(f"The text compared with {name} is too long or holds a character we cannot keep.")
    return value


def _some(name: str, kind: str, value: Any, out: Compiled, prefix: str) -> str:
    """v is one of the values; a stored list matches when any of its entries does."""
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MOST_VALUES:
        raise BadRule(f"{name} takes 1 to {MOST_VALUES} values.")
    values = [_checked(name, kind, one) for one in values]
    tests = []
    for number, one in enumerate(values):
        key = f"{prefix}_{number}"
        out.values[key] = float(one) if kind == "number" else one
        tests.append(_equal(kind, one, key))
    return "(" + " OR ".join(tests) + ")"


def _equal(kind: str, value: Any, key: str) -> str:
    if kind == "number":
        return f"v = %({key})s::float8"
    if kind == "text":
        return f"v = %({key})s::text"
    cast = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "numeric"
    return f"(v = to_jsonb(%({key})s::{cast}) OR (jsonb_typeof(v) = 'array' AND v @> to_jsonb(%({key})s::{cast})))"


def _ordered(sign: str) -> Callable[[str, str, Any, Compiled, str], str]:
    def test(name: str, kind: str, value: Any, out: Compiled, prefix: str) -> str:
        key = f"{prefix}_{'lo' if sign == '>=' else 'hi'}"
        out.values[key] = _checked(name, kind, value)
        if isinstance(value, bool):
            raise BadRule(f"{name} cannot be more or less than true or false.")
        if kind == "number":
            return f"v {sign} %({key})s::float8"
        if kind == "text":
            return f'v COLLATE "C" {sign} %({key})s::text'
        if isinstance(value, str):
            return f"""(jsonb_typeof(v) = 'string' AND (v #>> '{{}}') COLLATE "C" {sign} %({key})s::text)"""
        return f"(CASE WHEN jsonb_typeof(v) = 'number' THEN (v #>> '{{}}')::numeric {sign} %({key})s::numeric END)"

    return test


def _between(name: str, kind: str, value: Any, out: Compiled, prefix: str) -> str:
    if not isinstance(value, list) or len(value) != 2:
        raise BadRule(f"between on {name} takes a list of two values.")
    low, high = (_ordered(sign)(name, kind, one, out, prefix) for sign, one in zip((">=", "<="), value, strict=True))
    return f"({low} AND {high})"


def _none(name: str, kind: str, value: Any, out: Compiled, prefix: str) -> str:
    return f"NOT {_some(name, kind, value, out, prefix)}"


COMPARISONS: dict[str, Callable[[str, str, Any, Compiled, str], str]] = {
    "eq": _some,
    "in": _some,
    "gte": _ordered(">="),
    "lte": _ordered("<="),
    "between": _between,
    "not": _none,
}
