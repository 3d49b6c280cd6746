"""What each file of a packet holds, as JSON Schema 2020-12; verify.py holds every row against it."""

from collections.abc import Collection
from typing import Any

from django.db import models

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KINDS = {
    "BooleanField": "boolean", "FloatField": "number", "AutoField": "integer", "BigAutoField": "integer",
    "IntegerField": "integer", "BigIntegerField": "integer", "SmallIntegerField": "integer",
    "PositiveIntegerField": "integer", "PositiveSmallIntegerField": "integer", "PositiveBigIntegerField": "integer",
    "ForeignKey": "", "OneToOneField": "", "JSONField": "", "ArrayField": "array",
}  # fmt: skip
TEXT, NUMBER, YES, LIST, MAP = "string", "integer", "boolean", "array", "object"


def of_rows(title: str, facts: dict[str, Any], *, also: bool = False) -> dict[str, Any]:
    """A schema of rows with these fields: a type, or a list of types where null stands for none; "" is anything.

    also  whether a row may have more than these
    """
    fields = {name: {"type": kind} if kind else {} for name, kind in facts.items()}
    return {
        "$schema": DRAFT, "title": title, "type": "object", "properties": fields, "required": sorted(fields),
        "additionalProperties": also,
    }  # fmt: skip


def inside(facts: dict[str, Any]) -> dict[str, Any]:
    """The same of an object that stands in a row."""
    return {name: one for name, one in of_rows("", facts).items() if name not in ("$schema", "title")}


def of_model(model: type[models.Model], names: Collection[str]) -> dict[str, Any]:
    """A schema of a table's rows."""
    told = {}
    for one in model._meta.concrete_fields:
        if one.attname in names:
            kind = KINDS.get(one.get_internal_type(), TEXT)
            told[one.column] = [kind, "null"] if kind and one.null else kind
    return of_rows(str(model._meta.verbose_name_plural), told)


ENTRY = of_rows(
    "What was done, in order", {"digest": TEXT, "entry": LIST, "leaf": [NUMBER, "null"], "proof": LIST}
)  # fmt: skip
ENTRY["required"] = ["digest", "entry", "leaf"]
APPROVALS = (
    "review", "digest", "kind", "title", "round", "by", "role", "at", "reason", "covers", "competence", "stands",
    "until",
)  # fmt: skip
OURS: dict[str, dict[str, Any]] = {
    "approvals.csv": of_rows("Each yes to exact words, and who could give it", dict.fromkeys(APPROVALS, TEXT)),
    "certificates.jsonl": of_rows("What lets a client be told of non-mass-market investments", {
        "client_ref": TEXT, "kind": TEXT, "words": TEXT, "signed_on": TEXT, "until": TEXT, "evidence": TEXT,
        "recorded_by": TEXT, "recorded_at": TEXT, "ended_on": [TEXT, "null"], "ended_by": [TEXT, "null"],
    }),
    "reviews.jsonl": of_rows("Decisions about exact words", {
        "id": NUMBER, "digest": TEXT, "kind": TEXT, "title": TEXT, "state": TEXT, "snapshot": MAP, "topics": LIST,
        "findings": LIST, "submitted_by": TEXT, "decided_by": [TEXT, "null"], "decided_at": [TEXT, "null"],
        "decision_reason": TEXT, "approvals": LIST,
    }, also=True),
    "incidents.jsonl": of_rows("Breaches, complaints, kill switches, withdrawals", {"what": TEXT}, also=True),
    "processing/purposes.jsonl": of_rows("The record of processing, by purpose", {
        "purpose": TEXT, "name": TEXT, "version": NUMBER, "processing": MAP, "bases": MAP, "digest": TEXT,
    }, also=True),
    "processing/tables.jsonl": of_rows("What each table holds of people", {
        "table": TEXT, "what": TEXT, "why": TEXT, "fields": LIST, "keep_days": [NUMBER, "null"], "on_erasure": TEXT,
        "ground": TEXT,
    }),
    "rules/topics.jsonl": of_rows("Sensitive topics", {
        "code": TEXT, "name": TEXT, "covers": TEXT, "approvals": NUMBER, "officers": NUMBER,
    }, also=True),
    "rules/copy_rules.jsonl": of_rows("Copy rules, every version", {
        "code": TEXT, "version": NUMBER, "family": TEXT, "severity": TEXT, "citation": TEXT, "text": TEXT,
    }, also=True),
    "ledger/entries.jsonl": ENTRY,
    "ledger/nodes.jsonl": of_rows("Hashes of the parts of the tree that hold no entry of this packet", {
        "start": NUMBER, "size": NUMBER, "hash": TEXT,
    }),
    "manifest.json": of_rows("What is in this packet", {
        "format": NUMBER, "firm": TEXT, "scope": MAP, "checkpoint_size": NUMBER, "ledger_key": TEXT, "schemas": MAP,
        "files": LIST,
    }),
}  # fmt: skip


def name_of(path: str) -> str:
    """Where the schema of a file, or of the files of a folder ("texts/"), stands in the packet."""
    plain = path.strip("/").removesuffix(".jsonl").removesuffix(".json").replace("/", ".")
    return f"schema/{plain}.json"
