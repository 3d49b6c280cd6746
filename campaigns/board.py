"""What a marketer sees first: each campaign with its newest run, what waits for a person, how ripe the data is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import charts, examples, runs
from campaigns.bulk import board as bulk
from campaigns.models import Campaign, Message, MessageState, Run, UseCase
from campaigns.runs import Counts
from compliance.models import ReviewItem, ReviewState, Staff
from personalize.models import QuarantinedItem
from personalize.training import Readiness

# Part of the bar, words, tone; the order is that of the bar.
PARTS = (
    ("sent", "Sent", "ok"),
    ("held", "Held for an editor", "warn"),
    ("pending", "Waiting", "info"),
    ("unconfirmed", "Unconfirmed", "bad"),
    ("failed", "Failed", "bad"),
)
REJECTED_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Card:
    """A campaign, its newest run, and where that run's audience stands; None before the first launch."""

    campaign: Campaign
    run: Run | None
    counts: Counts | None
    bar: charts.Stack | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person. `held` texts, `mine` among them, messages unconfirmed, items that could not be kept."""

    held: int
    mine: int
    unconfirmed: int
    rejected: int

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.held or self.unconfirmed or self.rejected)


def cards(campaigns: Iterable[Campaign]) -> list[Card]:
    """One card a campaign, in two queries for any number of them."""
    listed = list(campaigns)
    newest: dict[int, Run] = {}
    for run in Run.objects.filter(campaign__in=listed).order_by("campaign_id", "-number").distinct("campaign_id"):
        newest[run.campaign_id] = run
    counted = counts(list(newest.values()))
    found = []
    for one in listed:
        run = newest.get(one.pk)
        numbers = counted[run.pk] if run else None
        found.append(Card(one, run, numbers, bar(numbers) if numbers else None))
    return found


def counts(listed: Sequence[Run]) -> dict[int, Counts]:
    """Run id → its numbers, from one statement for all of them."""
    rows = bulk.counts([one.pk for one in listed]) if listed else {}
    return {one.pk: runs.counted(one.audience, rows[one.pk]) for one in listed}


def bar(counts: Counts) -> charts.Stack:
    """A run's conservation as one bar: what was not sent stands last, in grey."""
    parts = [charts.Part(words, getattr(counts, name), tone) for name, words, tone in PARTS]
    parts.append(charts.Part("Not sent", counts.not_sent, "muted"))
    return charts.stack(parts, total=counts.audience)


def waiting(person: Staff, *, at: datetime) -> Waiting:
    """What waits for a person now."""
    queue = ReviewItem.objects.filter(state__in=(ReviewState.WAITING, ReviewState.CLAIMED))
    return Waiting(
        held=queue.count(),
        mine=queue.filter(submitted_by=person).count(),
        unconfirmed=Message.objects.filter(state=MessageState.UNCONFIRMED).count(),
        rejected=QuarantinedItem.objects.filter(received_at__gt=at - REJECTED_WINDOW).count(),
    )


def ripeness(*, at: datetime) -> list[tuple[str, Readiness]]:
    """(use case in words, how far its data carries) for every use case that has a campaign."""
    used = set(Campaign.objects.values_list("use_case", flat=True))
    ripe = examples.readiness(at=at) if used else []
    return [(UseCase(one.use_case).label, one) for one in ripe if one.use_case in used]
