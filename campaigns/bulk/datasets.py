"""COPY and SQL for public data sets: tens of thousands of rows in seconds."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from compliance.bulk import planner

__all__ = ["Jsonb", "copy", "describe"]

# table: columns and their types, in COPY order
TABLES = {
    "personalize_attribute": {
        "client_id": "int8", "key": "varchar", "origin": "varchar", "value": "jsonb", "source": "varchar",
        "at": "timestamptz",
    },
    "personalize_event": {
        "source_id": "int8", "message_id": "varchar", "client_id": "int8", "type": "varchar", "name": "varchar",
        "properties": "jsonb", "context": "jsonb", "occurred_at": "timestamptz", "received_at": "timestamptz",
    },
    "personalize_outcome": {
        "client_id": "int8", "kind": "varchar", "value": "float8", "at": "timestamptz", "source": "varchar",
    },
    "compliance_consentevent": {
        "id": "uuid", "client_id": "int8", "purpose": "varchar", "channel": "varchar", "jurisdiction": "varchar",
        "action": "varchar", "basis": "varchar", "wording_id": "int8", "surface": "varchar", "mechanism": "varchar",
        "occurred_at": "timestamptz", "recorded_at": "timestamptz", "actor": "varchar", "evidence": "jsonb",
    },
    "campaigns_message": {
        "id": "uuid", "run_id": "int8", "campaign_id": "int8", "client_id": "int8", "channel": "varchar",
        "arm": "varchar", "state": "varchar", "reason": "varchar", "choice": "int2[]", "closed": "bytea",
        "propensity": "float8", "slot_propensity": "float8[]", "policy": "varchar", "reasons": "int2[]",
        "reason_values": "float8[]", "features": "bytea", "feature_version": "int2", "merge": "jsonb",
        "address": "varchar", "decided_at": "timestamptz", "due_at": "timestamptz", "attempts": "int2",
        "intent_at": "timestamptz", "sent_at": "timestamptz", "reply": "varchar",
    },
}  # fmt: skip

DESCRIBE = """
update compliance_client
set email = given.email,
    jurisdiction = %(jurisdiction)s,
    timezone = %(timezone)s
from unnest(%(ids)s::bigint[], %(emails)s::text[]) as given (id, email)
where compliance_client.id = given.id
"""


def copy(table: str, rows: Iterable[Sequence[Any]]) -> int:
    """COPY rows into one of TABLES, values in the order of its columns; how many were written."""
    columns = TABLES[table]
    written = 0
    with connection.cursor() as cursor:
        cursor.execute("select 1")  # lets `acting` stamp the connection, which COPY by itself would not
        with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin (format binary)") as into:
            into.set_types(list(columns.values()))
            for row in rows:
                into.write_row(row)
                written += 1
    planner.analyse(table)
    return written


def describe(ids: Sequence[int], emails: Sequence[str], *, jurisdiction: str, timezone: str) -> None:
    """Give clients an address, a law and a time zone."""
    values = {"ids": list(ids), "emails": list(emails), "jurisdiction": jurisdiction, "timezone": timezone}
    with connection.cursor() as cursor:
        cursor.execute(DESCRIBE, values)
    planner.analyse("compliance_client")
