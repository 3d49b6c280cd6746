"""What reviewers say about stretches of a text, carried to the next wording where the same words stand again."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from compliance import ledger
from compliance.models import Comment, CommentKind, ReviewItem, Staff


class BadComment(ValueError):
    """The comment has no words, or does not stand where it says. Nothing was written."""


class NotYoursToSettle(Exception):
    """Only who made a comment, or a compliance officer, settles it. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one part of a text, in characters; quote "" stands for the whole."""

    part: str = ""
    start: int = 0
    end: int = 0
    quote: str = ""


def anchor(item: ReviewItem, quote: str, *, part: str = "") -> Span:
    """Where the quoted words stand in the item: the first place, in the named part or in any. Raises BadComment."""
    quote = quote.strip()
    if not quote:
        return Span()
    for name, text in item.snapshot.get("parts", {}).items():
        if name != "html" and (not part or name == part) and (start := text.find(quote)) >= 0:
            return Span(name, start, start + len(quote), quote)
    raise BadComment("The quoted words do not stand in this text.")


@transaction.atomic
def add(
    item: ReviewItem,
    *,
    kind: str,
    words: str,
    span: Span = Span(),
    by: Staff,
    at: datetime,
    carried_from: Comment | None = None,
) -> Comment:
    """Say something about the item, or about a stretch of it. Raises BadComment."""
    if not words.strip() or kind not in CommentKind.values:
        raise BadComment("A comment is a note, a question or something that must be fixed, in words.")
    text = item.snapshot.get("parts", {}).get(span.part, "")
    if span.quote and text[span.start : span.end] != span.quote:
        raise BadComment("The quoted words do not stand where the comment says.")
    made = Comment.objects.create(
        item=item,
        digest=item.digest,
        kind=kind,
        part=span.part,
        start=span.start,
        end=span.end,
        quote=span.quote,
        words=words.strip(),
        by=by,
        at=at,
        carried_from=carried_from,
    )
    facts = {"comment": made.pk, "kind": kind, "digest": item.digest}
    if carried_from is None:  # repeating one is nobody's deed but the submission's, which is in the ledger
        ledger.record("comment.made", by=by, at=at, about=f"review:{item.pk}", facts=facts)
    return made


@transaction.atomic
def settle(comment_id: int, *, how: str, by: Staff, at: datetime) -> Comment:
    """Say that a comment has been dealt with, and how. Raises NotYoursToSettle, or BadComment without words."""
    comment = Comment.objects.select_for_update().get(pk=comment_id)
    if not (by.is_officer or (by.is_active and by.pk == comment.by_id)):
        raise NotYoursToSettle("Only who made a comment, or a compliance officer, settles it.")
    if not how.strip():
        raise BadComment("Say how it was settled.")
    if comment.settled_at is not None:
        return comment
    comment.settled_by, comment.settled_at, comment.settled_how = by, at, how.strip()
    comment.save(update_fields=["settled_by", "settled_at", "settled_how"])
    facts = {"comment": comment.pk}
    ledger.record("comment.settled", by=by, at=at, about=f"review:{comment.item_id}", facts=facts)
    return comment


def open_must_fix(item: ReviewItem) -> int:
    """How many things must still be fixed before anybody may say yes."""
    return Comment.objects.filter(item=item, kind=CommentKind.MUST_FIX, settled_at=None).count()


def carry(item: ReviewItem, *, at: datetime) -> int:
    """Repeat the unsettled comments on the last wording of the same thing where their quote stands again; how many.

    A must-fix whose words are gone has been fixed as far as anybody can tell, and is left on the old wording.
    """
    about = item.snapshot.get("about")
    if not about:
        return 0
    older = ReviewItem.objects.filter(kind=item.kind, snapshot__about=about, pk__lt=item.pk).order_by("-pk").first()
    if older is None:
        return 0
    carried = 0
    for one in older.comments.filter(settled_at=None).select_related("by").order_by("pk"):
        try:
            span = anchor(item, one.quote, part=one.part)
        except BadComment:
            continue
        if one.quote:
            add(item, kind=one.kind, words=one.words, span=span, by=one.by, at=at, carried_from=one)
            carried += 1
    return carried
