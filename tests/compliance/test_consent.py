"""Consent: unknown is no, denial wins, and the database folds events whoever writes them."""

import threading
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from compliance import bulk, consent, contact, wordings
from compliance.models import Client, ConsentEvent, ConsentState, Preference, Suppression
from tests.merged import merge
from tests.owner import as_owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMAIL = {"purpose": "marketing", "channel": "email"}
PORTAL = {"surface": "portal", "mechanism": "checkbox", "by": "client"}


@pytest.fixture
def client_row(db):
    return Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=NOON)


def give(client, *, at=NOON, purpose="marketing", channel="email", **more):
    named = wordings.version(purpose, channel)
    return consent.grant(client.pk, purpose=purpose, channel=channel, wording=named, at=at, **{**PORTAL, **more})


def ask(client, *, at=NOON + 10 * HOUR, purpose="marketing", channel="email"):
    return consent.may_send(client.pk, purpose=purpose, channel=channel, at=at)


def told(client, action, *, at, purpose="marketing", channel="email", recorded=None, wording=None, **more):
    return ConsentEvent(
        client=client,
        purpose=purpose,
        channel=channel,
        jurisdiction="UK",
        action=action,
        surface="test",
        mechanism="import",
        occurred_at=at,
        recorded_at=recorded or at,
        actor="test",
        wording=wording,
        **more,
    )


def test_unknown_is_no_for_every_purpose_and_channel(client_row):
    answers = {
        ask(client_row, purpose=purpose, channel=channel).reason
        for purpose in ("service", "marketing", "partner", "affiliate", "profiling", "measurement", "sensitive")
        for channel in ("email", "sms", "web", "any")
    }

    assert answers == {"unknown"}
    assert consent.may_send(999_999, **EMAIL, at=NOON) == consent.Answer(False, "unknown", None)


def test_a_yes_allows_its_own_purpose_and_channel_only(client_row):
    event = give(client_row)

    assert ask(client_row) == consent.Answer(True, "ok", event.pk)
    assert ask(client_row, channel="sms").reason == "unknown"
    assert ask(client_row, purpose="partner").reason == "unknown"
    assert event.evidence == {"initially_checked": False}


def test_a_withdrawal_holds_at_once_and_suppresses_the_address(client_row):
    give(client_row)

    event = consent.withdraw(
        client_row.pk, **EMAIL, surface="m:1", mechanism="one_click", by="client:1", at=NOON + HOUR
    )

    assert ask(client_row) == consent.Answer(False, "withdrawn", event.pk)
    assert list(Suppression.objects.values_list("channel", "reason")) == [("email", "unsubscribed")]
    again = consent.withdraw(client_row.pk, **EMAIL, surface="m:1", mechanism="one_click", by="c", at=NOON + 2 * HOUR)
    assert again.pk == event.pk


def test_the_persons_new_yes_lifts_what_opting_out_suppressed_but_no_complaint(client_row):
    give(client_row)
    consent.withdraw(client_row.pk, **EMAIL, surface="m:1", mechanism="link", by="client", at=NOON + HOUR)

    give(client_row, at=NOON + 2 * HOUR)

    assert ask(client_row).ok
    consent.suppress("Ann@Example.org ", channel="email", reason="complaint", source="esp", by="system:mail", at=NOON)
    give(client_row, at=NOON + 3 * HOUR)
    assert ask(client_row).reason == "suppressed"


def test_an_address_is_suppressed_for_every_record_that_has_it(client_row):
    twin = Client.objects.create(user_id="u-2", email="ann@example.org", first_seen_at=NOON)
    give(client_row)
    give(twin)

    consent.withdraw(client_row.pk, **EMAIL, surface="m:1", mechanism="one_click", by="client", at=NOON + HOUR)

    assert ask(twin).reason == "suppressed"


def test_service_mail_stops_only_for_a_dead_or_erased_address(client_row):
    give(client_row, purpose="service", basis="contract", mechanism="button")
    consent.suppress(client_row.email, channel="email", reason="unsubscribed", source="x", by="system:t", at=NOON)
    assert ask(client_row, purpose="service").ok

    consent.unsuppress(client_row.email, channel="email", reason="test", by="system:t", at=NOON)
    consent.suppress(client_row.email, channel="email", reason="hard_bounce", source="x", by="system:t", at=NOON)

    assert ask(client_row, purpose="service").reason == "suppressed"


def test_an_objection_stops_marketing_everywhere_and_profiling_but_not_service(client_row):
    for purpose, channel in [
        ("marketing", "email"),
        ("marketing", "sms"),
        ("partner", "email"),
        ("service", "email"),
        ("profiling", "any"),
        ("measurement", "any"),
    ]:
        give(client_row, purpose=purpose, channel=channel) if wordings.version(purpose, channel) else None

    consent.object_to_marketing(client_row.pk, surface="portal", mechanism="button", by="client", at=NOON + HOUR)

    assert ask(client_row).reason == ask(client_row, channel="sms").reason == "objected"
    assert ask(client_row, channel="phone").reason == "objected"
    assert ask(client_row, purpose="partner").reason == "objected"
    assert ask(client_row, purpose="profiling").reason == "objected"
    assert ask(client_row, purpose="service").ok
    assert ask(client_row, purpose="measurement").ok
    give(client_row, at=NOON + 2 * HOUR)
    assert ask(client_row).ok
    assert ask(client_row, channel="sms").reason == "objected"


def test_an_import_never_lifts_a_no_and_waits_without_its_wording(client_row):
    wording = wordings.get("portal-marketing-email-1")
    told(client_row, "imported", at=NOON).save()
    assert ask(client_row).reason == "pending"
    told(client_row, "imported", at=NOON + HOUR, wording=wording).save()
    assert ask(client_row).ok

    told(client_row, "refused", at=NOON + 2 * HOUR).save()
    told(client_row, "imported", at=NOON + 3 * HOUR, wording=wording).save()

    assert ask(client_row).reason == "refused"


def test_a_late_old_yes_never_overwrites_a_newer_no_and_no_wins_a_tie(client_row):
    wording = wordings.get("portal-marketing-email-1")
    told(client_row, "withdrawn", at=NOON + HOUR).save()
    told(client_row, "given", at=NOON, recorded=NOON + 2 * HOUR, wording=wording).save()
    told(client_row, "given", at=NOON + HOUR, recorded=NOON + 2 * HOUR, wording=wording).save()

    assert ask(client_row).reason == "withdrawn"


def test_a_consent_ends_by_itself_and_a_pause_ends_when_its_day_has_begun_everywhere(client_row):
    give(client_row, valid_until=NOON + 2 * HOUR)
    assert ask(client_row, at=NOON + HOUR).ok
    assert ask(client_row, at=NOON + 2 * HOUR).reason == "expired"

    give(client_row, at=NOON + HOUR)
    consent.prefer(
        client_row.pk,
        by="client",
        at=NOON,
        max_per_week=1,
        pause_until=date(2026, 6, 3),
        topics_declined=["pension", "pension"],
        signals_off=["x"],
    )

    assert ask(client_row, at=datetime(2026, 6, 3, 11, 59, tzinfo=UTC)).reason == "paused"
    assert ask(client_row, at=datetime(2026, 6, 3, 12, tzinfo=UTC)).ok
    assert consent.signals_off([client_row.pk, 5]) == {client_row.pk: frozenset({"x"})}
    assert Preference.objects.get().topics_declined == ["pension"]


def test_double_opt_in_waits_for_its_second_half(client_row):
    give(client_row, evidence={"double_opt_in": True}, mechanism="button")
    assert ask(client_row).reason == "pending"

    consent.confirm(client_row.pk, **EMAIL, surface="mail", mechanism="button", by="client", at=NOON + HOUR)

    assert ask(client_row).ok
    other = Client.objects.create(email="b@example.org", first_seen_at=NOON)
    consent.confirm(other.pk, **EMAIL, surface="mail", mechanism="button", by="client", at=NOON)
    assert ask(other).reason == "unknown"


def test_gpc_shares_nothing_and_leaves_our_own_mail_alone(client_row):
    give(client_row)
    give(client_row, purpose="partner")

    assert consent.gpc(client_row.pk, surface="portal", by="client", at=NOON + HOUR) is True
    assert consent.gpc(client_row.pk, surface="portal", by="client", at=NOON + HOUR) is False

    assert ask(client_row).ok
    assert ask(client_row, purpose="partner").reason == "gpc"


def test_a_merge_carries_every_no_and_no_yes(client_row):
    other = Client.objects.create(user_id="u-2", email="o@example.org", first_seen_at=NOON)
    give(client_row)
    give(other, channel="sms")
    consent.refuse(other.pk, **EMAIL, surface="portal", mechanism="button", by="client", at=NOON)

    assert consent.merge(client_row.pk, other.pk, by="staff:1", at=NOON + HOUR) == 1

    assert ask(client_row).reason == "conflict"
    assert ask(client_row, channel="sms").reason == "unknown"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"evidence": {"initially_checked": True}}, consent.NoConsent),
        ({"channel": "any"}, consent.NoConsent),
        ({"wording": "nobody-wrote-this"}, consent.NoSuchWording),
        ({"at": datetime(2020, 1, 1, tzinfo=UTC)}, consent.NoSuchWording),
    ],
)
def test_what_is_no_consent_is_refused_and_nothing_is_written(client_row, change, error):
    asked = {**EMAIL, **PORTAL, "wording": "portal-marketing-email-1", "at": NOON, **change}

    with pytest.raises(error):
        consent.grant(client_row.pk, **asked)

    assert (ConsentEvent.objects.count(), ConsentState.objects.count()) == (0, 0)
    give(client_row)
    assert ask(client_row).ok


@pytest.mark.parametrize(
    "broken",
    [
        {"action": "given"},
        {"action": "withdrawn", "recorded": NOON - HOUR},
        {"action": "imported", "channel": "any"},
        {"action": "withdrawn", "purpose": "profiling"},
        {"action": "withdrawn", "evidence": {"initially_checked": True}},
    ],
)
def test_the_database_refuses_what_cannot_be(client_row, broken):
    with pytest.raises(IntegrityError), transaction.atomic():
        told(client_row, broken.pop("action"), at=NOON, **broken).save()


def test_nobody_writes_an_answer_by_hand(client_row):
    give(client_row)
    consent.withdraw(client_row.pk, **EMAIL, surface="x", mechanism="link", by="client", at=NOON + HOUR)

    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ConsentState.objects.update(state="allowed")
    with as_owner(), pytest.raises(DatabaseError, match="only_the_fold"), transaction.atomic():
        ConsentState.objects.update(state="allowed")

    assert ask(client_row).reason == "withdrawn"
    assert bulk.differences(limit=5) == []


def test_erased_and_merged_records_are_never_written_to(client_row):
    give(client_row)
    other = Client.objects.create(user_id="u-2", first_seen_at=NOON)
    merge(other.pk, client_row.pk, at=NOON)
    assert ask(client_row).reason == "merged"
    Client.objects.filter(pk=client_row.pk).update(erased_at=NOON)
    assert ask(client_row).reason == "erased"
    third = Client.objects.create(user_id="u-3", first_seen_at=NOON)
    give(third)
    assert ask(third).reason == "no_address"


def test_many_are_answered_by_one_query_in_the_order_asked(django_assert_num_queries):
    people = Client.objects.bulk_create(
        Client(user_id=f"u{n}", email=f"u{n}@example.org", first_seen_at=NOON) for n in range(3)
    )
    give(people[1])

    for ids in ([people[1].pk], [people[2].pk, people[1].pk, 999_999, people[0].pk, people[1].pk]):
        with django_assert_num_queries(1):
            answers = consent.allowed(np.array(ids), **EMAIL, at=NOON + HOUR)
        assert answers.ok.tolist() == [one == people[1].pk for one in ids]
        assert answers.reason.dtype == np.int8
    assert consent.allowed(np.array([], np.int64), **EMAIL, at=NOON).ok.tolist() == []


def test_the_database_computes_the_same_keyed_hash(client_row):
    inner, outer = contact.pads()
    with connection.cursor() as cursor:
        cursor.execute(
            "select sha256(%s::bytea || sha256(%s::bytea || convert_to('ann@example.org', 'UTF8')))", [outer, inner]
        )
        assert bytes(cursor.fetchone()[0]) == contact.key(" ANN@example.org", "email")


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (" Ann@Example.ORG ", "ann@example.org"),
        ("jo@bücher.example", "jo@xn--bcher-kva.example"),
        ("a.b+c@gmail.com", "a.b+c@gmail.com"),
        ("", ""),
        ("no-at-sign", "no-at-sign"),
    ],
)
def test_an_address_has_one_spelling(written, same):
    assert contact.normalise(written) == same
    assert contact.normalise(same) == same


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_waits_for_the_sender_and_the_next_sender_sees_it():
    person = Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=NOON)
    give(person)
    order = []

    def opt_out():
        consent.withdraw(person.pk, **EMAIL, surface="m:1", mechanism="one_click", by="client", at=NOON + HOUR)
        order.append("withdrawn")
        connections.close_all()

    thread = threading.Thread(target=opt_out)
    with transaction.atomic():
        consent.lock(person.pk)
        thread.start()
        thread.join(0.3)
        assert ask(person).ok
        order.append("handed over")
    thread.join(10)

    assert order == ["handed over", "withdrawn"]
    assert ask(person).reason == "withdrawn"


@pytest.mark.django_db(transaction=True)
def test_two_acts_at_the_same_time_are_both_folded():
    person = Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=NOON)
    wordings.get("portal-marketing-email-1")
    wordings.get("portal-marketing-sms-1")
    start = threading.Barrier(2)

    def act(change):
        start.wait()
        change()
        connections.close_all()

    for round_ in range(10):
        at = NOON + round_ * HOUR
        threads = [
            threading.Thread(target=act, args=(lambda at=at: give(person, at=at),)),
            threading.Thread(
                target=act,
                args=(
                    lambda at=at: consent.object_to_marketing(
                        person.pk, surface="p", mechanism="button", by="client", at=at
                    ),
                ),
            ),
        ]
        [one.start() for one in threads]
        [one.join(10) for one in threads]
        assert ask(person, at=at + HOUR).reason == "objected"
    assert ConsentEvent.objects.count() == 20
    assert bulk.differences(limit=5) == []
