"""A claim without evidence in date is approved by nobody, and an approval ends with its evidence."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from compliance import review
from compliance.models import Approval, ReviewItem, Staff
from tests.compliance.texts import submitted

GOOD = {"text": "No exit fee", "evidence": "Price list 12", "as_of": "2026-09-01"}
UNPROVEN = [
    {"evidence": " "},
    {"as_of": ""},
    {"as_of": "2026-11-24"},  # tomorrow
    {"as_of": "2025-11-22"},  # a year and a day ago
    {"until": "2026-11-23"},  # today it holds no more
]
INSERT = """
insert into compliance_approval (item_id, digest, by_id, at, reason, round, scope)
values (%s, %s, %s, %s, 'fine', 1, '{"kind": "block"}')
"""


@pytest.mark.parametrize("change", UNPROVEN)
def test_t22_a_claim_without_evidence_in_date_is_approved_by_nobody(marketer, editor, at, change) -> None:
    bare = submitted(marketer, words="No exit fee.", topics=(), claims=[{**GOOD, **change}], at=at)
    proven = submitted(marketer, words="No fee for leaving.", topics=(), claims=[GOOD], at=at)

    with pytest.raises(review.NoReason, match="No evidence in date stands for the claim “No exit fee”"):
        review.approve(bare.pk, by=editor, seen=bare.digest, at=at)
    with pytest.raises(IntegrityError, match="a_claim_has_evidence_in_date"), transaction.atomic():
        insert(bare, editor, at)
    assert not Approval.objects.exists()
    insert(proven, editor, at)
    assert review.standing([bare.digest], at=at) == {bare.digest: "waiting"}


def test_t22_a_message_is_held_to_the_claims_of_each_of_its_blocks(marketer, editor, at) -> None:
    snapshot = {"parts": {"text": "x"}, "blocks": [{"claims": []}, {"claims": [{**GOOD, "as_of": ""}]}]}
    asked = {
        "kind": "variant", "title": "A message", "topics": [], "findings": [], "authors": [marketer], "reason": "x",
        "approvals_needed": 1, "by": marketer, "at": at,
    }  # fmt: skip
    item = review.submit(digest="a" * 64, snapshot=snapshot, **asked)

    with pytest.raises(review.NoReason, match="No evidence in date"):
        review.approve(item.pk, by=editor, seen=item.digest, at=at)


def test_t22_an_approval_ends_with_its_evidence(marketer, editor, at) -> None:
    soon, whole = {**GOOD, "until": "2026-12-01"}, GOOD
    short = submitted(marketer, words="No exit fee.", topics=(), claims=[whole, soon], at=at)
    year = submitted(marketer, words="No fee.", topics=(), claims=[whole], at=at)

    ends = [review.approve(one.pk, by=editor, seen=one.digest, at=at).valid_until for one in (short, year)]

    assert ends == [datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 9, 2, tzinfo=UTC)]
    day = datetime(2026, 12, 1, tzinfo=UTC)
    assert review.standing([short.digest], at=day - timedelta(seconds=1)) == {short.digest: "approved"}
    assert review.standing([short.digest], at=day) == {short.digest: "expired"}


def test_t22_raw_sql_cannot_make_an_approval_outlive_its_evidence(marketer, editor, at) -> None:
    item = submitted(marketer, words="No exit fee.", topics=(), claims=[{**GOOD, "until": "2026-12-01"}], at=at)
    insert(item, editor, at)
    change = {"state": "approved", "decided_by": editor, "decided_at": at}

    with pytest.raises(IntegrityError, match="an_approval_ends_with_its_evidence"), transaction.atomic():
        ReviewItem.objects.filter(pk=item.pk).update(**change, valid_until=at + timedelta(days=9))
    assert ReviewItem.objects.filter(pk=item.pk).update(**change, valid_until=at + timedelta(days=7)) == 1


def insert(item: ReviewItem, by: Staff, at: datetime) -> None:
    """An approval, past the application."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [item.pk, item.digest, by.pk, at])
