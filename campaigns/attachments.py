"""What a packet adds to its messages: blocks with their history, the models that chose, fairness, and outcomes."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.db.models import QuerySet

from campaigns.bulk import outcomes as bulk
from campaigns.models import Arm, BlockVersion, Campaign, FairnessReport, Message, Variant
from compliance import groups, packet
from compliance.models import Approval, Jurisdiction
from compliance.packet_schemas import of_rows
from personalize.models import Artefact, ModelStep

OUTCOMES = ("campaign", "side", "group", "clients", *bulk.COUNTS)
FAIRNESS = ("campaign", "model", "since", "until", "clients", "verdict", "findings", "limits", "made_by", "made_at")
SCHEMAS = {
    "outcomes.csv": of_rows("What came of it, by campaign, side and group", dict.fromkeys(OUTCOMES, "string")),
    "fairness.jsonl": of_rows("How alike groups were treated", {
        **dict.fromkeys(FAIRNESS, ""), "verdict": "string", "findings": "array", "clients": "integer",
    }),
    "claims/claims.jsonl": of_rows("Each statement of fact in a wording that was used, and what shows it", {
        "claim": "string", "evidence": "string", "as_of": "string", "until": "string", "block": "string",
        "number": "integer", "digest": "string", "texts": "array", "approvals": "array",
    }),
    "blocks/": of_rows("One wording of a block, and the one before it", {
        "block": "string", "number": "integer", "digest": "string", "slot": "string", "body": "string",
        "author": "string", "made_at": "string", "before": ["string", "null"], "claims": "array", "topics": "array",
    }, also=True),
    "models/": of_rows("A model, its card, and who let it take which step", {
        "use_case": "string", "version": "integer", "method": "string", "stage": "string", "sha256": "string",
        "owner": ["string", "null"], "validator": ["string", "null"], "findings": "string", "card": "object",
        "steps": "array",
    }, also=True),
}  # fmt: skip


def files(messages: QuerySet[Message]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """blocks/, claims/, models/, fairness.jsonl and outcomes.csv."""
    used = messages.order_by().exclude(variant=None).values("variant_id").distinct()
    texts: dict[int, set[str]] = defaultdict(set)
    for digest, parts in Variant.objects.filter(pk__in=used).values_list("digest", "versions"):
        for one in parts:
            texts[one].add(digest)
    found = BlockVersion.objects.filter(pk__in=list(texts)).select_related("block", "author")
    wordings = list(found.order_by("block__slug", "number"))
    for version in wordings:
        yield f"blocks/{version.block.slug}-{version.number}.json", iter([_json(_block(version))])
    yield "claims/claims.jsonl", (_json(one, line=True) for one in _claims(wordings, texts))
    chose = messages.order_by().exclude(artefact=None).values("artefact_id").distinct()
    models = Artefact.objects.filter(pk__in=chose).select_related("owner", "validator", "approved_by").order_by("pk")
    for model in models:
        told = _model(model)
        yield f"models/{model.sha256}/card.json", iter([_json(told)])
        yield f"models/{model.sha256}/card.md", iter([card(told).encode()])
    about = messages.order_by().values("campaign_id").distinct()
    reports = FairnessReport.objects.filter(campaign__in=about) | FairnessReport.objects.filter(artefact__in=chose)
    yield "fairness.jsonl", (_json(_report(one), line=True) for one in reports.distinct().order_by("pk"))
    yield "outcomes.csv", packet.table(OUTCOMES, _outcomes(messages))


def _block(version: BlockVersion) -> dict[str, Any]:
    before = version.block.versions.filter(number__lt=version.number).order_by("-number").first()
    named = {"block": version.block.slug, "name": version.block.name, "slot": version.block.slot}
    columns = {one.attname: getattr(version, one.attname) for one in version._meta.concrete_fields}
    return {**columns, **named, "author": version.author.username, "before": before and before.digest,
            "body_before": before and before.body}  # fmt: skip


def _claims(wordings: list[BlockVersion], texts: dict[int, set[str]]) -> Iterator[dict[str, Any]]:
    """Each claim of these wordings, in which texts it went out, and who approved it with its evidence before them."""
    given: dict[str, list[dict[str, Any]]] = defaultdict(list)
    yes = Approval.objects.filter(digest__in=[one.digest for one in wordings]).select_related("by").order_by("pk")
    for one in yes:
        given[one.digest].append({"review": one.item_id, "by": one.by.username, "at": one.at, "reason": one.reason})
    for version in wordings:
        for claim in version.claims:
            yield {
                "claim": claim.get("text", ""), "evidence": claim.get("evidence", ""), "as_of": claim.get("as_of", ""),
                "until": claim.get("until", ""), "block": version.block.slug, "number": version.number,
                "digest": version.digest, "texts": sorted(texts[version.pk]), "approvals": given[version.digest],
            }  # fmt: skip


def _model(model: Artefact) -> dict[str, Any]:
    columns = ("use_case", "version", "method", "stage", "sha256", "feature_version", "trained_by", "trained_at",
               "validated_at", "findings", "approved_at", "expires_at", "card")  # fmt: skip
    people = {name: getattr(model, name) and getattr(model, name).username
              for name in ("owner", "validator", "approved_by")}  # fmt: skip
    steps = ModelStep.objects.filter(artefact=model).order_by("pk")
    told = steps.values("to", "share", "digest", "evidence", "asked_by__username", "asked_at", "taken_by__username",
                        "taken_at")  # fmt: skip
    return {name: getattr(model, name) for name in columns} | people | {"steps": list(told)}


def card(told: dict[str, Any]) -> str:
    """A model's card to be read: who answers for it, who tried to prove it wrong, its steps, and every field."""
    lines = [
        f"# Model {told['version']} for {told['use_case']}", "",
        f"SHA-256 `{told['sha256']}`, trained {told['trained_at']:%Y-%m-%d} by {told['trained_by']}. "
        f"It is {told['stage']}. Owner: {told['owner'] or 'nobody'}. Validated by {told['validator'] or 'nobody'}: "
        f"{told['findings'] or 'nothing is on file'}", "", "## Steps", "",
        *(f"* {one['to']} asked by {one['asked_by__username']}, taken {one['taken_at'] or 'never'}; approvals are in "
          f"reviews.jsonl under {one['digest']}" for one in told["steps"]), "", "## Card", "",
    ]  # fmt: skip
    return "\n".join([*lines, *_told(told["card"], depth=0)]) + "\n"


def _told(value: Any, *, depth: int) -> Iterator[str]:
    """A value as a list of lists, as deep as it goes."""
    pairs = sorted(value.items()) if isinstance(value, dict) else [("", one) for one in value]
    for name, one in pairs:
        begun = f"{'  ' * depth}* {name.replace('_', ' ')}{': ' if name else ''}"
        if isinstance(one, dict | list) and one:
            yield begun.rstrip(": ")
            yield from _told(one, depth=depth + 1)
        else:
            yield f"{begun}{'none' if one in (None, '', [], {}) else one}"


def _report(one: FairnessReport) -> dict[str, Any]:
    kept = {name: getattr(one, name) for name in FAIRNESS if name not in ("campaign", "model")}
    return {**kept, "campaign": one.campaign and one.campaign.slug, "model": one.artefact and one.artefact.sha256}


def _outcomes(messages: QuerySet[Message]) -> Iterator[dict[str, Any]]:
    """Counts of clients: everybody, by market, and by protected group where a hundred or more are compared."""
    found = bulk.outcomes(messages)
    slugs = dict(Campaign.objects.filter(pk__in=np.unique(found["campaign"]).tolist()).values_list("pk", "slug"))
    for campaign in sorted(slugs, key=slugs.__getitem__):
        for number, arm in enumerate(bulk.ARMS):
            mine = found[(found["campaign"] == campaign) & (found["arm"] == number)]
            named = {"campaign": slugs[campaign], "side": Arm(arm).label}
            if not len(mine):
                continue
            yield {**named, "group": "everybody", **_counted(mine)}
            for place, code in enumerate(bulk.PLACES):
                if (there := mine["place"] == place).any():
                    yield {**named, "group": f"market: {Jurisdiction(code).label}", **_counted(mine[there])}
            yield from ({**named, **one} for one in _by_group(mine))


def _counted(rows: np.ndarray) -> dict[str, int]:
    return {"clients": len(rows), **{name: int(rows[name].sum()) for name in bulk.COUNTS}}


def _by_group(rows: np.ndarray) -> Iterator[dict[str, Any]]:
    """Of groups that are certain; probable ones are told as bounds in fairness.jsonl. Nobody's own group is read.

    messages.jsonl tells what came of each client, so a count that leads to few is left empty: see `groups.is_many`.
    """
    told: dict[tuple[str, str], dict[str, Any]] = {}
    clients = rows["client"].astype(np.int64)
    for name in bulk.COUNTS:
        whole = int(rows[name].sum())
        for one in groups.tally(clients, rows[name].astype(np.float64)):
            if one.probability == 1.0:
                row = told.setdefault((one.attribute, one.group), {"clients": one.n})
                count = round(one.total)
                row[name] = count if groups.is_many(count, one.n, whole, len(rows)) else ""
    for (attribute, group), counts in sorted(told.items()):
        yield {"group": f"{attribute}: {group}", **counts}


def _json(row: dict[str, Any], *, line: bool = False) -> bytes:
    text = json.dumps(row, default=packet.plain, sort_keys=True, ensure_ascii=False, indent=None if line else 1)
    return text.encode() + b"\n"
