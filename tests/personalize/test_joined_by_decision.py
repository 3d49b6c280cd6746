"""Raw SQL as the application joins no two records of clients and parts none: only a decision does."""

from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from compliance.acting import acting
from compliance.models import Client, Staff
from personalize import merging
from personalize.models import MergeRequest

pytestmark = pytest.mark.django_db
APART, DECIDED = "clients_are_joined_and_parted_by_a_decision", "a_merge_is_decided_once"


@pytest.fixture
def pair(at: datetime) -> tuple[Client, Client]:
    """Two whom the firm knows, and a request that waits for a person."""
    kept, absorbed = (Client.objects.create(user_id=one, first_seen_at=at) for one in ("kept", "absorbed"))
    merging.request(kept.pk, absorbed.pk, reason="the same device", at=at)
    return kept, absorbed


def sql(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def stands() -> list[Any]:
    return [
        *Client.objects.order_by("pk").values_list("user_id", "merged_into"),
        *MergeRequest.objects.order_by("pk").values_list("kept", "absorbed", "state", "decided_by"),
    ]


def refused(why: str, statement: str, *values: Any) -> None:
    before = stands()
    with pytest.raises(IntegrityError, match=why):
        sql(statement, *values)
    assert stands() == before


POINT = "update compliance_client set merged_into_id = %s where id = %s"
PART = "update compliance_client set merged_into_id = null where id = %s"


def test_two_records_are_joined_by_a_decision_alone(pair: tuple[Client, Client], marketer: Staff, at: datetime) -> None:
    kept, absorbed = pair

    refused(APART, POINT, kept.pk, absorbed.pk)
    refused(APART, POINT, absorbed.pk, kept.pk)
    refused(
        APART, "insert into compliance_client (ref, user_id, email, first_name, last_name, language, timezone, "
        "jurisdiction, first_seen_at, merged_into_id) "
        "values (gen_random_uuid(), 'x', '', '', '', 'en', 'UTC', 'UK', now(), %s)", kept.pk,
    )  # fmt: skip

    merging.merge(MergeRequest.objects.get().pk, by=marketer, at=at)
    assert Client.objects.get(pk=absorbed.pk).merged_into_id == kept.pk


def test_they_are_parted_by_a_decision_alone_and_led_to_nobody_else(
    pair: tuple[Client, Client], marketer: Staff, at: datetime
) -> None:
    kept, absorbed = pair
    other = Client.objects.create(user_id="other", first_seen_at=at)
    asked = MergeRequest.objects.get()
    merging.merge(asked.pk, by=marketer, at=at)

    refused(APART, PART, absorbed.pk)
    refused(APART, POINT, other.pk, absorbed.pk)

    merging.undo(asked.pk, by=marketer, at=at)
    assert Client.objects.get(pk=absorbed.pk).merged_into_id is None
    refused(APART, POINT, kept.pk, absorbed.pk)  # what was undone joins nobody again


def test_a_decision_is_made_once_by_somebody_at_work_who_acts(
    pair: tuple[Client, Client], marketer: Staff, marketer2: Staff, at: datetime
) -> None:
    other = Client.objects.create(user_id="other", first_seen_at=at)
    asked, decide = MergeRequest.objects.get(), "update personalize_mergerequest set state = %s, "
    Staff.objects.filter(pk=marketer2.pk).update(is_active=False)

    refused(DECIDED, decide + "decided_at = now() where id = %s", "merged", asked.pk)
    refused(DECIDED, decide + "decided_at = now(), decided_by_id = %s where id = %s", "merged", marketer2.pk, asked.pk)
    refused(DECIDED, decide + "decided_at = now(), decided_by_id = %s where id = %s", "undone", marketer.pk, asked.pk)
    refused(DECIDED, "update personalize_mergerequest set absorbed_id = %s where id = %s", other.pk, asked.pk)
    with acting(f"staff:{marketer2.pk}"):
        refused(
            DECIDED, decide + "decided_at = now(), decided_by_id = %s where id = %s", "merged", marketer.pk, asked.pk
        )

    with acting(f"staff:{marketer.pk}"):
        merging.merge(asked.pk, by=marketer, at=at)
    refused(DECIDED, "update personalize_mergerequest set state = 'waiting' where id = %s", asked.pk)
    refused(DECIDED, "update personalize_mergerequest set decided_by_id = %s where id = %s", marketer2.pk, asked.pk)


def test_only_a_device_is_joined_unasked_and_nobody_is_made_to_look_like_one(
    pair: tuple[Client, Client], at: datetime
) -> None:
    kept, absorbed = pair
    device = Client.objects.create(first_seen_at=at)

    refused(
        DECIDED, "insert into personalize_mergerequest (kept_id, absorbed_id, reason, state, asked_at, moved) "
        "values (%s, %s, 'x', 'merged', now(), '{}')", kept.pk, absorbed.pk,
    )  # fmt: skip
    refused(APART, "update compliance_client set user_id = null where id = %s", absorbed.pk)

    merging.join_device(kept.pk, device.pk, by="system:test", at=at)
    assert Client.objects.get(pk=device.pk).merged_into_id == kept.pk
