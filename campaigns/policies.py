"""Policies of the firm: a version is written down once, put before two reviewers, and never changed."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Max

from campaigns.drafts import canonical
from campaigns.models import HourPolicy, RewardVersion, WellbeingPolicy
from compliance import ledger, review
from compliance.models import ReviewKind, Staff

Version = TypeVar("Version", HourPolicy, RewardVersion, WellbeingPolicy)


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of policy, as reviewers and the ledger name it.

    code    what its digest and its page are called by · deed  what its ledger entries are about
    title   of what reviewers read · heading  and part  of the words in it · reason  why people have to agree
    """

    code: str
    deed: str
    title: str
    heading: str
    part: str
    reason: str


@transaction.atomic
def propose(
    sort: Sort, versions: type[Version], kept: Mapping[str, Any], *, fields: Mapping[str, Any],
    words: Callable[[Version], str], facts: Mapping[str, Any], why: str, by: Staff, at: datetime,
) -> Version:  # fmt: skip
    """Write the next version down and put it before the reviewers; the same policy gives the version that is there.

    kept    what the digest is of · fields  as which columns it is kept · words  the version as reviewers read it
    facts   of the deed, beside its version and digest
    """
    digest = hashlib.sha256(canonical({sort.code: kept})).hexdigest()
    if known := versions.objects.filter(digest=digest).first():
        return known
    last = versions.objects.aggregate(last=Max("version"))["last"] or 0
    made = versions.objects.create(
        version=last + 1, why=why.strip()[:300], digest=digest, author=by, made_at=at, **fields
    )
    review.submit(
        digest=digest,
        kind=ReviewKind.POLICY,
        title=f"{sort.title} (version {made.version})",
        snapshot={"title": sort.heading, "about": f"policy:{sort.code}",
                  "parts": {sort.part: words(made), "why": made.why}},
        topics=[],
        findings=[],
        authors=[by],
        reason=sort.reason,
        approvals_needed=2,
        by=by,
        at=at,
    )  # fmt: skip
    told = {"version": made.version, "digest": digest, **facts}
    ledger.record(f"{sort.deed}.proposed", by=by, at=at, about=f"{sort.deed}:{made.pk}", facts=told)
    return made
