"""Who opened which text when, and whether they can have read it before they decided."""

from datetime import datetime, timedelta

from compliance.models import Reading, ReviewItem, Staff

# Silent reading of English non-fiction: 238 words a minute on average, hardly anybody above 600 with understanding.
# Source: Brysbaert, How many words do we read per minute?, Journal of Memory and Language 109, 2019.
FASTEST = 600
LEAST = timedelta(seconds=3)


def opened(item: ReviewItem, *, by: Staff, at: datetime) -> Reading:
    """Remember that the person has the words on their screen; the first time in this round counts."""
    made, _ = Reading.objects.get_or_create(
        item=item, round=item.round, staff=by, defaults={"words": words(item), "opened_at": at}
    )
    return made


def decided(item: ReviewItem, verdict: str, *, by: Staff, round_: int, at: datetime) -> None:
    """Remember what the person made of it; a program that never opened it has read it in no time."""
    reading, _ = Reading.objects.get_or_create(
        item=item, round=round_, staff=by, defaults={"words": words(item), "opened_at": at}
    )
    Reading.objects.filter(pk=reading.pk, decided_at=None).update(verdict=verdict, decided_at=at)


def words(item: ReviewItem) -> int:
    """How many words there are to read: every part but the HTML, which says the same again."""
    return sum(len(text.split()) for name, text in item.snapshot.get("parts", {}).items() if name != "html")


def floor(count: int) -> timedelta:
    """The least time in which so many words can be read."""
    return max(LEAST, timedelta(minutes=count / FASTEST))


def too_fast(reading: Reading) -> bool:
    """Whether the decision came sooner than the words can be read."""
    return reading.decided_at is not None and reading.decided_at - reading.opened_at < floor(reading.words)
