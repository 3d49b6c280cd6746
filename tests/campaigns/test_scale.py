"""With clients kept apart by their key, a decision that somebody waits for asks one partition of each table."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from psycopg import sql

from campaigns import serving
from campaigns.bulk import live as bulk
from compliance.access import bearers
from compliance.web import acting
from personalize import profiles
from tests import owner
from tests.campaigns.shortly import SECRET, kept_as, short
from tests.campaigns.test_serving import may_see_web, web
from tests.campaigns.world import World

# Every table with rows of single clients that a decision reads or writes, but the client's own, found by their userId.
OF_CLIENTS = (
    "campaigns_message", "compliance_consentstate", "compliance_preference", "personalize_attribute",
    "personalize_event", "personalize_profile",
)  # fmt: skip
PARTS = 4
SPLIT = """
alter table {table} rename to {whole};
create table {table} (like {whole} including defaults) partition by hash (client_id);
create index on {table} (client_id)
"""
PART = "create table {part} partition of {table} for values with (modulus {parts}, remainder {number})"


def split(table: str) -> None:
    """Partition a table by its client, in this transaction; the rows come along."""
    whole, named = sql.Identifier(f"{table}_whole"), sql.Identifier(table)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(SPLIT).format(table=named, whole=whole))
        for number in range(PARTS):
            part = sql.Identifier(f"{table}_{number}")
            cursor.execute(sql.SQL(PART).format(part=part, table=named, parts=PARTS, number=number))
        cursor.execute(sql.SQL("insert into {} overriding system value select * from {}").format(named, whole))


def touched(statement: str, asked: Mapping[str, Any]) -> dict[str, set[str]]:
    """Which partitions of each table the statement looked into or wrote, by EXPLAIN ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, format json) {statement}", asked)
        (found,) = cursor.fetchone()
    plan = found if isinstance(found, list) else json.loads(found)
    seen: dict[str, set[str]] = {}
    waiting = [plan[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        table, _, part = node.get("Relation Name", "").rpartition("_")
        if table in OF_CLIENTS and part.isdigit() and node["Actual Loops"]:
            seen.setdefault(table, set()).add(part)
    return seen


def test_a_decision_asks_one_partition_of_each_table(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = bearers.give(
        world.marketer, name="page", scopes=["build_campaigns"], expires_at=None, by=world.marketer, at=world.at,
        secret=SECRET,
    )  # fmt: skip
    bearers.used(made, at=world.at)
    people = [may_see_web(world, world.client(number, goal="house", risk_tolerance="growth")) for number in range(1, 9)]
    campaign = web(world)
    profiles.refresh(at=world.at)
    for one in people:
        serving.fill(one, campaign, channel="web", at=world.at)
    short(people[0].user_id, at=world.at)  # this process may remember another run of the place
    asked: list[tuple[str, Mapping[str, Any]]] = []
    inner, outer = bulk.contact.pads()
    read, keep = bulk.read, bulk.keep

    def reads(statement: str, given: Mapping[str, Any]) -> Any:
        asked.append((statement, {**given, "inner": inner, "outer": outer}))
        return read(statement, given)

    def keeps(row: Mapping[str, Any], *, is_shown: bool, **more: Any) -> bool:
        asked.append((bulk._keep(is_shown), {**row, **more, "inner": inner, "outer": outer}))
        return keep(row, is_shown=is_shown, **more)

    monkeypatch.setattr(bulk, "read", reads)
    monkeypatch.setattr(bulk, "keep", keeps)
    shown = [kept_as(short(one.user_id, at=world.at)) for one in people[:3]]
    assert len(shown) == 3
    assert len(asked) == 2 * len(shown)

    with acting("system:test"), owner.as_owner():
        for table in OF_CLIENTS:
            split(table)
        with connection.cursor() as cursor:  # joins of tables of eight rows are taken for what millions would get
            cursor.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
        parts = []
        for statement, given in asked:
            given = {**given, "id": None} if "id" not in given else {**given, "id": f"{given['id']}"}
            parts.append(touched(statement, given))

    assert all(len(one) == 1 for found in parts for one in found.values())
    looked_at = {table for found in parts for table in found}
    assert looked_at >= {"compliance_consentstate", "personalize_attribute", "personalize_event", "personalize_profile"}
