"""One row a communication: the fields that FINRA 2210(b)(4)(A) and COBS 4.11 ask for, and the words themselves.

A communication is one exact text of one campaign. 2210(b)(4)(A): (i) a copy, first and last use; (ii) who approved it
and when; (iii) who prepared it; (iv) the source of each statistic; (v) the filing relied on. COBS 4.11.1R: the
promotion, and (2B) how the firm satisfied itself of the approver's competence.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from campaigns import performance
from campaigns.models import BlockVersion, Message, Variant
from compliance import packet
from compliance.models import (
    Authorship,
    CampaignProduct,
    Competence,
    Filing,
    PromotionBasis,
    ReviewItem,
    ReviewState,
)
from compliance.promotions import is_retail

FIELDS = (
    "campaign", "text", "subject", "copy", "class", "markets", "product", "first_used_at", "last_used_at",
    "recipients", "approved_by", "approved_at", "competence", "prepared_by", "sources", "basis", "s21_approver",
    "s21_frn", "filing", "filed_on", "filing_approver", "filing_crd",
)  # fmt: skip


def files(messages: QuerySet[Message]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """communications.csv, the same as JSON lines, and each text's words once."""
    rows = list(_rows(messages))
    yield "communications.csv", packet.table(FIELDS, rows)
    yield "communications.jsonl", (json.dumps(one, sort_keys=True, ensure_ascii=False).encode() + b"\n" for one in rows)
    for variant in (
        Variant.objects.filter(pk__in=_used(messages).values("variant")).order_by("digest").distinct("digest")
    ):
        words = {name: getattr(variant, name) for name in ("digest", "subject", "preheader", "text", "html", "links")}
        yield _copy(variant.digest), iter([json.dumps(words, sort_keys=True, ensure_ascii=False, indent=1).encode()])


def _used(messages: QuerySet[Message]) -> QuerySet[Message]:
    return messages.order_by().exclude(variant=None).filter(state__in=("sent", "shown", "unconfirmed"))


def _rows(messages: QuerySet[Message]) -> Iterator[dict[str, Any]]:
    used = (
        _used(messages)
        .values("campaign__slug", "variant_id")
        .annotate(
            first=Min(Coalesce("sent_at", "decided_at")),
            last=Max(Coalesce("sent_at", "decided_at")),
            recipients=Count("client", distinct=True),
        )
        .order_by("campaign__slug", "variant__digest")
    )
    markets: dict[int, set[str]] = {}
    for variant, market in _used(messages).values_list("variant_id", "client__jurisdiction").distinct():
        markets.setdefault(variant, set()).add(market)
    for one in used:
        yield _row(Variant.objects.get(pk=one["variant_id"]), one, sorted(markets[one["variant_id"]]))


def _row(variant: Variant, used: dict[str, Any], markets: list[str]) -> dict[str, Any]:
    slug, digests = used["campaign__slug"], [variant.digest, *variant.blocks]
    basis = PromotionBasis.objects.filter(campaign=slug).first()
    filing = Filing.objects.filter(campaign=slug).order_by("-filed_on", "-pk").first()
    product = CampaignProduct.objects.filter(campaign=slug).first()
    items = ReviewItem.objects.filter(digest__in=digests, state=ReviewState.APPROVED).order_by("pk")
    approvals = [yes for item in items for yes in item.approvals.filter(round=item.round).select_related("by")]
    return {
        "campaign": slug,
        "text": variant.digest,
        "subject": variant.subject,
        "copy": _copy(variant.digest),
        "class": "retail" if is_retail(_reached(slug)) else "correspondence",
        "markets": " ".join(markets),
        "product": product.product if product else "",
        "first_used_at": used["first"].isoformat(),
        "last_used_at": used["last"].isoformat(),
        "recipients": used["recipients"],
        "approved_by": "; ".join(sorted({one.by.username for one in approvals})),
        "approved_at": "; ".join(sorted({one.at.isoformat() for one in approvals})),
        "competence": "; ".join(sorted({text for one in approvals for text in _competent(one.by_id, one.at)})),
        "prepared_by": "; ".join(sorted(set(_authors(digests)))),
        "sources": "; ".join(_sources(variant)),
        "basis": basis.basis if basis else "",
        "s21_approver": basis.approver if basis else "",
        "s21_frn": basis.frn if basis else "",
        "filing": filing.reference if filing else "",
        "filed_on": filing.filed_on.isoformat() if filing else "",
        "filing_approver": f"{filing.approver}, {filing.title}" if filing else "",
        "filing_crd": filing.crd if filing else "",
    }


def _reached(slug: str) -> int:
    """Whom the campaign reached in all, whatever the packet is about: its variants are one communication (US-01)."""
    messages = _used(Message.objects.filter(campaign__slug=slug))
    return int(messages.aggregate(clients=Count("client", distinct=True))["clients"])


def _competent(staff_id: int, at: Any) -> list[str]:
    """What showed, when they approved, that they could judge it (COBS 4.11.1R(2B))."""
    found = Competence.objects.filter(Q(ended_at=None) | Q(ended_at__gt=at), staff=staff_id, valid_from__lte=at)
    told = found.filter(valid_until__gt=at).values_list("staff__username", "area", "evidence")
    return [f"{name} ({area}): {evidence}" for name, area, evidence in told]


def _authors(digests: list[str]) -> QuerySet[Authorship, str]:
    return Authorship.objects.filter(digest__in=digests).values_list(F("staff__username"), flat=True)


def _sources(variant: Variant) -> list[str]:
    shown = BlockVersion.objects.filter(pk__in=variant.versions).order_by("pk").values_list("claims", "performance")
    figures = [one for _, given in shown for one in performance.source(given)]
    return [*sources_of(claims for claims, _ in shown), *figures]


def sources_of(claims: Iterable[list[dict[str, Any]]]) -> list[str]:
    """Each statement with what shows it, block by block (2210(b)(4)(A)(iv))."""
    return [f"{one.get('text', '')}: {one.get('evidence', '')}" for told in claims for one in told]


def _copy(digest: str) -> str:
    return f"texts/{digest}.json"
