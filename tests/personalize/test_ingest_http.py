"""What other people's programs see at the ingest door."""

import base64
import gzip
import hashlib
import json

import pytest
from django.utils.timezone import now

from compliance.models import Client, ConsentState, State
from personalize import events
from personalize.models import Attribute, Event, Identity, MergeRequest, QuarantinedItem, Source
from tests.merged import merge

pytestmark = pytest.mark.django_db
KEY = "a-write-key"


@pytest.fixture
def source():
    digest = hashlib.sha256(KEY.encode()).digest()
    return Source.objects.create(slug="web", name="Web", key_sha256=digest, created_at=now())


def basic(key=KEY):
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def send(client, path, body, *, content_type="application/json", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, raw, content_type=content_type, **{**basic(), **headers})


TRACK = {"userId": "u1", "event": "Dashboard Viewed", "messageId": "m1", "properties": {"page": 1},
         "timestamp": "2026-01-02T03:04:05.678Z"}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "options"),
    [
        ("/v1/track", TRACK, {}),
        ("/v1/t", TRACK, {"content_type": "text/plain"}),
        ("/v1/track/", TRACK, {}),
        ("/v1/batch", {"batch": [{**TRACK, "type": "track", "anonymousId": None}], "writeKey": KEY},
         {"HTTP_AUTHORIZATION": ""}),
        ("/v1/b", {"batch": [{**TRACK, "type": "track"}]}, {"content_type": "application/x-www-form-urlencoded"}),
        ("/v1/batch", gzip.compress(json.dumps({"batch": [{**TRACK, "type": "track"}]}).encode()),
         {"HTTP_CONTENT_ENCODING": "gzip"}),
        ("/v1/import", gzip.compress(json.dumps({"batch": [{**TRACK, "type": "track"}]}).encode()), {}),
        (f"/beacon/v1/batch?writeKey={KEY}", {"batch": [{**TRACK, "type": "track"}]}, {"HTTP_AUTHORIZATION": ""}),
        ("/v1/track", {**TRACK, "writeKey": KEY}, {"HTTP_AUTHORIZATION": "Bearer abc"}),
    ],
)  # fmt: skip
def test_every_way_of_sending_keeps_the_event_once(client, source, path, body, options):
    first, again = send(client, path, body, **options), send(client, path, body, **options)

    assert (first.status_code, first.json()) == (200, {"success": True})
    assert (again.status_code, again.json()) == (200, {"success": True})
    [event] = Event.objects.all()
    assert (event.client.user_id, event.name, event.message_id, event.properties) == (
        "u1", "Dashboard Viewed", "m1", {"page": 1},
    )  # fmt: skip
    assert event.occurred_at.isoformat() == "2026-01-02T03:04:05.678000+00:00"


def test_all_calls_are_kept_under_their_type(client, source):
    calls = {
        "identify": {"traits": {"plan": "isa"}}, "track": {"event": "Seen"}, "page": {"name": "Home"},
        "screen": {"name": "Start"}, "group": {"groupId": "g1"}, "alias": {"previousId": "old"},
    }  # fmt: skip

    for kind, more in calls.items():
        assert send(client, f"/v1/{kind}", {"userId": "u1", **more}).status_code == 200

    assert sorted(Event.objects.values_list("type", flat=True)) == sorted(calls)
    assert QuarantinedItem.objects.count() == 0


@pytest.mark.parametrize("key", ["", "wrong", "ключ"])
def test_a_wrong_key_is_refused_and_nothing_is_kept(client, source, key):
    assert send(client, "/v1/track", TRACK, **basic(key)).status_code == 401
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"nonsense", b'{"a": "\xff"}', b"[" * 100_000, b'{"userId": NaN}', b"\x1f\x8b broken",
     gzip.compress(b" " * 2_000_000), b'{"batch": 3}', b'{"userId": "' + b"x" * 40_000 + b'"}'],
)  # fmt: skip
def test_bad_json_or_size_is_a_400(client, source, body):
    path = "/v1/track" if not body.startswith(b'{"batch') else "/v1/batch"

    assert send(client, path, body).status_code == 400
    assert not Event.objects.exists()


def test_one_bad_item_is_quarantined_with_its_reason_and_the_rest_is_kept(client, source):
    batch = [
        {**TRACK, "type": "track"},
        {"type": "track", "userId": "u1", "messageId": "m2"},
        {"type": "track", "event": "x", "messageId": "m3", "userId": "null", "anonymousId": "0000"},
        {"type": "dance", "userId": "u1", "messageId": "m4"},
        {"type": "track", "userId": "u1", "event": "Email Opened", "messageId": "m5"},
        {"type": "track", "userId": "u1", "event": "x", "messageId": "m" * 101},
        {"type": "track", "userId": "u1", "event": "x", "messageId": "m7", "properties": {"big": "x" * 33_000}},
        {"type": "track", "userId": "u1", "event": "x\u0000", "messageId": "m8"},
        {"type": "track", "userId": "u1", "event": "x", "messageId": "m9", "timestamp": "yesterday"},
        7,
    ]

    answer = send(client, "/v1/batch", {"batch": batch})

    assert answer.status_code == 200
    assert list(Event.objects.values_list("message_id", flat=True)) == ["m1"]
    assert list(QuarantinedItem.objects.order_by("pk").values_list("message_id", "reason")) == [
        ("m2", "a track call needs an event"),
        ("m3", "neither userId nor anonymousId is usable"),
        ("m4", "unknown type 'dance'"),
        ("m5", "'Email Opened' is a name only this system may use"),
        ("m" * 100, "messageId is longer than 100 characters"),
        ("m7", "larger than 32768 bytes"),
        ("m8", "a text contains a NUL character"),
        ("m9", "timestamp is not an ISO 8601 time"),
        ("", "an item must be an object"),
    ]


def test_more_than_2500_items_are_kept(client, source):
    batch = [{"type": "track", "userId": "u1", "event": "x", "messageId": f"m{n}"} for n in range(2_501)]

    assert send(client, "/v1/batch", {"batch": batch}).status_code == 200
    assert Event.objects.count() == 2_501


def test_the_clients_wrong_clock_is_corrected(client, source):
    when = now()
    item = {"type": "track", "userId": "u1", "event": "x", "messageId": "m1", "timestamp": "2001-01-01T00:00:00Z"}

    send(client, "/v1/batch", {"batch": [item], "sentAt": "2001-01-01T00:01:00Z"})

    assert abs((when - Event.objects.get().occurred_at).total_seconds() - 60) < 5


def test_the_batch_context_is_beneath_each_items_own(client, source):
    batch = [{"type": "page", "userId": "u", "messageId": "1", "context": {"a": 2}},
             {"type": "page", "userId": "u", "messageId": "2"}]  # fmt: skip

    send(client, "/v1/batch", {"batch": batch, "context": {"a": 1, "b": 1}})

    assert list(Event.objects.order_by("message_id").values_list("context", flat=True)) == [
        {"a": 2, "b": 1}, {"a": 1, "b": 1},
    ]  # fmt: skip


def test_the_pixel_always_answers_with_a_picture(client, source):
    data = base64.urlsafe_b64encode(json.dumps({**TRACK, "writeKey": KEY}).encode()).decode().rstrip("=")

    answers = [
        client.get("/v1/pixel/track", {"data": data}),
        client.get("/pixel/v1/track", {"data": data, "writeKey": KEY}),
        client.get("/v1/pixel/track", {"data": "%%%"}),
        client.get("/v1/pixel/nothing"),
        client.get("/v1/pixel/track", {"data": "e30"}),
    ]

    assert {(one.status_code, one["Content-Type"]) for one in answers} == {(200, "image/gif")}
    assert Event.objects.count() == 1


def test_browsers_may_ask_first_and_read_the_settings(client, source):
    preflight = client.options("/v1/t", HTTP_ORIGIN="https://shop.example")
    settings = client.get(f"/v1/projects/{KEY}/settings")

    assert (preflight.status_code, preflight["Access-Control-Allow-Origin"]) == (204, "*")
    assert settings.json()["integrations"]["Segment.io"]["apiKey"] == KEY
    assert client.get("/v1/projects/wrong/settings").status_code == 404
    assert client.get("/health").status_code == 200


def test_traits_are_ordered_by_event_time_and_fill_the_client(client, source):
    new = {"userId": "u1", "traits": {"email": "Ada@Example.COM", "plan": "gold", "firstName": "Ada"},
           "timestamp": "2026-02-01T00:00:00Z"}  # fmt: skip
    old = {"userId": "u1", "traits": {"email": "old@example.com", "plan": "basic", "city": "Bristol"},
           "timestamp": "2026-01-01T00:00:00Z"}  # fmt: skip

    send(client, "/v1/identify", new)
    send(client, "/v1/identify", old)

    assert dict(Attribute.objects.values_list("key", "value")) == {
        "email": "Ada@Example.COM", "plan": "gold", "first_name": "Ada", "city": "Bristol",
    }  # fmt: skip
    person = Client.objects.get(user_id="u1")
    assert (person.email, person.first_name) == ("ada@example.com", "Ada")


def test_an_anonymous_device_becomes_the_client_it_signs_in_as(client, source):
    send(client, "/v1/page", {"anonymousId": "d1", "name": "Home"})
    send(client, "/v1/identify", {"anonymousId": "d1", "userId": "u1"})
    send(client, "/v1/page", {"anonymousId": "d2", "name": "Home"})
    send(client, "/v1/alias", {"previousId": "d2", "userId": "u1"})

    known = Client.objects.get(user_id="u1")
    assert set(Event.objects.values_list("client_id", flat=True)) == {known.pk}
    assert set(Identity.objects.values_list("value", "client_id")) == {("d1", known.pk), ("d2", known.pk)}


def test_two_known_clients_on_one_device_are_not_merged_but_asked_about(client, source):
    send(client, "/v1/track", {**TRACK, "anonymousId": "d1"})
    send(client, "/v1/track", {**TRACK, "userId": "u2", "anonymousId": "d1", "messageId": "m2"})
    send(client, "/v1/track", {**TRACK, "userId": "u2", "anonymousId": "d1", "messageId": "m3"})
    send(client, "/v1/alias", {"previousId": "u1", "userId": "u3", "messageId": "m4"})

    asked = MergeRequest.objects.order_by("pk").values_list("kept__user_id", "absorbed__user_id", "state")
    assert list(asked) == [("u2", "u1", "waiting"), ("u3", "u1", "waiting")]
    assert Client.objects.filter(merged_into=None).count() == 3


def test_an_empty_consent_object_refuses_every_category_and_a_yes_lifts_nothing(client, source):
    said = {"context": {"consent": {"categoryPreferences": {}}}}
    send(client, "/v1/track", {**TRACK, **said})
    yes = {"context": {"consent": {"categoryPreferences": {"profiling": True, "marketing.email": True}}}}
    send(client, "/v1/track", {**TRACK, **yes, "messageId": "m2", "timestamp": "2026-03-01T00:00:00Z"})
    send(client, "/v1/track", {**TRACK, **yes, "messageId": "m3", "userId": "u2"})

    of = lambda user: set(ConsentState.objects.filter(client__user_id=user).values_list("purpose", "state"))  # noqa: E731
    assert of("u1") == {
        (one, State.DENIED) for one in ("marketing", "partner", "affiliate", "profiling", "measurement", "sensitive")
    }
    assert of("u2") == {("profiling", State.PENDING), ("marketing", State.PENDING)}


def test_an_unsubscribe_event_is_an_opt_out(client, source):
    send(client, "/v1/track", {**TRACK, "event": "Unsubscribed"})

    assert list(ConsentState.objects.values_list("purpose", "channel", "state")) == [("marketing", "email", "denied")]


@pytest.fixture
def long_ways(monkeypatch):
    """How often the long way was taken."""
    taken, ingest = [], events.ingest
    monkeypatch.setattr(events, "ingest", lambda *args, **rest: taken.append(args) or ingest(*args, **rest))
    return taken


def test_a_plain_call_of_somebody_known_is_one_statement_and_counts_once(client, source, long_ways):
    seen = {**TRACK, "anonymousId": "a1"}
    send(client, "/v1/track", seen)
    before = len(long_ways)

    for number in (2, 3, 3):
        again = send(client, "/v1/track", {**seen, "messageId": f"m{number}", "context": {"page": {"path": "/"}}})
        assert (again.status_code, again.json()) == (200, {"success": True})

    assert (before, len(long_ways)) == (1, 1)
    kept = Event.objects.order_by("message_id")
    assert [one.message_id for one in kept] == ["m1", "m2", "m3"]
    columns = ("source_id", "client_id", "type", "name", "properties", "occurred_at")
    assert len(set(map(str, kept.values_list(*columns)))) == 1
    assert kept[2].context == {"page": {"path": "/"}}


@pytest.mark.parametrize(
    ("more", "status", "counts"),
    [
        ({"userId": "u2"}, 200, (2, 0, 2)),  # somebody new
        ({"anonymousId": "a2"}, 200, (1, 1, 2)),  # a device that was never seen
        ({"context": {"consent": {"categoryPreferences": {}}}}, 200, (1, 0, 2)),
        ({"writeKey": "wrong"}, 401, (1, 0, 1)),
    ],
)
def test_what_is_out_of_the_ordinary_takes_the_long_way(client, source, long_ways, more, status, counts):
    send(client, "/v1/track", TRACK)

    asked = {"writeKey": KEY, **TRACK, "messageId": "m2", **more}
    assert send(client, "/v1/track", asked, HTTP_AUTHORIZATION="").status_code == status

    assert len(long_ways) == (2 if status == 200 else 1)
    assert (Client.objects.count(), Identity.objects.count(), Event.objects.count()) == counts


def test_a_source_that_was_closed_and_a_client_who_was_merged_are_seen_at_once(client, source, long_ways):
    send(client, "/v1/track", TRACK)
    send(client, "/v1/track", {**TRACK, "userId": "u2", "messageId": "m2"})
    kept, absorbed = Client.objects.order_by("pk")
    merge(kept.pk, absorbed.pk, at=now())

    send(client, "/v1/track", {**TRACK, "userId": "u2", "messageId": "m3"})
    assert Event.objects.get(message_id="m3").client_id == kept.pk
    Source.objects.update(is_active=False)

    assert send(client, "/v1/track", {**TRACK, "messageId": "m4"}).status_code == 401
    assert not Event.objects.filter(message_id="m4").exists()
    Source.objects.update(is_active=True)
    assert send(client, "/v1/track", {**TRACK, "messageId": "m4"}).status_code == 200
    assert len(long_ways) == 3
