"""Texts of the blind sample for tests: decided, drawn, read again, or gone by the policy."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from compliance import review
from compliance.models import ReviewItem, SecondReading, Staff
from compliance.reviewing import secondreadings
from tests.compliance.texts import submitted

GUARD = "a_second_reading_is_blind_and_stands"


@contextmanager
def refused(match: str) -> Iterator[None]:
    """A sub-transaction that the database refuses."""
    with pytest.raises((IntegrityError, DatabaseError), match=match), transaction.atomic():
        yield


def decided(marketer: Staff, editor: Staff, at, *, words="We read your letter twice.", no: bool = False) -> ReviewItem:
    """A text that the first editor approved or rejected."""
    item = submitted(marketer, words=words, topics=[], at=at)
    decide = review.reject if no else review.approve
    return decide(item.pk, by=editor, seen=item.digest, reason="FIRSTREASON", at=at)


def drawn(marketer: Staff, editor: Staff, at, **more) -> SecondReading:
    """The same text, drawn."""
    one = secondreadings._of(decided(marketer, editor, at, **more))
    secondreadings._keep([one], at=at)
    return SecondReading.objects.get(pk=one.pk)


def read(one: SecondReading, by: Staff, at, *, verdict="approve", topics=()) -> SecondReading:
    """What a second editor made of it."""
    taken = secondreadings.take(by=by, at=at)
    assert taken.pk == one.pk
    return secondreadings.decide(
        one.pk, verdict=verdict, reason="As I see it.", topics=topics, seen=one.digest, by=by, at=at
    )  # fmt: skip


def passed(marketer: Staff, n: int = 1, *, campaign: str = "guide") -> list[dict]:
    """Texts that went by the policy."""
    return [
        {"digest": f"{number:064x}", "title": "A guide", "campaign": campaign, "authors": [marketer.pk], "chance": 0.5,
         "snapshot": {"parts": {"text": f"Words {number}"}}}
        for number in range(n)
    ]  # fmt: skip
