"""The blind sample: what was decided, or went by the policy, is drawn by chance and read again by somebody else.

N11. Who reads knows nothing of the first verdict (see `blind`), chooses no text, and gets none twice. A difference is
settled by a third, changes the words' standing only by that third's own deed, and becomes training text.
"""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from compliance import ledger, review, stops
from compliance.bulk import secondreadings as bulk
from compliance.models import (
    Approval,
    Authorship,
    Reading,
    ReviewItem,
    ReviewKind,
    ReviewState,
    Role,
    SecondReading,
    Staff,
    Stop,
    StopScope,
    Topic,
)
from compliance.models.review import CLAIM_LASTS

BY = "system:quality"
SHARES = {ReviewState.APPROVED: 0.05, ReviewState.REJECTED: 0.10}
VERDICTS = {ReviewState.APPROVED: "approve", ReviewState.REJECTED: "reject"}
TEXTS = (ReviewKind.BLOCK, ReviewKind.VARIANT)
LATELY = timedelta(days=30)
TOLD_FOR = timedelta(days=365)  # what figures are told of
STOPPING = 2  # texts of one campaign that should not have gone, within LATELY: compliance specification, 3.4
Stratum = SecondReading.Stratum


class NothingToRead(Exception):
    """No text waits that this person may read blind. Nothing was written."""


class NotYours(Exception):
    """Somebody else reads or settles this; the message is a sentence for the person. Nothing was written."""


class TooLate(Exception):
    """It was given back, taken by another, or settled before. Nothing was written."""


class SaysTooLittle(ValueError):
    """A verdict, a reason or a topic is missing or unknown; the message is a sentence. Nothing was written."""


def luck(digest: str, round_: int) -> float:
    """A number in [0, 1) that nobody can foresee without the installation's key, and that is the same at every look."""
    mark = hmac.digest(settings.SECRET_KEY.encode(), f"second-reading:{digest}:{round_}".encode(), "sha256")
    return int.from_bytes(mark[:8], "big") / 2**64


@transaction.atomic
def draw(*, at: datetime) -> int:
    """Draw among the texts that were decided lately; how many were drawn."""
    items = ReviewItem.objects.filter(
        state__in=SHARES, kind__in=TEXTS, decided_at__gt=at - LATELY, decided_at__lte=at, seed=None
    )  # fmt: skip
    had = SecondReading.objects.filter(digest__in=items.values("digest"))  # a text that went by the policy has no item
    known = set(had.values_list("digest", "round"))
    drawn = [
        pk
        for pk, digest, round_, state in items.values_list("pk", "digest", "round", "state")
        if (digest, round_) not in known and luck(digest, round_) < SHARES[state]
    ]
    made = [_of(one) for one in ReviewItem.objects.filter(pk__in=drawn).order_by("pk")]
    return _keep(made, at=at)


@transaction.atomic
def add_passed(texts: Sequence[dict[str, Any]], *, at: datetime) -> int:
    """Keep texts that went by the policy, drawn elsewhere: digest, title, snapshot, campaign, authors, chance."""
    known = set(
        SecondReading.objects.filter(digest__in=[one["digest"] for one in texts]).values_list("digest", flat=True)
    )
    made = [
        SecondReading(
            digest=one["digest"], kind=ReviewKind.VARIANT, title=one["title"][:200], snapshot=one["snapshot"],
            campaign=one["campaign"], involved=sorted(one["authors"]), stratum=Stratum.PASSED, chance=one["chance"],
            first_verdict="approve",
        )
        for one in {one["digest"]: one for one in texts}.values()  # two campaigns may say the same
        if one["digest"] not in known
    ]  # fmt: skip
    return _keep(made, at=at)


@transaction.atomic
def take(*, by: Staff, at: datetime) -> SecondReading:
    """Give this person the oldest text that they may read blind; the one they have, where they have one.

    Raises NotYours for whoever does not read blind, or NothingToRead.
    """
    if not reads(by):
        raise NotYours("Editors read a second time. Whoever oversees sees first verdicts elsewhere.")
    Staff.objects.select_for_update().get(pk=by.pk)  # two presses at once take one text
    mine = SecondReading.objects.filter(reader=by, decided_at=None)
    if (held := mine.filter(taken_at__gt=at - CLAIM_LASTS).first()) is not None:
        return held
    mine.update(reader=None, taken_at=None)
    if (found := bulk.next_for(by.pk, at=at)) is None:
        raise NothingToRead
    one = SecondReading.objects.select_related("item").get(pk=found)
    one.reader, one.taken_at, one.seen_by = by, at, [*one.seen_by, by.pk]
    one.save(update_fields=["reader", "taken_at", "seen_by"])
    return one


@transaction.atomic
def give_back(reading_id: int, *, by: Staff) -> None:
    """Hand it back unread; this person does not get it again. Raises TooLate."""
    mine = SecondReading.objects.filter(pk=reading_id, reader=by, decided_at=None)
    if not mine.update(reader=None, taken_at=None):
        raise TooLate(reading_id)


@transaction.atomic
def decide(
    reading_id: int, *, verdict: str, reason: str, topics: Iterable[str], seen: str, by: Staff, at: datetime
) -> SecondReading:
    """What the blind reader makes of the words, once. It changes nothing about them.

    seen: sha256 hex of the words on the screen · topics: codes of what they touch. Raises SaysTooLittle, or
    TooLate, also for whoever is no editor at work any more.
    """
    if not reads(by):
        raise TooLate(reading_id)
    said = {"verdict": verdict, "reason": reason.strip(), "topics_seen": _checked(verdict, reason, topics)}
    mine = SecondReading.objects.filter(
        pk=reading_id, reader=by, digest=seen, decided_at=None, taken_at__gt=at - CLAIM_LASTS, taken_at__lte=at
    )  # fmt: skip
    if not mine.update(**said, decided_at=at):
        raise TooLate(reading_id)
    found = SecondReading.objects.get(pk=reading_id)
    facts = {"digest": found.digest, "verdict": verdict, "topics": said["topics_seen"], "differs": found.is_disputed}
    ledger.record("second_reading.decided", by=by, at=at, about=f"second_reading:{reading_id}", facts=facts)
    return found


@transaction.atomic
def judge(
    reading_id: int, *, verdict: str, reason: str, topics: Iterable[str], by: Staff, at: datetime
) -> SecondReading:
    """Settle a difference. A no to words that stand approved stops them, one person's deed; a second no to words of one
    campaign that nobody had read stops the campaign.

    Raises SaysTooLittle, NotYours for who took part or is not fit for the text, or TooLate.
    """
    found = SecondReading.objects.select_for_update(of=("self",)).select_related("item").get(pk=reading_id)
    if not found.is_open:
        raise TooLate(reading_id)
    if why := may_judge(found, by, at=at):
        raise NotYours(why)
    said = {"judged": verdict, "judged_reason": reason.strip(), "judged_topics": _checked(verdict, reason, topics)}
    SecondReading.objects.filter(pk=reading_id).update(**said, judge=by, judged_at=at)
    found.refresh_from_db()
    facts = {"digest": found.digest, "verdict": verdict, "first": found.first_verdict, "second": found.verdict}
    ledger.record("second_reading.judged", by=by, at=at, about=f"second_reading:{reading_id}", facts=facts)
    if verdict == "reject":
        _stop(found, by=by, at=at)
    return found


def reads(by: Staff) -> bool:
    """Whether they read blind at all."""
    return by.reviews and by.role == Role.EDITOR


def may_judge(one: SecondReading, by: Staff, *, at: datetime) -> str:
    """Why this person does not settle it, as a sentence; empty when they may."""
    if not by.reviews:
        return "Editors and compliance officers settle what two readers see differently."
    took_part, unfit = bulk.bars(one.pk, by.pk, at=at)
    if by.pk == one.reader_id or took_part:
        return "You took part in this text or in one of the two verdicts, so somebody else settles it."
    if unfit:
        return "You declared an interest in this text, or were not found competent for it, so somebody else settles it."
    return ""


def without_reader(*, at: datetime) -> int:
    """How many texts wait that no editor at work may read."""
    return bulk.without_reader(at=at)


def labelled() -> Iterator[dict[str, Any]]:
    """Every settled difference as a labelled text for `train_words`: what a third person said counts."""
    rows = SecondReading.objects.exclude(judged_at=None).order_by("pk")
    for one in rows:
        parts = one.snapshot["parts"]
        words = parts.get("body") or "\n".join(
            parts[name] for name in ("subject", "preheader", "text") if parts.get(name)
        )
        yield {
            "id": f"second-reading-{one.pk}",
            "text": words,
            "style": "para" if one.kind == ReviewKind.BLOCK else "full_email",
            "market": settings.FIRM["jurisdiction"],
            "topics": sorted(one.judged_topics),
            "lint": [],
            "must_route_to_review": bool(one.judged_topics) or one.judged == "reject",
        }


def _of(item: ReviewItem) -> SecondReading:
    people = {item.decided_by_id, item.submitted_by_id}
    for rows in (Approval.objects.filter(item=item).values_list("by", flat=True),
                 Authorship.objects.filter(digest=item.digest).values_list("staff", flat=True),
                 Reading.objects.filter(item=item).values_list("staff", flat=True),
                 item.comments.values_list("by", flat=True)):  # fmt: skip
        people |= set(rows)
    state = ReviewState(item.state)
    return SecondReading(
        item=item, digest=item.digest, round=item.round, kind=item.kind, title=item.title,
        snapshot={name: value for name, value in item.snapshot.items() if name != "about"}, topics=item.topics,
        campaign=item.snapshot.get("campaign", ""), involved=sorted(one for one in people if one), stratum=state.value,
        chance=SHARES[state], first_verdict=VERDICTS[state],
    )  # fmt: skip


def _keep(made: list[SecondReading], *, at: datetime) -> int:
    for one in made:
        one.drawn_at = at
        one.save()
        facts = {"digest": one.digest, "stratum": one.stratum, "chance": one.chance}
        ledger.record("second_reading.drawn", by=BY, at=at, about=f"second_reading:{one.pk}", facts=facts)
    return len(made)


def _checked(verdict: str, reason: str, topics: Iterable[str]) -> list[str]:
    named = sorted(set(topics))
    if verdict not in ("approve", "reject"):
        raise SaysTooLittle("Say whether these words may go.")
    if not reason.strip():
        raise SaysTooLittle("Say in a few words why. It is kept.")
    if len(reason) > 2_000:
        raise SaysTooLittle("A reason has at most 2,000 characters.")
    if Topic.objects.filter(code__in=named).count() != len(named):
        raise SaysTooLittle("There is no such topic.")
    return named


def _stop(one: SecondReading, *, by: Staff, at: datetime) -> None:
    if one.item is not None and one.item.state == ReviewState.APPROVED and one.item.round == one.round:
        review.withdraw(one.item.pk, by=by, reason=f"A second reading: {one.judged_reason}", at=at)
    if one.stratum != Stratum.PASSED or not one.campaign:
        return
    bulk.take_turns(one.campaign)  # two who settle two texts at once both count both
    upheld = SecondReading.objects.filter(
        campaign=one.campaign, stratum=Stratum.PASSED, judged="reject", judged_at__gt=at - LATELY
    ).count()  # fmt: skip
    thrown = Stop.objects.thrown().filter(scope=StopScope.CAMPAIGN, target=one.campaign)
    if upheld >= STOPPING and not thrown.exists():
        why = f"{upheld} texts that nobody had read as a whole should not have gone."
        with suppress(stops.AlreadyThrown):  # by hand, a moment ago
            stops.throw(StopScope.CAMPAIGN, one.campaign, reason=why, by=by, at=at)
