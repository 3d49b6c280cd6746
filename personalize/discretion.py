"""What of a client is for officers alone: what they own and earn, their age, scores of risk, what is special."""

import json
import re
from collections.abc import Iterable, Mapping, Set
from typing import Any

from compliance.models import Staff
from personalize import features

# GDPR 5(1)(c): whoever writes campaigns needs to know that a value is there and how old it is, not what it is. What a
# client said of their goal, their experience and how they feel about risk stays readable: it is what they told us to be
# served by.
WORDS = frozenset({
    "income", "salary", "wage", "wages", "earnings", "pay", "wealth", "worth", "assets", "balance", "debt", "debts",
    "loan", "saving", "savings", "age", "birth", "birthday", "birthdate", "dob", "born", "score", "rating",
    # FG21/1, 2.11: what befell somebody.
    "bereaved", "bereavement", "widow", "widowed", "widower", "divorce", "divorced", "separated", "redundancy",
    "redundant", "unemployed", "unemployment", "arrears", "bankrupt", "bankruptcy",
})  # fmt: skip
WHOLE = frozenset({"risk_profile"})
SEEN_BY = "compliance.oversee"
SENTENCE = "Kept for compliance officers: what a client owns or earns, their age, and scores of risk."
VEIL = "•••"  # stands in a text for what is for officers alone; no longer than the shortest of the values
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
SENSITIVE = (features.Sensitivity.SENSITIVE, features.Sensitivity.FORBIDDEN)


def may_read_all(staff: Staff) -> bool:
    """Whether this person reads every value of a client."""
    return staff.has_perm(SEEN_BY)


def is_sensitive(key: str, marked: Set[str]) -> bool:
    """Whether the value under this key (of an attribute, a trait, a property) is for officers alone.

    marked  what `marked()` gave, asked for once a page
    """
    small, words = key.lower(), {one.lower() for one in WORD.findall(key)}
    return bool(
        key in marked
        or words & (WORDS | features.PROTECTED)
        or small in WHOLE | features.PROTECTED
        or features.SPECIAL.search(key)
        or "vulnerab" in small
    )


def marked() -> frozenset[str]:
    """The attributes that a feature of the registry calls sensitive or forbidden."""
    return frozenset(one.spec.get("attribute", one.code) for one in features.registry() if one.sensitivity in SENSITIVE)


def reads_sensitive(fields: Iterable[str]) -> bool:
    """Whether a rule over these fields ("goal", "attribute:income", "feature:dashboard_7d") tells what is sensitive."""
    return bool(telling(fields))


def telling(fields: Iterable[str]) -> frozenset[str]:
    """Those of the fields over which a rule tells what is sensitive."""
    known, codes = marked(), {one.code: one.spec.get("attribute", one.code) for one in features.registry()}

    def tells(field: str) -> bool:
        kind, _, name = field.partition(":")
        key = codes.get(name, name) if kind == "feature" else name or kind
        return kind not in ("events", "consent") and is_sensitive(key, known)

    return frozenset(one for one in fields if tells(one))


def veiled(values: Mapping[str, Any], marked: Set[str]) -> dict[str, Any]:
    """What a text is filled with, with VEIL in place of what is sensitive."""
    return {name: VEIL if is_sensitive(name, marked) else one for name, one in values.items()}


def cleaned(value: Any, marked: Set[str]) -> Any:
    """The value with SENTENCE in place of what is sensitive inside of it, as deep as it goes."""
    if isinstance(value, dict):
        return {
            key: SENTENCE if is_sensitive(str(key), marked) else cleaned(inner, marked) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [cleaned(inner, marked) for inner in value]
    return value


def cleaned_text(text: str) -> str:
    """A JSON text with what is sensitive inside of it replaced.

    One that is no JSON is kept back whole where any word in it names something sensitive.
    """
    known = marked()
    try:
        return json.dumps(cleaned(json.loads(text), known), ensure_ascii=False)
    except (ValueError, RecursionError):
        return SENTENCE if is_sensitive(text, known) else text
