"""What was decided before: the last approved wording of the same thing, and items that raised the same questions."""

from django.db.models import Q, QuerySet

from compliance.models import ReviewItem, ReviewState


def last_approved(item: ReviewItem) -> ReviewItem | None:
    """The newest other text of the same block or campaign that stands approved."""
    about = item.snapshot.get("about")
    if not about:
        return None
    return (
        ReviewItem.objects.filter(kind=item.kind, snapshot__about=about, state=ReviewState.APPROVED)
        .exclude(pk=item.pk)
        .order_by("-decided_at", "-pk")
        .first()
    )


def similar(item: ReviewItem) -> QuerySet[ReviewItem]:
    """Decided items that share a topic or a broken rule, newest first."""
    shared = Q(pk__in=[])
    for code in item.topics:
        shared |= Q(topics__contains=[code])
    for rule in sorted({one["rule"] for one in item.findings if "rule" in one}):
        shared |= Q(findings__contains=[{"rule": rule}])
    return (
        ReviewItem.objects.decided()
        .filter(shared)
        .exclude(pk=item.pk)
        .select_related("decided_by")
        .order_by("-decided_at")
    )
