"""The feature registry: what each feature means, why we may use it, and how a version of it is pinned."""

import hashlib
import json
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
})  # fmt: skip


class BadFeature(Exception):
    """The feature cannot be registered as asked. Nothing was written."""


def ensure_core(at: datetime) -> FeatureSet:
    """Register the features every installation has, and return the version in force. Safe to call again."""
    with transaction.atomic():
        have = set(Feature.objects.select_for_update().values_list("code", flat=True))
        for one in CORE:
            if one["code"] not in have:
                _add(**one)
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
) -> Feature:
    """Add one feature and pin the next version of the set; the same code and spec again changes nothing.

    spec  as `Feature` says, e.g. {"attribute": "balance"} or {"attribute": "job", "categories": ["admin.", …]}
    Raises BadFeature when the code exists with another spec (give the new meaning a new code), the spec cannot be
    read, or a protected attribute is not marked forbidden in models.
    """
    found = Feature.objects.filter(code=code).first()
    if found is not None:
        if found.spec != spec:
            raise BadFeature(f"{code} is registered with another spec; a new meaning needs a new code")
        return found
    made = _add(code=code, spec=spec, meaning=meaning, client_words=client_words, purpose=purpose,
                sensitivity=sensitivity)  # fmt: skip
    _pin(at)
    return made


def registry() -> tuple[Feature, ...]:
    """Every feature by position, from 0 without gaps; read once per version of the set."""
    return _registry(version())


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


@lru_cache(maxsize=4)
def _registry(version: int) -> tuple[Feature, ...]:
    return tuple(Feature.objects.filter(since_version__lte=version).order_by("position"))


def _add(
    *, code: str, spec: dict[str, Any], meaning: str, client_words: str, purpose: str, sensitivity: str
) -> Feature:
    _check(code, spec, sensitivity)
    newest = Feature.objects.aggregate(newest=Max("position"))["newest"]
    return Feature.objects.create(
        code=code, spec=spec, meaning=meaning, client_words=client_words, purpose=purpose, sensitivity=sensitivity,
        position=0 if newest is None else newest + 1, since_version=version() + 1,
    )  # fmt: skip


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
    if names & PROTECTED and sensitivity != Sensitivity.FORBIDDEN:
        raise BadFeature(f"{code} is a protected attribute; it may only be registered as forbidden in models")


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
