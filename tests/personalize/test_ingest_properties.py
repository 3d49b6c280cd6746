"""What must hold for any body and any order of arrival."""

import gzip
import hashlib
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Browser
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalize import events, ingest
from personalize.models import Attribute, Event, QuarantinedItem, Source

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def source():
    digest = hashlib.sha256(b"k").digest()
    return Source.objects.create(slug="web", name="Web", key_sha256=digest, created_at=now())


def identify(number, day, traits):
    raw = {"type": "identify", "userId": "u", "messageId": str(number), "traits": traits,
           "timestamp": (NOON - timedelta(days=day)).isoformat()}  # fmt: skip
    return ingest.item(json.dumps(raw).encode(), at=NOON)


traits = st.dictionaries(
    st.sampled_from(["plan", "city", "email"]), st.sampled_from(["a", "b", 1, None, True]), max_size=3
)


@RELAXED
@given(said=st.lists(st.tuples(st.integers(0, 3), traits), max_size=8), seed=st.integers(0, 99), cut=st.integers(1, 4))
def test_shuffled_batches_give_the_same_attributes(source, said, seed, cut):
    items = [identify(number, day, one) for number, (day, one) in enumerate(said)]
    shuffled = random.Random(seed).sample(items, len(items))
    results = []
    for order in (items, shuffled):
        Attribute.objects.all().delete()
        Event.objects.all().delete()
        for first in range(0, len(order), cut):
            events.ingest(source, order[first : first + cut], at=NOON)
        results.append(sorted(Attribute.objects.values_list("key", "value", "at"), key=str))

    assert results[0] == results[1]


def test_a_year_old_file_sent_again_changes_nothing(source):
    items = [identify(n, 365, {"plan": n}) for n in range(20)]
    first = events.ingest(source, items, at=NOON - timedelta(days=364))
    before = list(Attribute.objects.values()), list(Event.objects.values())

    again = events.ingest(source, items, at=NOON)

    assert (first.kept, again.kept, again.repeated) == (20, 0, 20)
    assert (list(Attribute.objects.values()), list(Event.objects.values())) == before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)  # fmt: skip
FIELDS = ["type", "event", "userId", "anonymousId", "previousId", "groupId", "messageId", "timestamp", "sentAt",
          "originalTimestamp", "receivedAt", "properties", "traits", "context", "name", "category"]  # fmt: skip
strange = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=8)
calls = st.sampled_from(["identify", "track", "page", "screen", "group", "alias", "batch"])


@RELAXED
@given(kind=calls, body=st.binary(max_size=300), zipped=st.booleans())
def test_garbage_is_never_our_fault(source, kind, body, zipped):
    body = gzip.compress(body) if zipped else body

    assert Browser().post(f"/v1/{kind}?writeKey=k", body, content_type="text/plain").status_code in (200, 400)


@RELAXED
@given(items=st.lists(st.builds(lambda one, kind: {"userId": "u", "type": kind, "event": "x", **one}, strange, calls),
                      max_size=4))  # fmt: skip
def test_strange_items_are_kept_or_quarantined(source, items):
    before = Event.objects.count() + QuarantinedItem.objects.count()
    body = json.dumps({"batch": items, "writeKey": "k"}).encode()

    answer = Browser().post("/v1/batch", body, content_type="application/json")

    # Python writes NaN and Infinity, which are no JSON.
    if b"NaN" in body or b"Infinity" in body:
        assert answer.status_code in (200, 400)
    else:
        assert answer.status_code == 200
        assert before <= Event.objects.count() + QuarantinedItem.objects.count() <= before + len(items)


@pytest.mark.parametrize(
    "properties",
    [
        '{"a": 1e-20000}',
        '{"a": 0.' + "0" * 17_000 + "1}",
        '{"a": 1e400}',
        '{"a": ' + "9" * 5_000 + "}",
        '{"a": "\\ud83d"}',
        '{"a": "\\udc00"}',
        '{"a": "\\u0000"}',
        '{"\\u0000": 1}',
        "[" * 70 + "]" * 70,
        '{"a": ' + "[" * 65 + "1" + "]" * 65 + "}",
        '{"a": -0.0, "a": 2}',
        '{"a": "\\\\u0000 is only text"}',
        '{"a": 123456789012345678901234567890}',
    ],
)
def test_what_postgresql_cannot_store_never_breaks_the_batch(source, properties):
    odd = '{"type":"track","event":"x","userId":"u","messageId":"odd","properties":' + properties + "}"
    good = '{"type":"track","event":"x","userId":"u","messageId":"good"}'

    answer = Browser().post("/v1/batch?writeKey=k", f'{{"batch":[{odd},{good}]}}', content_type="application/json")

    assert answer.status_code == 200
    assert Event.objects.filter(message_id="good").count() == 1
    assert Event.objects.filter(message_id="odd").count() + QuarantinedItem.objects.count() == 1
