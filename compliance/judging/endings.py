"""Who may end an approval: what lets words go is stopped by one person, what keeps words back is ended by two.

A combination rule and the policy for pressure and calm keep words from clients as long as they stand approved, so to
take one back lets words go. That takes two reviewers, one of them a compliance officer: the first asks, the second
ends it. The database holds the same (`review_restricts`, migration `what_restricts_is_ended_by_two`). A copy rule in
force is not ended at all, only followed by a later version of it.
"""

from compliance.copyrules import book
from compliance.models import ReviewItem, ReviewKind, ReviewState, Role, Staff

# The kind, and what its subject's name begins with where only some of the kind restrict.
RESTRICTS = ((ReviewKind.COMBINATION_RULE, ""), (ReviewKind.POLICY, "policy:wellbeing"))


def restricts(item: ReviewItem) -> bool:
    """Whether an approval of this keeps words back from clients."""
    about = str(item.snapshot.get("about", ""))
    return any(item.kind == kind and about.startswith(begins) for kind, begins in RESTRICTS)


def takes_two(item: ReviewItem) -> bool:
    """Whether two people have to end it: it restricts, and stands approved, its date gone by or not."""
    return item.state == ReviewState.APPROVED and restricts(item)


def asked_by(item: ReviewItem) -> Staff | None:
    """Who asked for its end and still reviews; nobody where they left, and then somebody else asks in their place."""
    first = item.end_asked_by
    return first if first is not None and first.reviews else None


def barred(item: ReviewItem, by: Staff, *, is_first: bool) -> str:
    """Why `by` may not ask for its end (`is_first`), or end it, as a sentence; empty when they may."""
    if item.kind == ReviewKind.COPY_RULE and book.is_enacted(item.digest):
        return "A rule in force ends by a later version of it, which two people agree on."
    if not takes_two(item):
        return ""
    if not by.reviews:
        return "It keeps words back from clients, so two reviewers end it."
    first = asked_by(item)
    if is_first:
        return ""
    if first is None:
        return "It keeps words back from clients, so two people end it: first one of them asks for it."
    if first.pk == by.pk:
        return "You asked for its end. It keeps words back from clients, so somebody else has to agree."
    if Role.OFFICER not in (first.role, by.role):
        return "It keeps words back from clients, so one of the two who end it is a compliance officer."
    return ""
