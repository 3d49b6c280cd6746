"""A version of a rule takes effect: what was approved before is read again under it, in the same transaction.

What a blocking rule finds goes back before a reviewer at once and does not go out until somebody approved it anew; what
a rule asks a review for goes back after five days. Whoever judges or approves words meanwhile waits: nothing slips by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from campaigns import variants
from campaigns.models import BlockVersion, Variant
from campaigns.rulechanges import texts
from campaigns.rulechanges.radius import RANK
from compliance import faults, ledger, review
from compliance.copyrules import book
from compliance.models import CopyRule, LateFinding, ReviewItem, Severity
from compliance.words import lint

BY = "system:rules"
GRACE = timedelta(days=5)  # until words in which a REVIEW rule finds something go back; spec 3.6


@dataclass(slots=True)
class Effect:
    """What was done: texts read, findings kept, texts sent back to the reviewers."""

    read: int = 0
    found: int = 0
    put_back: int = 0


def due(at: datetime) -> list[int]:
    """Versions that were approved, whose day has come, and that have not taken effect; the oldest first."""
    rows = CopyRule.objects.filter(enacted_at=None, valid_from__lte=at.date()).order_by("made_at", "pk")
    waiting = dict(rows.values_list("pk", "digest"))
    standing = review.standing(waiting.values(), at=at)
    return [pk for pk, digest in waiting.items() if standing.get(digest) == "approved"]


def sweep(*, at: datetime) -> None:
    """Let what is due take effect and send back what was found days ago, each for itself."""
    rules = ((f"copy_rule:{one}", partial(enact, one, at=at)) for one in due(at))
    faults.each("copy_rule.enact", rules, at=at)
    faults.each("copy_rule.put_back", [("late findings", partial(put_back, at=at))], at=at)


@transaction.atomic
def enact(rule_id: int, *, at: datetime) -> Effect | None:
    """Let an approved version take effect and read everything under it that may still go out; None when it has."""
    book.change()
    if not CopyRule.objects.filter(pk=rule_id, enacted_at=None).update(enacted_at=at):
        return None
    row = CopyRule.objects.get(pk=rule_id)
    done = Effect()
    if RANK[Severity(row.severity)] and CopyRule.objects.in_force(at).filter(pk=row.pk).exists():
        rulebook = book.in_force(at)
        back = _blocks(row, rulebook, done, at=at)
        _messages(row, rulebook, back, done, at=at)
    facts = {"code": row.code, "version": row.version, "digest": row.digest, "read": done.read, "found": done.found,
             "put_back": done.put_back}  # fmt: skip
    ledger.record("copy_rule.enacted", by=BY, at=at, about=f"copy_rule:{row.pk}", facts=facts)
    return done


@transaction.atomic
def put_back(*, at: datetime) -> int:
    """Send back what a rule found days ago and nobody has approved anew since; how many texts."""
    moved = 0
    waiting = LateFinding.objects.select_for_update(skip_locked=True).filter(put_back_at=None, due_at__lte=at)
    for one in waiting.select_related("item", "rule").order_by("pk"):
        LateFinding.objects.filter(pk=one.pk, put_back_at=None).update(put_back_at=at)
        if one.item.decided_at is None or one.item.decided_at <= one.found_at:
            moved += review.found_late(one.item_id, blocks=False, why=_why(one.rule), by=BY, at=at)
    return moved


def _blocks(row: CopyRule, rulebook: lint.Book, done: Effect, *, at: datetime) -> set[str]:
    """Read every published block; gives the digests of those that were sent back."""
    alone, back = lint.Book([book.rule_of(row)]), set()
    for batch in texts.in_hundreds(texts.published()):
        stands = texts.items([one.digest for one in batch])
        for one in batch:
            if (item := stands.get(one.digest)) is None:
                continue
            done.read += 1
            hits = texts.of_block(one, rulebook.known).hits(alone)
            if _keep(row, item, hits, done, at=at):
                back.add(one.digest)
    return back


def _messages(row: CopyRule, rulebook: lint.Book, back: set[str], done: Effect, *, at: datetime) -> None:
    """Read every assembled message that may still go out; one made of a block that was sent back goes back with it."""
    alone, blocks = lint.Book([book.rule_of(row)]), row.severity == Severity.BLOCK
    for batch in texts.in_hundreds(texts.may_go(at)):
        stands = texts.items([one.digest for one in batch])
        for one in batch:
            done.read += 1
            hits, item = texts.of_variant(one, rulebook.known).hits(alone), stands.get(one.digest)
            if item is not None:
                sent_back = _keep(row, item, hits, done, at=at)
                if not sent_back and not back.isdisjoint(one.blocks):
                    done.put_back += review.found_late(item.pk, blocks=False, why=_why(row), by=BY, at=at)
            elif hits and blocks:
                done.found += len(hits)
                done.put_back += _judge_anew(one, rulebook, at=at)


def _keep(row: CopyRule, item: ReviewItem, hits: Sequence[texts.Hit], done: Effect, *, at: datetime) -> bool:
    """Keep what is new to the review of these words, and send them back when the rule blocks; whether they went."""
    new = [one for one in hits if not _is_known(row, item, one)]
    if not new:
        return False
    blocks = row.severity == Severity.BLOCK
    due_at = at if blocks else at + GRACE
    went = blocks and review.found_late(item.pk, blocks=True, why=_why(row), by=BY, at=at)
    LateFinding.objects.bulk_create(
        [
            LateFinding(
                rule=row, item=item, part=one.part, start=one.start, end=one.end, quote=one.quote, found_at=at,
                due_at=due_at, put_back_at=at if blocks else None,
            )
            for one in new
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    done.found += len(new)
    done.put_back += went
    return went


def _is_known(row: CopyRule, item: ReviewItem, hit: texts.Hit) -> bool:
    """Whether reviewers saw a version of this rule find these words, at least as severely, and let them pass."""
    seen = [
        (one["part"], one["start"], one["end"], one["severity"])
        for one in item.findings
        if one.get("rule") == row.code and "part" in one
    ]
    if item.decided_at is not None:
        later = item.late_findings.filter(rule__code=row.code, found_at__lt=item.decided_at)
        seen += later.values_list("part", "start", "end", "rule__severity")
    return any(
        part == hit.part
        and start <= hit.end
        and hit.start <= end
        and RANK[Severity(severity)] >= RANK[Severity(row.severity)]
        for part, start, end, severity in seen
    )


def _judge_anew(variant: Variant, rulebook: lint.Book, *, at: datetime) -> bool:
    """Put a message that went by its blocks before a reviewer; whether it no longer goes."""
    found = BlockVersion.objects.select_related("block").in_bulk(variant.versions)
    campaign = variant.campaign
    versions = [found[pk] for pk in variant.versions]
    made = variants.ensure(campaign, versions, by=campaign.owner, at=at, rulebook=rulebook)
    return variants.standing([made], at=at)[made.pk] != variants.GO


def _why(row: CopyRule) -> str:
    return f"Copy rule {row.code}, version {row.version}, finds something in words that were judged before it."
