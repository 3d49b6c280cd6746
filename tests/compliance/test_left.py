"""An officer who left decides nothing, and their yes does not count among those still needed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from compliance import review
from compliance.judging import comments
from compliance.models import Approval, Client, Comment, Invitation, LedgerEntry, ReviewItem, Role, Staff
from compliance.reviewing import counsel
from compliance.rights import requests
from tests.compliance.texts import submitted
from tests.people import reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def sensitive(marketer: Staff, at: Any) -> ReviewItem:
    """Two people have to agree, one of them from compliance."""
    return submitted(marketer, words="When someone dies, tell us once.", topics=["bereavement"], at=at)


def leaves(who: Staff, *, back: bool = False) -> None:
    Staff.objects.filter(pk=who.pk).update(is_active=back)
    who.refresh_from_db()


def decided(item: ReviewItem) -> str:
    return ReviewItem.objects.get(pk=item.pk).state


def releases(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    review.claim(item.pk, by=editor, at=at)
    return lambda: review.release(item.pk, by=officer, at=at)


def reopens(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    review.withdraw(item.pk, by=editor, reason="Too soon.", at=at)
    return lambda: review.reopen(item.pk, by=officer, reason="It may go.", at=at)


def withdraws(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    return lambda: review.withdraw(item.pk, by=officer, reason="Too soon.", at=at)


def settles(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    made = comments.add(item, kind="must_fix", words="Say when.", by=editor, at=at)
    return lambda: comments.settle(made.pk, how="It says when.", by=officer, at=at)


def settles_their_own(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    made = comments.add(item, kind="must_fix", words="Say when.", by=officer, at=at)
    return lambda: comments.settle(made.pk, how="It says when.", by=officer, at=at)


def invites(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    ends = at + timedelta(days=3)
    return lambda: counsel.invite(item, name="A", firm="B", until=ends, evidence="Solicitor.", by=officer, at=at)


def lifts(item: ReviewItem, officer: Staff, editor: Staff, at: Any) -> Callable[[], Any]:
    ann = Client.objects.create(user_id="ann", first_seen_at=at)
    requests.restrict(ann.pk, why="Contested.", by=officer, at=at)
    return lambda: requests.lift_restriction(ann.pk, why="Settled; she was told.", by=officer, at=at)


def written() -> tuple[Any, ...]:
    kept = ReviewItem.objects.values_list("state", "round", "claimed_by")
    return (
        *kept, Comment.objects.filter(settled_at=None).count(), Invitation.objects.count(),
        Client.objects.filter(restricted_at=None).count(), LedgerEntry.objects.count(),
    )  # fmt: skip


@pytest.mark.parametrize("deed", [releases, reopens, withdraws, settles, settles_their_own, invites, lifts])
def test_who_left_does_nothing_and_once_back_may(
    deed: Callable[..., Callable[[], Any]], sensitive: ReviewItem, officer: Staff, editor: Staff, at: Any
) -> None:
    act = deed(sensitive, officer, editor, at)
    leaves(officer)
    before = written()

    with pytest.raises(
        (review.NotYours, review.AlreadyDecided, comments.NotYoursToSettle, requests.BadRequestOfRights)
    ):
        act()

    assert written() == before
    leaves(officer, back=True)
    act()
    assert written()[:-1] != before[:-1]


def test_a_yes_of_who_left_since_does_not_count(
    sensitive: ReviewItem, officer: Staff, editor: Staff, editor2: Staff, at: Any
) -> None:
    review.approve(sensitive.pk, by=officer, seen=sensitive.digest, reason="Kind.", at=at)
    leaves(officer)

    review.approve(sensitive.pk, by=editor, seen=sensitive.digest, reason="Kind.", at=at)

    assert decided(sensitive) == "waiting"
    with pytest.raises(review.NotYours, match="compliance officer"):
        review.approve(sensitive.pk, by=editor2, seen=sensitive.digest, reason="Kind.", at=at)
    review.approve(sensitive.pk, by=reviewer("officer2", Role.OFFICER), seen=sensitive.digest, reason="Kind.", at=at)
    assert decided(sensitive) == "approved"
    assert Approval.objects.filter(item=sensitive, by=officer).exists()  # it stays on record


def test_the_database_does_not_count_them_either(sensitive: ReviewItem, officer: Staff, editor: Staff, at: Any) -> None:
    for by in (officer, editor):
        Approval.objects.create(
            item=sensitive, digest=sensitive.digest, by=by, at=at, reason="", round=1, scope={"kind": "block"}
        )
    leaves(officer)

    def approve() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "update compliance_reviewitem set state = 'approved', decided_by_id = %s, decided_at = %s, "
                "valid_until = %s where id = %s", [editor.pk, at, at + timedelta(days=30), sensitive.pk],
            )  # fmt: skip

    with pytest.raises(IntegrityError, match="enough_people_approved_these_words"):
        approve()

    assert decided(sensitive) == "waiting"
    leaves(officer, back=True)
    approve()
    assert decided(sensitive) == "approved"


def test_the_database_lets_nobody_who_left_settle_what_must_be_fixed(
    sensitive: ReviewItem, officer: Staff, editor: Staff, at: Any
) -> None:
    made = comments.add(sensitive, kind="must_fix", words="Say when.", by=editor, at=at)
    leaves(officer)

    def settle() -> None:
        with transaction.atomic():
            Comment.objects.filter(pk=made.pk).update(settled_by=officer, settled_at=at, settled_how="Done.")

    with pytest.raises(IntegrityError, match="a_comment_is_settled_by_who_made_it_or_an_officer"):
        settle()

    assert comments.open_must_fix(sensitive) == 1
    leaves(officer, back=True)
    settle()
    assert comments.open_must_fix(sensitive) == 0
