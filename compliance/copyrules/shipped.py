"""The topics and copy rules that the package ships, as rows that officers can read and write later versions of."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db import transaction

from compliance.copyrules import book
from compliance.models import CopyRule, Topic
from compliance.words import lint, topics


@transaction.atomic
def ensure() -> int:
    """Add the topics and rules that are missing, and say how many; rows that exist stay as officers left them."""
    shown, _ = topics.vocabulary()
    added = 0
    for one in topics.POLICY.values():
        facts = {
            "name": one.name,
            "covers": one.covers,
            "approvals": one.approvals,
            "officers": one.officers,
            "audience_rule": one.audience,
            "lexicon": [phrase.source for phrase in shown if phrase.tag == one.code],
        }
        added += Topic.objects.get_or_create(code=one.code, defaults=facts)[1]
    known = set(CopyRule.objects.values_list("code", flat=True))
    missing = [one for one in lint.shipped().rules if one.code not in known]
    CopyRule.objects.bulk_create(CopyRule(**row(one)) for one in missing)
    return added + len(missing)


def row(rule: lint.Rule) -> dict[str, Any]:
    """The columns of a shipped rule; it counts as in force from the day the package dates it."""
    since = datetime.combine(date.fromisoformat(rule.valid_from), time(), UTC)
    return book.columns(rule) | {"enacted_at": since}
