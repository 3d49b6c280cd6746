"""Whether two blocks may go out side by side: read together by editors, or left to the policy for plain words."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from campaigns import layout
from campaigns.drafts import canonical
from campaigns.models import CoveredPair
from compliance import review
from compliance.models import ReviewItem, ReviewKind, Staff

# The policy for plain words. A change of one character is another digest, and needs two people again.
PLAIN = {
    "policy": "plain words",
    "says": "Two blocks need no reading side by side when neither touches a sensitive topic or breaks a rule that "
    "blocks, and any lesser finding in either was judged by an editor who approved its exact words. Each is still read "
    "on its own before a message with it leaves, every assembled text is judged as a whole, and a text that is "
    "sensitive as a whole is held for an editor.",
    "does_not_cover": "Any block with a sensitive topic, a blocking finding, or a finding that nobody has judged yet.",
}
PLAIN_DIGEST = hashlib.sha256(canonical(PLAIN)).hexdigest()


def digest(one: str, other: str, *, purpose: str) -> str:
    """What an approval of two words side by side attaches to: their digests, the layout, the purpose, the place."""
    return hashlib.sha256(
        canonical([*sorted((one, other)), layout.LAYOUT, purpose, settings.FIRM["jurisdiction"]])
    ).hexdigest()


def of(digests: Sequence[str], *, purpose: str, but: Collection[str] = frozenset()) -> list[str]:
    """Every pair among the blocks of one message, except those of two blocks among `but`."""
    return [
        digest(one, other, purpose=purpose)
        for number, one in enumerate(digests)
        for other in digests[number + 1 :]
        if one != other and not (one in but and other in but)
    ]


def read(pairs: Iterable[str], *, at: datetime) -> dict[str, str]:
    """Those of the pairs that stand in an approved review at `at`: pair → the review's digest."""
    rows = list(CoveredPair.objects.filter(pair__in=set(pairs)).order_by("pk").values_list("pair", "review"))
    standing = review.standing({one for _, one in rows}, at=at)
    return {pair: asked for pair, asked in rows if standing.get(asked) == "approved"}


def topics(digests: Iterable[str]) -> dict[str, list[str]]:
    """What sensitive topics each of the words was reviewed for."""
    return dict(ReviewItem.objects.filter(digest__in=set(digests)).values_list("digest", "topics"))


def plain(digests: Iterable[str], *, at: datetime) -> set[str]:
    """Those of the blocks' words that the policy for plain words covers; none while it does not stand approved."""
    if review.standing([PLAIN_DIGEST], at=at).get(PLAIN_DIGEST) != "approved":
        return set()
    rows = ReviewItem.objects.filter(digest__in=set(digests), topics=[]).values_list("digest", "findings")
    standing = review.standing([named for named, _ in rows], at=at)
    return {named for named, findings in rows if _is_plain(findings, approved=standing[named] == "approved")}


def _is_plain(findings: list[dict[str, Any]], *, approved: bool) -> bool:
    grave = {one.get("severity") for one in findings} - {"WARN"}
    return not grave or (approved and "BLOCK" not in grave)


def propose(*, by: Staff, at: datetime) -> ReviewItem:
    """Put the policy for plain words before the reviewers; two must approve it, one of them from compliance."""
    return review.submit(
        digest=PLAIN_DIGEST,
        kind=ReviewKind.POLICY,
        title="Policy: plain words need no reading side by side",
        snapshot={"title": "Plain words", "about": "policy:plain-words", "parts": dict(PLAIN)},
        topics=[],
        findings=[],
        authors=[by],
        reason="A policy decides what people need not read.",
        approvals_needed=2,
        by=by,
        at=at,
    )
