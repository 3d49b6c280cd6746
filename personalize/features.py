"""The feature registry: what each feature means, why we may use it, and how a version of it is pinned."""

import hashlib
import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Max

from compliance.models import Purpose
from personalize.core_features import CORE
from personalize.decide.features import CATEGORY, NUMBER, Column, word
from personalize.models import Feature, FeatureSet

Sensitivity = Feature.Sensitivity

# Equality Act 2010 s.4, EU Charter Art. 21, GDPR Art. 9(1), ECOA 15 U.S.C. 1691: never an input of a model.
# Age and marriage are left to the firm's judgement: financial services are outside the Act's age rules (SI 2012/2466).
PROTECTED = frozenset({
    "sex", "gender", "gender_reassignment", "race", "ethnicity", "nationality", "national_origin", "religion", "belief",
    "disability", "health", "sexual_orientation", "pregnancy", "trade_union", "political_opinion", "genetic_data",
    "biometric_data",
    # FG21/1: it may close or soften, never choose.
    "vulnerable", "vulnerability", "is_vulnerable", "vulnerability_flag",
})  # fmt: skip


# What stands in for them: 12 CFR 1002.4, CFPB on proxies; Equality Act 2010 s.19. Never an input either.
PROXIES = {
    "postcode": "ethnicity", "post_code": "ethnicity", "postal_code": "ethnicity", "zip": "ethnicity",
    "zip_code": "ethnicity", "zipcode": "ethnicity", "first_name": "sex and ethnicity", "last_name": "ethnicity",
    "surname": "ethnicity", "full_name": "sex and ethnicity", "maiden_name": "sex", "title": "sex",
    "salutation": "sex", "honorific": "sex", "birth_country": "national origin",
    "country_of_birth": "national origin", "place_of_birth": "national origin", "birthplace": "national origin",
    "mother_tongue": "national origin", "native_language": "national origin", "caste": "ethnicity",
}  # fmt: skip
# GDPR 9 and ICO v Easylife 2022: what can be worked out about health or belief from ordinary acts is special as well.
SPECIAL = re.compile(
    r"health|medic|pharma|hospital|clinic|arthrit|diabet|cancer|pregnan|fertil|disab|mental|addict|rehab|therap"
    r"|church|mosque|synagog|temple|relig|faith|trade.?union|politic|party.?donat|gay|lesbian|lgbt|sexual",
    re.IGNORECASE,
)


class BadFeature(Exception):
    """The feature cannot be registered as asked. Nothing was written."""


def ensure_core(at: datetime) -> FeatureSet:
    """Register the features every installation has, and return the version in force. Safe to call again."""
    with transaction.atomic():
        have = set(Feature.objects.select_for_update().values_list("code", flat=True))
        _add(*(one for one in CORE if one["code"] not in have))
        return _pin(at)


@transaction.atomic
def register(
    code: str,
    spec: dict[str, Any],
    *,
    meaning: str,
    client_words: str,
    at: datetime,
    purpose: str = Purpose.PROFILING,
    sensitivity: str = Sensitivity.ORDINARY,
    proxy_risk: str = Feature.ProxyRisk.LOW,
    proxy_of: str = "",
) -> Feature:
    """Add one feature and pin the next version of the set; the same code and spec again changes nothing.

    spec  as `Feature` says, e.g. {"attribute": "balance"} or {"attribute": "job", "categories": ["admin.", …]}
    proxy_risk, proxy_of  how far it may stand in for a protected attribute, for which, and why it is kept all the same
    Raises BadFeature when the code exists with another spec (give the new meaning a new code), the spec cannot be
    read, a protected attribute or a known proxy is not marked forbidden in models, or what tells of health or belief
    is not marked sensitive.
    """
    found = Feature.objects.filter(code=code).first()
    if found is not None:
        if found.spec != spec:
            raise BadFeature(f"{code} is registered with another spec; a new meaning needs a new code")
        return found
    if proxy_risk != Feature.ProxyRisk.LOW and not proxy_of.strip():
        raise BadFeature(f"{code}: say what it may stand in for, and why it is kept")
    (made,) = _add({
        "code": code, "spec": spec, "meaning": meaning, "client_words": client_words, "purpose": purpose,
        "sensitivity": sensitivity, "proxy_risk": proxy_risk, "proxy_of": proxy_of,
    })  # fmt: skip
    _pin(at)
    return made


def registry() -> tuple[Feature, ...]:
    """Every feature by position, from 0 without gaps; read once per version of the set."""
    return _registry(version())


def registry_of(version: int) -> tuple[Feature, ...]:
    """The registry as that version of the set has it, by no query where it was read before."""
    return _registry(version)


def pinned() -> tuple[int, tuple[Feature, ...]]:
    """The newest version and its registry, by one query."""
    newest = version()
    return newest, _registry(newest)


def version() -> int:
    """The newest version of the set; 0 before any feature is registered."""
    return FeatureSet.objects.aggregate(newest=Max("version"))["newest"] or 0


def columns(features: tuple[Feature, ...]) -> tuple[Column, ...]:
    """What the columns of a matrix of these features mean."""
    return tuple(
        Column(one.code, CATEGORY, tuple(one.spec["categories"]))
        if "categories" in one.spec
        else Column(one.code, NUMBER)
        for one in features
    )


def usable(features: tuple[Feature, ...]) -> tuple[int, ...]:
    """Positions of the features that a model may read."""
    return tuple(one.position for one in features if one.sensitivity != Sensitivity.FORBIDDEN)


def refusal(name: str) -> str:
    """Why no model and no audience may use what is called so: "is a protected attribute" …; "" where they may."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in PROTECTED or "vulnerab" in plain:
        return "is a protected attribute"
    return f"stands in for {PROXIES[plain]}" if plain in PROXIES else ""


def is_special(code: str, spec: dict[str, Any]) -> bool:
    """Whether a feature may tell of health, belief or the like, by its name or by what it is worked out from."""
    return any(SPECIAL.search(one) for one in (code, str(spec.get("attribute", "")), str(spec.get("events", ""))))


@lru_cache(maxsize=4)
def _registry(version: int) -> tuple[Feature, ...]:
    return tuple(Feature.objects.filter(since_version__lte=version).order_by("position"))


def _add(*asked: dict[str, Any]) -> list[Feature]:
    """Register features at the next positions, in this order."""
    for one in asked:
        _check(one["code"], one["spec"], one["sensitivity"])
    newest = Feature.objects.aggregate(newest=Max("position"))["newest"]
    first, since = 0 if newest is None else newest + 1, version() + 1
    return Feature.objects.bulk_create(
        [Feature(**one, position=position, since_version=since) for position, one in enumerate(asked, first)]
    )


def _check(code: str, spec: dict[str, Any], sensitivity: str) -> None:
    kinds = {"attribute", "events", "days_since", "active_days", "tenure", "signal", "rate"} & set(spec)
    if len(kinds) != 1:
        raise BadFeature(f"{code}: a spec has exactly one kind, not {sorted(kinds) or list(spec)}")
    if "events" in spec and spec.get("days") not in (7, 30, 90):
        raise BadFeature(f"{code}: events are counted over 7, 30 or 90 days")
    categories = spec.get("categories", [])
    if not all(isinstance(one, str) for one in categories) or len(set(map(word, categories))) != len(categories):
        raise BadFeature(f"{code}: categories must be different words")
    names = {code.lower().replace("-", "_"), str(spec.get("attribute", "")).lower().replace("-", "_")}
    for name in sorted(names):
        if (why := refusal(name)) and sensitivity != Sensitivity.FORBIDDEN:
            raise BadFeature(f"{code} {why}; it may only be registered as forbidden in models")
    if is_special(code, spec) and sensitivity not in (Sensitivity.SENSITIVE, Sensitivity.FORBIDDEN):
        raise BadFeature(f"{code} may tell of health or belief; it must be registered as sensitive or as forbidden")


def _pin(at: datetime) -> FeatureSet:
    """The version that holds exactly the features in the table: the newest, or a new one."""
    features = list(Feature.objects.order_by("position"))
    specs = [[one.position, one.code, one.spec, one.purpose, one.sensitivity] for one in features]
    digest = hashlib.sha256(json.dumps(specs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    newest = FeatureSet.objects.order_by("-version").first()
    if newest is not None and newest.sha256 == digest:
        return newest
    return FeatureSet.objects.create(
        version=1 if newest is None else newest.version + 1, codes=[one.code for one in features], sha256=digest,
        made_at=at,
    )  # fmt: skip
