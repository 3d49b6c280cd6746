"""Profiles: one fresh vector a client, right in event time, and blank where the client says no."""

from datetime import timedelta

import numpy as np
import pytest

from compliance import consent
from compliance.models import Client, Preference
from personalize import features, profiles
from personalize.bulk import profiles as rows
from personalize.features import BadFeature
from personalize.models import Attribute, Event, Feature, FeatureSet, MarketSignal, Profile, Source
from tests.people import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def registry(db):
    features.ensure_core(NOON)
    return {one.code: one.position for one in features.registry()}


@pytest.fixture
def source(db):
    return Source.objects.create(slug="web", name="Web", key_sha256=b"k" * 32, created_at=NOON)


@pytest.fixture
def ada(registry):
    return Client.objects.create(user_id="ada", first_seen_at=NOON - 100 * DAY)


@pytest.fixture
def allowing(monkeypatch):
    """Everybody allows profiling: the law's own tests are elsewhere, and consent is asked through one door."""
    monkeypatch.setattr(consent, "profiling", lambda ids, *, at: np.ones(len(ids), bool))


def did(source, client, name, days, *, received=0.0, kind="track"):
    at = NOON - days * DAY
    Event.objects.create(
        source=source, message_id=f"{client.pk}-{name}-{days}-{kind}", client=client, type=kind, name=name,
        occurred_at=at, received_at=at + received * DAY,
    )  # fmt: skip


def told(client, key, value, *, origin="declared", days=1):
    Attribute.objects.create(client=client, key=key, origin=origin, value=value, source="test", at=NOON - days * DAY)


def shown(client, *codes):
    table = profiles.one(client.pk, at=NOON)
    return [None if np.isnan(table.column(code)[0]) else round(float(table.column(code)[0]), 3) for code in codes]


def test_events_are_counted_by_when_they_happened(registry, source, ada, allowing):
    for days in (0.5, 6.9, 7.1, 29, 31, 89, 91, -0.1):
        did(source, ada, "Dashboard Viewed", days)
    did(source, ada, "Module Completed", 10)
    did(source, ada, "Dashboard Viewed", 3, kind="identify")

    assert profiles.refresh(at=NOON) == 1

    counts = ("dashboard_7d", "dashboard_30d", "dashboard_90d", "modules_30d", "statements_30d", "events_30d")
    assert shown(ada, *counts) == [2, 4, 6, 1, 0, 5]
    assert shown(ada, "active_days_30d", "days_since_visit", "days_since_module", "days_since_contribution") == [
        4, 0.5, 10, None,
    ]  # fmt: skip
    assert shown(ada, "tenure_days") == [100]
    assert Profile.objects.get().last_event_at == NOON - 0.5 * DAY


def test_a_late_event_counts_where_it_belongs(registry, source, ada, allowing):
    profiles.refresh(at=NOON)
    did(source, ada, "Dashboard Viewed", 20, received=20)

    refreshed = profiles.refresh(since=NOON - DAY, at=NOON + timedelta(seconds=5))

    assert refreshed == 1
    assert shown(ada, "dashboard_7d", "dashboard_30d") == [0, 1]


def test_declared_beats_inferred_and_words_are_forgiving(registry, ada, allowing):
    told(ada, "risk_tolerance", "growth", origin="inferred", days=0)
    told(ada, "risk_tolerance", "Very cautious", days=300)
    told(ada, "goal", "world domination")
    told(ada, "horizon_years", "12")
    told(ada, "experience", "experienced", days=-1)

    profiles.refresh(at=NOON)

    assert shown(ada, "risk_tolerance", "goal", "horizon_years", "experience") == [0, None, 12, None]
    known = {(one.key, one.origin): one.is_used for one in profiles.known(ada.pk)}
    assert known[("risk_tolerance", "declared")] is True
    assert known[("risk_tolerance", "inferred")] is False


def test_open_rates_are_shrunk_and_signals_are_the_newest(registry, ada, allowing):
    bob = Client.objects.create(user_id="bob", first_seen_at=NOON)
    told(ada, "opens_90d", 3, origin="inferred")
    told(ada, "sends_90d", 10, origin="inferred")
    for days, value in ((9, 0.1), (2, 0.3), (-1, 0.9)):
        MarketSignal.objects.create(kind="volatility", value=value, effective_at=NOON - days * DAY, source="test")

    profiles.refresh(at=NOON)

    assert shown(ada, "open_rate_90d", "volatility") == [0.25, 0.3]
    assert shown(bob, "open_rate_90d", "volatility") == [0.2, 0.3]


def test_what_a_client_withholds_is_not_known(registry, source, ada):
    did(source, ada, "Dashboard Viewed", 1)
    told(ada, "risk_tolerance", "balanced")
    told(ada, "horizon_years", 7)
    Preference.objects.create(client=ada, signals_off=["horizon_years"], updated_at=NOON)

    profiles.refresh(at=NOON)

    assert shown(ada, "dashboard_30d", "risk_tolerance", "horizon_years", "tenure_days") == [None, 1, None, 100]


def test_a_table_has_the_order_asked_for_and_knows_nothing_of_strangers(registry, ada, allowing):
    bob = Client.objects.create(user_id="bob", first_seen_at=NOON - 10 * DAY)
    profiles.refresh(at=NOON)

    table = profiles.table([bob.pk, 10**9, ada.pk, bob.pk], at=NOON)

    assert table.ids.tolist() == [bob.pk, 10**9, ada.pk, bob.pk]
    assert np.nan_to_num(table.column("tenure_days"), nan=-1).tolist() == [10, -1, 100, 10]
    assert np.isnan(table.x[1]).all()
    assert profiles.table([], at=NOON).x.shape == (0, len(table.codes))


@pytest.mark.parametrize("n", [1, 3])
def test_reading_costs_the_same_for_one_and_for_many(registry, n, django_assert_num_queries):
    made = [Client.objects.create(user_id=f"c{i}", first_seen_at=NOON) for i in range(n)]
    profiles.refresh(at=NOON)
    ids = [one.pk for one in made]
    profiles.table(ids, at=NOON)

    with django_assert_num_queries(5):
        profiles.table(ids, at=NOON)


def test_only_what_is_stale_is_refreshed(registry, source, ada, allowing):
    bob = Client.objects.create(user_id="bob", first_seen_at=NOON)
    assert profiles.refresh(at=NOON) == 2
    later = NOON + timedelta(hours=1)
    assert profiles.refresh(since=profiles.newest(), at=later) == 0

    Event.objects.create(source=source, message_id="x", client=bob, type="track", name="Dashboard Viewed",
                         occurred_at=later, received_at=later)  # fmt: skip
    assert profiles.refresh(since=profiles.newest(), at=later) == 1
    profiles.mark_stale([ada.pk])
    assert profiles.refresh(since=later, at=later, limit=1) == 1
    assert profiles.refresh(since=NOON, at=NOON + 2 * DAY) == 2


def test_a_newer_profile_is_never_replaced_by_an_older_one(registry, source, ada, allowing):
    profiles.refresh(at=NOON)
    did(source, ada, "Dashboard Viewed", 1)

    profiles.refresh(client_ids=[ada.pk], at=NOON - timedelta(hours=1))

    assert Profile.objects.get().refreshed_at == NOON


def test_a_new_feature_makes_a_new_version_and_old_vectors_still_read(registry, ada, allowing):
    profiles.refresh(at=NOON)
    before = features.version()

    made = features.register("balance", {"attribute": "balance"}, meaning="Balance", client_words="of your balance",
                             at=NOON)  # fmt: skip

    assert features.version() == before + 1
    assert made.position == len(registry)
    assert shown(ada, "tenure_days", "balance") == [100, None]
    told(ada, "balance", 1500)
    assert profiles.refresh(since=NOON, at=NOON + timedelta(minutes=1)) == 1
    assert shown(ada, "balance") == [1500]


def test_registering_the_same_again_changes_nothing(registry):
    pinned = FeatureSet.objects.count(), Feature.objects.count()

    features.ensure_core(NOON)
    for _ in range(2):
        features.register("balance", {"attribute": "balance"}, meaning="", client_words="", at=NOON)

    assert (FeatureSet.objects.count(), Feature.objects.count()) == (pinned[0] + 1, pinned[1] + 1)


@pytest.mark.parametrize(
    ("code", "spec"),
    [
        ("sex", {"attribute": "sex"}),
        ("harmless", {"attribute": "Ethnicity"}),
        ("nothing", {}),
        ("two", {"attribute": "a", "signal": "b"}),
        ("odd", {"events": "X", "days": 5}),
        ("twice", {"attribute": "a", "categories": ["x y", "X-Y"]}),
        ("goal", {"attribute": "other"}),
    ],
)
def test_a_feature_that_may_not_be_is_refused(registry, code, spec):
    pinned = FeatureSet.objects.count(), Feature.objects.count()

    with pytest.raises(BadFeature):
        features.register(code, spec, meaning="", client_words="", at=NOON)

    assert (FeatureSet.objects.count(), Feature.objects.count()) == pinned


def test_a_forbidden_feature_is_never_filled(registry, ada, allowing):
    told(ada, "gender", 1)

    profiles.refresh(at=NOON)

    assert shown(ada, "gender") == [None]
    assert registry["gender"] not in features.usable(features.registry())


def test_one_client_is_read_as_many_are(registry, source, ada, allowing):
    for days in (0.5, 6.9, 7.1, 29, 400.5, -0.1):
        did(source, ada, "Dashboard Viewed", days)
    did(source, ada, "Logged In", 3, kind="page")
    for key, value in {"goal": "House  purchase", "risk_tolerance": "Very-cautious", "monthly_saving": "12.5"}.items():
        told(ada, key, value)
        told(ada, key, "seen", origin="inferred")
    for key, value in {"sends_90d": 8, "opens_90d": 3}.items():
        told(ada, key, value, origin="inferred")
    MarketSignal.objects.create(kind="volatility", value=0.3, effective_at=NOON - DAY, source="test")
    MarketSignal.objects.create(kind="volatility", value=0.9, effective_at=NOON + DAY, source="test")

    asked = {"version": features.version(), "profiling": True, "sensitive": True, "off": [], "at": NOON}
    for person in (ada, Client.objects.create(user_id="bob", first_seen_at=NOON - DAY)):
        profiles.refresh(at=NOON)
        alone = profiles.of_one(person.pk, None, **asked)

        _, whole = rows.read(np.array([person.pk]), len(registry))
        np.testing.assert_array_equal(alone.x, whole)
        assert np.isfinite(alone.x).sum() > 5
