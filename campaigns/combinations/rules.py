"""Combination rules: written, put before the reviewers, and compiled for the choice and the check of every message."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Max

from campaigns import wording
from campaigns.drafts import canonical
from campaigns.models import BlockVersion, CombinationRule
from compliance import ledger, review
from compliance.judging import quorum
from compliance.models import ReviewKind, Staff
from personalize.decide import combining

BINDS = ("approved", "expired")  # a restriction outlives the date on its approval: only people lift it
MARKET = "market_"
URGENT = "urgent"


class BadRule(ValueError):
    """The rule cannot be kept; the message says why. Nothing was written."""


@transaction.atomic
def draft(
    *, code: str, name: str, kind: str, body: dict[str, Any], why: str, by: Staff, at: datetime
) -> CombinationRule:
    """Write the next version of a rule and put it before the reviewers; it binds once two of them approve it.

    The same content gives the rule that is there. Raises BadRule.
    """
    if fault := combining.problems(kind, body):
        raise BadRule(fault)
    if not name.strip() or not why.strip():
        raise BadRule("A rule has a name, and says what it is for.")
    digest = hashlib.sha256(canonical({"code": code, "kind": kind, "body": body})).hexdigest()
    if known := CombinationRule.objects.filter(digest=digest).first():
        return known
    last = CombinationRule.objects.filter(code=code).aggregate(last=Max("version"))["last"] or 0
    made = CombinationRule.objects.create(
        code=code, version=last + 1, name=name.strip(), kind=kind, body=body, why=why.strip(), digest=digest,
        author=by, made_at=at,
    )  # fmt: skip
    review.submit(
        digest=digest,
        kind=ReviewKind.COMBINATION_RULE,
        title=f"{made.name} (version {made.version})",
        snapshot={
            "title": made.name,
            "about": f"combination-rule:{code}",
            "parts": {"rule": sentence(kind, body), "why": made.why, "content": json.dumps(body, indent=2)},
        },
        topics=[],
        findings=[],
        authors=[by],
        reason="A rule about which blocks may meet binds every message.",
        approvals_needed=2,
        by=by,
        at=at,
    )
    facts = {"code": code, "version": made.version, "digest": digest}
    ledger.record("combination_rule.drafted", by=by, at=at, about=f"combination_rule:{made.pk}", facts=facts)
    return made


def in_force(*, at: datetime) -> list[CombinationRule]:
    """The newest version of each rule that was approved and not taken back, by code."""
    rows = list(CombinationRule.objects.order_by("code", "version"))
    standing = review.standing([one.digest for one in rows], at=at)
    newest = {one.code: one for one in rows if standing.get(one.digest) in BINDS}
    return list(newest.values())


def snapshot(*, at: datetime) -> list[dict[str, Any]]:
    """The rules in force as a run's plan keeps them."""
    return [
        {"code": one.code, "version": one.version, "digest": one.digest, "kind": one.kind, "body": one.body}
        for one in in_force(at=at)
    ]


def facts(version: BlockVersion, *, urgent: bool) -> dict[str, Any]:
    """What rules may ask of a candidate, as a run's plan keeps it; version with its block."""
    marks = {URGENT: urgent, "link": bool(version.url), "claim": bool(version.claims), "picture": bool(version.image)}
    return {
        "product": sorted(quorum.PRODUCTS & set(version.topics)),
        "market": sorted(one.removeprefix(MARKET) for one in version.topics if one.startswith(MARKET)),
        "is": sorted(name for name, yes in marks.items() if yes),
        "length": wording.parse(version.body).longest,
    }


def compiled(plan: dict[str, Any]) -> combining.Compiled:
    """The plan's rules over its slots; plans made before there were rules have none."""
    rules = plan.get("rules") or []
    if not rules:
        return NOTHING
    asked = ("digest", "block", "topics", "framing", "language", "product", "market", "is", "length")
    slots = [
        [slot["slot"], [{name: one.get(name) for name in asked} for one in slot["candidates"]]]
        for slot in plan["slots"]
    ]
    return _compiled(json.dumps([rules, slots, plan["channel"]]))


NOTHING = combining.Compiled((), {}, (), ())


@lru_cache(maxsize=64)
def _compiled(key: str) -> combining.Compiled:
    rules, slots, channel = json.loads(key)
    return combining.compile_rules(
        [combining.Rule(one["code"], one["kind"], one["body"]) for one in rules],
        [[_block(slot, one) for one in candidates] for slot, candidates in slots],
        channel=channel,
    )


def _block(slot: str, one: dict[str, Any]) -> combining.Block:
    said = {
        "slot": [slot], "block": [one["block"]], "topic": one["topics"], "framing": [one["framing"]],
        "language": [one["language"].split("-")[0]], "product": one["product"], "market": one["market"],
        "is": one["is"],
    }  # fmt: skip
    return combining.Block({name: frozenset(words or ()) for name, words in said.items()}, one["length"] or 0)


def broken(plan: dict[str, Any], choice: Sequence[int]) -> str:
    """The code of the first rule that this choice breaks; "" when it breaks none."""
    table = compiled(plan)
    if table.is_empty:
        return ""
    number = int(combining.violated(table, np.array([choice]))[0])
    return table.codes[number] if number >= 0 else ""


def sentence(kind: str, body: dict[str, Any]) -> str:
    """The rule in words."""
    if kind == "excludes":
        return f"No message has both {_said(body['a'])} and {_said(body['b'])}."
    if kind == "requires":
        return f"A message with {_said(body['when'])} also has {_said(body['then'])}."
    if kind == "order":
        return f"{_said(body['first']).capitalize()} never stands after {_said(body['then'])}."
    if kind == "at_most":
        return f"A message has at most {body['most']} {_said(body['of']).removeprefix('a ')}."
    if kind == "length":
        return f"A message by {body['channel']} has at most {body['most']:,} characters."
    if kind == "agree":
        return f"The blocks of a message that state a {body['on']} share one."
    lists = "; or ".join(", ".join(one) for one in body["together"])
    return f"The framings of a message lie within: {lists}."


def _said(selector: dict[str, list[str]]) -> str:
    said = {"is": "marked"}
    named = [f"{said.get(name, f'with {name}')} {' or '.join(words)}" for name, words in selector.items()]
    return f"a block {' and '.join(named)}".replace("_", " ")
