"""The editors' queue: who may let which exact words go out. Approval attaches to a digest, never to a row elsewhere."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from compliance import ledger, routing
from compliance.copyrules import book
from compliance.judging import comments, competence, deadlines, endings, evidence, quorum, readings
from compliance.models import (
    Approval,
    Authorship,
    Invitation,
    ReviewItem,
    ReviewKind,
    ReviewState,
    Role,
    Seed,
    Severity,
    Staff,
)

SHA256 = re.compile(r"[0-9a-f]{64}")
DECIDERS = (Role.EDITOR, Role.OFFICER)
Facts = dict[str, Any]


class AlreadyDecided(Exception):
    """Someone was first, or the text is not the one that was shown. Nothing was written."""


class NotYours(Exception):
    """This person may not decide this text; the message is a sentence for them. Nothing was written."""


class NotWords(ValueError):
    """What was handed in cannot be reviewed (bad digest, no title, no words). Nothing was written."""


class NoReason(ValueError):
    """A reason is needed here; the message is a sentence for the person. Nothing was written."""


@transaction.atomic
def submit(
    *,
    digest: str,
    kind: str,
    title: str,
    snapshot: dict[str, Any],
    topics: Sequence[str],
    findings: Sequence[dict[str, Any]],
    authors: Iterable[Staff | int],
    reason: str,
    approvals_needed: int,
    by: Staff,
    at: datetime,
    reach: int = 0,
    products: Sequence[str] = (),
    urgent: bool = False,
) -> ReviewItem:
    """Put exact words, or a thing's whole content, in the queue; the same digest always gives the same item.

    digest: sha256 hex of the words · snapshot, findings: see ReviewItem · reason: why it was routed, in words.
    products: codes of the regulated products they speak of · urgent: a service message that must go within hours.
    A new wording of the same thing takes over the open comments whose words stand in it again.
    A known digest only gains authors and reach, except that an approval which has ended starts a new round.
    A rejected or withdrawn text stays so, and what restricts binds on after the date. Raises NotWords.
    """
    if not SHA256.fullmatch(digest) or not title.strip() or not snapshot.get("parts") or kind not in ReviewKind.values:
        raise NotWords("A review needs a sha256 digest, a known kind, a title and the words themselves.")
    wrote = sorted({one.pk if isinstance(one, Staff) else int(one) for one in authors} | {by.pk})
    needs = quorum.of(kind, topics, findings, asked=approvals_needed)
    item, new = ReviewItem.objects.get_or_create(
        digest=digest,
        defaults={
            "kind": kind,
            "title": title[:200],
            "snapshot": snapshot,
            "topics": list(topics),
            "products": sorted(set(products)),
            "findings": list(findings),
            "harm": needs.harm,
            "ruleset": routing.ruleset(book.in_force(at)),
            "reason": reason[:200],
            "approvals_needed": needs.approvals,
            "officers_needed": needs.officers,
            "reach": reach,
            "submitted_by": by,
            "submitted_at": at,
            "due_at": deadlines.due(needs.approvals, at=at, urgent=urgent),
        },
    )
    item = ReviewItem.objects.select_for_update().get(pk=item.pk)
    Authorship.objects.bulk_create([Authorship(digest=digest, staff_id=one) for one in wrote], ignore_conflicts=True)
    if new:
        ledger.record("review.submitted", by=by, at=at, about=about(item), facts={"digest": digest, "authors": wrote})
        comments.carry(item, at=at)
    elif _ended(item, at) and not endings.restricts(item):
        _reopen(item, by=by, at=at, why="the approval ended")
    elif item.state in (ReviewState.WAITING, ReviewState.CLAIMED) and reach > item.reach:
        _move(item, by=by, at=at, reach=reach)
    return item


@transaction.atomic
def claim(item_id: int, *, by: Staff, at: datetime) -> ReviewItem:
    """Tell the others that `by` is reading this. Raises NotYours or AlreadyDecided (decided, or being read)."""
    item = _mine_to_decide(item_id, by)
    won = (
        ReviewItem.objects.free_for(by, at)
        .filter(pk=item_id)
        .update(state=ReviewState.CLAIMED, claimed_by=by, claimed_at=at)
    )
    if not won:
        raise AlreadyDecided(item_id)
    return _kept(item, "review.claimed", by=by, at=at)


@transaction.atomic
def release(item_id: int, *, by: Staff, at: datetime) -> ReviewItem:
    """Give a claimed item back to the queue. A compliance officer may release anybody's claim."""
    claimed = ReviewItem.objects.filter(pk=item_id, state=ReviewState.CLAIMED)
    if not by.is_officer:
        claimed = claimed.filter(claimed_by=by)
    if not claimed.update(state=ReviewState.WAITING, claimed_by=None, claimed_at=None):
        raise AlreadyDecided(item_id)
    return _kept(ReviewItem.objects.get(pk=item_id), "review.released", by=by, at=at)


@transaction.atomic
def approve(item_id: int, *, by: Staff, seen: str, reason: str = "", at: datetime) -> ReviewItem:
    """Say yes to the exact words `by` saw; the last yes that is needed lets them go out.

    seen: sha256 hex of the words on the person's screen. The item is APPROVED in the answer when the quorum is full,
    else WAITING for the next person. Raises NotYours (also for who is not competent, has an interest, or stopped it
    before), or AlreadyDecided when the item left the queue, someone else is reading it, or its words are not `seen`,
    or NoReason for a blocked text without one, while something must still be fixed, or a claim has no evidence in date.
    """
    book.hold()
    item = _mine_to_decide(item_id, by)
    if why := may_approve(item, by, at=at):
        raise NotYours(why)
    if open_fixes := comments.open_must_fix(item):
        raise NoReason(f"{open_fixes} comment(s) say that something must be fixed. Settle them first.")
    if unproven := evidence.lacking(item.snapshot, at=at):
        raise NoReason(f"No evidence in date stands for the claim “{unproven[0]}”. Its author has to renew it first.")
    if is_blocked(item) and not reason.strip():
        raise NoReason("A rule blocks these words. Overriding it needs a written reason, which is kept.")
    # Also the lock: a second yes waits here until the first is in, so that two cannot each count only themselves.
    won = (
        ReviewItem.objects.free_for(by, at)
        .filter(pk=item_id, digest=seen)
        .update(state=ReviewState.WAITING, claimed_by=None, claimed_at=None)
    )
    if not won:
        raise AlreadyDecided(item_id)
    item.refresh_from_db()
    readings.decided(item, "approve", by=by, round_=item.round, at=at)
    if seed := Seed.objects.filter(item=item).first():
        return _missed(item, seed, by=by, at=at)
    given = list(Approval.objects.filter(item=item, round=item.round, by__is_active=True).select_related("by"))
    _seat(item, given, by)
    covers = quorum.scope(item.kind, item.snapshot)
    Approval.objects.create(item=item, round=item.round, digest=seen, by=by, at=at, reason=reason, scope=covers)
    facts = {"digest": seen, "reason": reason, "yes": len(given) + 1, "needed": item.approvals_needed}
    if len(given) + 1 < item.approvals_needed:
        return _kept(item, "review.seconded", by=by, at=at, facts=facts)
    ReviewItem.objects.filter(pk=item_id).update(
        state=ReviewState.APPROVED,
        decided_by=by,
        decided_at=at,
        decision_reason=reason,
        valid_until=_lasts_until(item, at=at),
    )
    return _kept(item, "review.approved", by=by, at=at, facts=facts)


@transaction.atomic
def reject(item_id: int, *, by: Staff, seen: str, reason: str, at: datetime) -> ReviewItem:
    """Say no to the exact words, for good: another wording is another digest. Raises as `approve` does."""
    item = _mine_to_decide(item_id, by)
    if not reason.strip():
        raise NoReason("Say what has to change. The author reads it, and it is kept.")
    won = (
        ReviewItem.objects.free_for(by, at)
        .filter(pk=item_id, digest=seen)
        .update(
            state=ReviewState.REJECTED, claimed_by=None, claimed_at=None, decided_by=by, decided_at=at,
            decision_reason=reason,
        )
    )  # fmt: skip
    if not won:
        raise AlreadyDecided(item_id)
    readings.decided(item, "reject", by=by, round_=item.round, at=at)
    return _kept(item, "review.rejected", by=by, at=at, facts={"digest": seen, "reason": reason})


@transaction.atomic
def ask_end(item_id: int, *, by: Staff, reason: str, at: datetime) -> ReviewItem:
    """The first of two who end what keeps words back: say that it may end. It binds until somebody else agrees.

    Raises NotYours, or AlreadyDecided where it takes no two, or somebody asked before.
    """
    item = ReviewItem.objects.select_for_update().get(pk=item_id)
    if not endings.takes_two(item) or endings.asked_by(item) is not None:
        raise AlreadyDecided(item_id)
    if why := endings.barred(item, by, is_first=True):
        raise NotYours(why)
    facts = {"digest": item.digest, "reason": reason}
    return _move(item, "review.end_asked", by=by, at=at, facts=facts, end_asked_by=by, end_asked_at=at)


@transaction.atomic
def withdraw(item_id: int, *, by: Staff, reason: str, at: datetime) -> ReviewItem:
    """Stop a text, approved or not: one person is enough. Reviewers may, and whoever wrote or submitted it.

    What keeps words back is ended by the second of two: see `endings` and `ask_end`.
    Raises NotYours, or AlreadyDecided when it is already rejected or withdrawn.
    """
    item = ReviewItem.objects.select_for_update().get(pk=item_id)
    if not by.reviews and not ReviewItem.objects.written_by(by).filter(pk=item_id).exists():
        raise NotYours("Only reviewers and the people who wrote a text may withdraw it.")
    if why := endings.barred(item, by, is_first=False):
        raise NotYours(why)
    if item.state not in (ReviewState.WAITING, ReviewState.CLAIMED, ReviewState.APPROVED):
        raise AlreadyDecided(item_id)
    return _move(
        item, "review.withdrawn", by=by, at=at, facts={"digest": item.digest, "reason": reason},
        state=ReviewState.WITHDRAWN, claimed_by=None, claimed_at=None, decided_by=by, decided_at=at,
        decision_reason=reason,
    )  # fmt: skip


@transaction.atomic
def found_late(item_id: int, *, blocks: bool, why: str, by: Staff | str, at: datetime) -> bool:
    """Send approved words, in which a later rule found something, back to the reviewers; False when they had no yes.

    Until they are approved anew they do not go out. Where a rule blocks them an officer must be among those who agree.
    """
    item = ReviewItem.objects.select_for_update().get(pk=item_id)
    officers = max(item.officers_needed, 1 if blocks else 0)
    if item.state == ReviewState.APPROVED:
        _reopen(item, by=by, at=at, why=why, officers=officers)
        return True
    if item.state in (ReviewState.WAITING, ReviewState.CLAIMED) and officers > item.officers_needed:
        _move(item, by=by, at=at, officers_needed=officers)
    return False


@transaction.atomic
def reopen(item_id: int, *, by: Staff, reason: str, at: datetime) -> ReviewItem:
    """Put a withdrawn text back in the queue, for two fresh approvals. Compliance officers only."""
    item = ReviewItem.objects.select_for_update().get(pk=item_id)
    if not by.is_officer:
        raise NotYours("Only a compliance officer may put a withdrawn text back in the queue.")
    if item.state != ReviewState.WITHDRAWN:
        raise AlreadyDecided(item_id)
    return _reopen(item, by=by, at=at, why=reason, needed=max(2, item.approvals_needed))


def standing(digests: Iterable[str], *, at: datetime) -> dict[str, str]:
    """Where each known text stands: approved, rejected, waiting, withdrawn or expired. Unknown digests are absent."""
    rows = ReviewItem.objects.filter(digest__in=set(digests)).values_list("digest", "state", "valid_until")
    return {digest: _standing(state, valid_until, at) for digest, state, valid_until in rows}


def may_decide(item: ReviewItem, by: Staff) -> str:
    """Why `by` may not decide this item, as a sentence; empty when they may."""
    if by.is_superuser:
        return "Administrators do not decide texts."
    if by.role == Role.COUNSEL and by.is_active and _is_invited(item, by):
        return ""
    if not by.is_active or by.role not in DECIDERS:
        return "Only editors and compliance officers decide texts."
    if item.submitted_by_id == by.pk or Authorship.objects.filter(digest=item.digest, staff=by).exists():
        return "You wrote or submitted these words, so someone else decides them."
    return ""


def may_approve(item: ReviewItem, by: Staff, *, at: datetime) -> str:
    """Why `by`, who may decide it, may not say yes to this item, as a sentence; empty when they may."""
    if item.stopped_by_id == by.pk:
        return "You stopped these words. One person may stop, but others have to start them again."
    if lacking := competence.missing(item, by, at=at):
        named = ", ".join(lacking).replace("_", " ")
        return f"No competence in date is on record for you in: {named}. You may still reject."
    if competence.conflicted(item, by):
        return "You declared an interest in this, so someone else decides it."
    return ""


def is_blocked(item: ReviewItem) -> bool:
    """Whether a rule of severity BLOCK was broken, so that only an officer may let it pass, in writing."""
    if any(one.get("severity") == Severity.BLOCK for one in item.findings):
        return True
    return item.late_findings.filter(rule__severity=Severity.BLOCK).exists()


def about(item: ReviewItem) -> str:
    """How the ledger names this item."""
    return f"review:{item.pk}"


def _standing(state: str, valid_until: datetime | None, at: datetime) -> str:
    if state == ReviewState.CLAIMED:
        return ReviewState.WAITING.value
    if state == ReviewState.APPROVED and valid_until is not None and valid_until <= at:
        return "expired"
    return str(state)


def _ended(item: ReviewItem, at: datetime) -> bool:
    return _standing(item.state, item.valid_until, at) == "expired"


def _is_invited(item: ReviewItem, by: Staff) -> bool:
    open_ones = Invitation.objects.filter(item=item, digest=item.digest, staff=by, used_at=None, revoked_at=None)
    return open_ones.exists()


def _missed(item: ReviewItem, seed: Seed, *, by: Staff, at: datetime) -> ReviewItem:
    """A planted text was let through: it leaves the queue, and the person is told what was wrong with it."""
    told = f"A planted text: {seed.fault}"
    change = {"state": ReviewState.WITHDRAWN, "decided_by": by, "decided_at": at, "decision_reason": told}
    return _move(item, "review.seed_missed", by=by, at=at, facts={"family": seed.family}, **change)


def _mine_to_decide(item_id: int, by: Staff) -> ReviewItem:
    item = ReviewItem.objects.get(pk=item_id)
    if why := may_decide(item, by):
        raise NotYours(why)
    return item


def _lasts_until(item: ReviewItem, *, at: datetime) -> datetime:
    """When an approval given now ends: with its class of words, or sooner with the evidence of its claims."""
    end = at + quorum.lasts(item.topics, item.findings, volatile=bool(item.snapshot.get("volatile")))
    return min(end, evidence.ends(item.snapshot) or end)


def _seat(item: ReviewItem, given: list[Approval], by: Staff) -> None:
    """Raise NotYours when `by` already said yes, or when the seats that are left belong to compliance officers."""
    if any(one.by_id == by.pk for one in given):
        raise NotYours("You have approved these words already; someone else must agree.")
    if not has_seat(item, given, by):
        raise NotYours("The approval still missing must come from a compliance officer.")


def has_seat(item: ReviewItem, given: list[Approval], by: Staff) -> bool:
    """Whether one of the approvals still missing may come from this person's role."""
    officers = sum(one.by.is_officer for one in given)
    return by.is_officer or item.approvals_needed - len(given) > item.officers_needed - officers


def _reopen(
    item: ReviewItem, *, by: Staff | str, at: datetime, why: str, needed: int | None = None, officers: int = 0
) -> ReviewItem:
    needed = needed or item.approvals_needed
    return _move(
        item, "review.reopened", by=by, at=at, facts={"digest": item.digest, "reason": why},
        state=ReviewState.WAITING,
        round=item.round + 1,
        stopped_by=item.decided_by if item.state == ReviewState.WITHDRAWN else None,
        escalation=0,
        approvals_needed=needed,
        officers_needed=max(officers, item.officers_needed),
        due_at=deadlines.due(needed, at=at),
        decided_by=None,
        decided_at=None,
        decision_reason="",
        valid_until=None,
        end_asked_by=None,
        end_asked_at=None,
    )  # fmt: skip


def _move(
    item: ReviewItem,
    kind: str = "",
    *,
    by: Staff | str,
    at: datetime,
    facts: dict[str, Any] | None = None,
    **change: Any,
) -> ReviewItem:
    """Change a locked item."""
    ReviewItem.objects.filter(pk=item.pk).update(**change)
    return _kept(item, kind, by=by, at=at, facts=facts)


def _kept(item: ReviewItem, kind: str = "", *, by: Staff | str, at: datetime, facts: Facts | None = None) -> ReviewItem:
    """Write the deed, when it has a name; give the item as it now is."""
    item.refresh_from_db()
    if kind:
        ledger.record(kind, by=by, at=at, about=about(item), facts=facts or {"digest": item.digest})
    return item
