"""Models: fitted from examples, kept by hash, and refused where they must be."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from compliance.models import LedgerEntry
from personalize import features, fitting, training
from personalize.decide import modeltext, score
from personalize.models import Artefact, Feature, Stage
from personalize.registry import signing
from personalize.training import Examples, ForbiddenFeature, NotReady
from tests.models import declared
from tests.people import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def examples(db, officer, marketer):
    features.ensure_core(NOON)
    declared("onboarding", owner=marketer, by=officer)
    return drawn(900)


def drawn(n, seed=1):
    rng = np.random.default_rng(seed)
    registry = features.registry()
    place = {one.code: one.position for one in registry}
    x = np.full((n, len(registry)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, n)
    x[:, place["dashboard_30d"]] = rng.poisson(2, n)
    x[:, place["gender"]] = rng.integers(0, 2, n)
    choice = rng.integers(0, 2, (n, 1)).astype(np.int16)
    z = -2 + 0.5 * x[:, place["dashboard_30d"]] + 0.8 * (choice[:, 0] == 1)
    y = (rng.random(n) < score.probability(z)).astype(float)
    at = 1_780_000_000 + np.arange(n, dtype=np.int64) * 600
    return Examples(x, ("body",), (("a" * 64, "b" * 64),), choice, y, np.full(n, 0.5), at)


def test_a_model_is_fitted_judged_and_waits(examples):
    made = fitting.fit("onboarding", examples, by="system:test", at=NOON)

    model = modeltext.load(made.body, made.sha256)
    assert (made.stage, made.version, made.method, made.use_case) == (Stage.WAITING, 1, "linear", "onboarding")
    assert made.card["rows"] == 900
    assert made.card["auc"] > 0.65
    assert made.card["forward_auc"] > 0.6
    assert len(made.card["reliability"]) == 10
    assert made.card["window"] == ["2026-05-28", "2026-06-04"]
    assert set(made.card["features"]) == {"risk_tolerance", "dashboard_30d"}
    assert "gender" in made.card["forbidden_checked"]
    assert model.offsets[0][1] > model.offsets[0][0]
    assert LedgerEntry.objects.filter(kind="model.registered", about=f"model:{made.pk}").count() == 1
    assert training.live("onboarding") is None


def test_the_same_examples_make_the_same_model(examples):
    once = fitting.fit("onboarding", examples, by="system:test", at=NOON)

    again = fitting.fit("onboarding", examples, by="system:test", at=NOON + timedelta(days=1))

    assert again.pk == once.pk
    assert Artefact.objects.count() == 1


@pytest.mark.parametrize("code", ["gender", "ethnicity", "sex", "postcode", "First Name", "never_heard_of"])
def test_a_forbidden_feature_refuses_training_by_name(examples, code):
    named = replace(examples, x=examples.x[:, :2], codes=("risk_tolerance", code))

    with pytest.raises(ForbiddenFeature, match=code):
        fitting.fit("onboarding", named, by="system:test", at=NOON)

    assert Artefact.objects.count() == 0
    allowed = replace(examples, x=examples.x[:, [0, 7]], codes=("risk_tolerance", "dashboard_30d"))
    assert fitting.fit("onboarding", allowed, by="system:test", at=NOON).card["features"] == [
        "risk_tolerance",
        "dashboard_30d",
    ]


def test_too_little_to_learn_from_registers_nothing(examples):
    with pytest.raises(NotReady):
        fitting.fit("onboarding", replace(examples, y=np.zeros(900)), by="system:test", at=NOON)

    assert Artefact.objects.count() == 0


@pytest.mark.parametrize(
    ("rows", "positives", "phase", "need_rows", "need_positives"),
    [
        (0, 0, "rules", 500, 50),
        (499, 400, "rules", 1, 0),
        (9_000, 49, "rules", 0, 1),
        (500, 50, "pooled", 4_500, 450),
        (5_000, 499, "pooled", 0, 1),
        (5_000, 500, "individual", 0, 0),
    ],
)
def test_readiness_needs_rows_and_successes(rows, positives, phase, need_rows, need_positives):
    found = training.readiness("onboarding", rows, positives)

    assert (found.phase, found.need_rows, found.need_positives) == (phase, need_rows, need_positives)
    assert 0 <= found.share <= 1


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"validator": "same"}, "nobody_validates_the_model_they_own"),
        ({"approved_by": "same"}, "nobody_approves_the_model_they_own"),
        ({"body": "{}"}, "a registered model never changes"),
        ({"sha256": "0" * 64}, "a registered model never changes"),
    ],
)
def test_the_database_holds_the_registry(examples, officer, marketer, change, rule):
    made = fitting.fit("onboarding", examples, by="system:test", at=NOON)
    signing.own(made.pk, by=marketer, at=NOON)
    change = {name: marketer if value == "same" else value for name, value in change.items()}

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Artefact.objects.filter(pk=made.pk).update(**change)


@pytest.mark.parametrize(
    ("code", "spec", "sensitivity", "complaint"),
    [
        ("postcode", {"attribute": "postcode"}, "ordinary", "stands in for ethnicity"),
        ("area", {"attribute": "zip-code"}, "personal", "stands in for ethnicity"),
        ("sex", {"attribute": "sex"}, "sensitive", "protected attribute"),
        ("pharmacy_90d", {"events": "Pharmacy Purchase", "days": 90}, "ordinary", "health or belief"),
        ("donations", {"attribute": "church_donations"}, "personal", "health or belief"),
    ],
)
def test_protected_attributes_proxies_and_inferred_special_categories_are_refused_by_name(
    examples, code, spec, sensitivity, complaint
):
    told = {"meaning": "Something", "client_words": "of something", "at": NOON, "purpose": "sensitive"}

    with pytest.raises(features.BadFeature, match=complaint):
        features.register(code, spec, sensitivity=sensitivity, **told)

    assert not Feature.objects.filter(code=code).exists()
    allowed = "sensitive" if "health" in complaint else "forbidden"
    assert features.register(code, spec, sensitivity=allowed, **told).sensitivity == allowed


def test_a_proxy_is_kept_only_with_its_reason(examples):
    told = {"meaning": "Months in the country", "client_words": "of how long you have lived here", "at": NOON}

    with pytest.raises(features.BadFeature, match="stand in for"):
        features.register("months_here", {"attribute": "months_here"}, proxy_risk="high", **told)

    kept = features.register("months_here", {"attribute": "months_here"}, proxy_risk="high",
                             proxy_of="national origin; needed for the history of contributions", **told)  # fmt: skip
    assert kept.proxy_risk == "high"


def test_special_category_needs_its_own_consent_in_the_database(examples):
    with pytest.raises(IntegrityError, match="special_category_needs_its_own_consent"), transaction.atomic():
        Feature.objects.filter(code="goal").update(sensitivity="sensitive", purpose="profiling")
