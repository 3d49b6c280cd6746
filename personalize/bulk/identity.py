"""SQL of identity: who an id belongs to, locked so that a merge cannot pass by."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from personalize.bulk.events import cursor, texts

# One at a time may create clients; batches of known clients never wait for it.
CREATION_LOCK = 740_201

FIND = """
with found as (
    select 'user' as kind, client.user_id as value, client.id
    from compliance_client as client
    where client.user_id = any(array(select json_array_elements_text(%(users)s::json)))
    union all
    select identity.kind, identity.value, identity.client_id
    from personalize_identity as identity
    where identity.kind = 'user'
      and identity.value = any(array(select json_array_elements_text(%(users)s::json)))
    union all
    select identity.kind, identity.value, identity.client_id
    from personalize_identity as identity
    where identity.kind = 'anonymous'
      and identity.value = any(array(select json_array_elements_text(%(anonymous)s::json)))
)
select found.kind, found.value, client.id, client.user_id, client.email, client.merged_into_id
from found
join compliance_client as client on client.id = found.id
order by client.id
for key share of client
"""

HOLD = """
select '' as kind, '' as value, id, user_id, email, merged_into_id
from compliance_client
where id = any(%(ids)s)
order by id
for key share
"""

CREATE = """
insert into compliance_client
    (ref, user_id, email, first_name, last_name, language, timezone, jurisdiction, first_seen_at)
select given.ref, given.user_id, '', '', '', 'en', %(timezone)s, %(jurisdiction)s, given.at
from unnest(%(refs)s::uuid[], %(user_ids)s::text[], %(ats)s::timestamptz[]) as given (ref, user_id, at)
returning id, ref
"""

PROMOTE = """
update compliance_client as client
set user_id = given.user_id
from unnest(%(ids)s::bigint[], %(user_ids)s::text[]) as given (id, user_id)
where client.id = given.id
  and client.user_id is null
"""

LINK = """
insert into personalize_identity (source_id, kind, value, client_id, at)
select %(source)s, 'anonymous', given.value, given.client_id, given.at
from unnest(%(values)s::text[], %(clients)s::bigint[], %(ats)s::timestamptz[]) as given (value, client_id, at)
on conflict (kind, value) do nothing
"""

DEVICES = """
select client_id, count(*)
from personalize_identity
where kind = 'anonymous'
  and client_id = any(%(ids)s)
group by client_id
"""


def lock_creation() -> None:
    """Wait for the right to create clients; held until the transaction ends."""
    with cursor() as sql:
        sql.execute("select pg_advisory_xact_lock(%(key)s)", {"key": CREATION_LOCK}, prepare=True)


class Held(NamedTuple):
    """One client found by an id, locked against a merge until the transaction ends."""

    kind: str
    value: str
    client: int
    user_id: str | None
    email: str
    merged_into: int | None


def find(users: Sequence[str], anonymous: Sequence[str]) -> list[Held]:
    """Who the user ids and anonymous ids name, locked in the order of their rows; merges are not followed yet."""
    with cursor() as sql:
        sql.execute(FIND, {"users": texts(users), "anonymous": texts(anonymous)}, prepare=True)
        return [Held(*row) for row in sql.fetchall()]


def hold(ids: Sequence[int]) -> list[Held]:
    """Lock further clients in the same way."""
    with cursor() as sql:
        sql.execute(HOLD, {"ids": list(ids)}, prepare=True)
        return [Held(*row) for row in sql.fetchall()]


def create(
    refs: Sequence[UUID], user_ids: Sequence[str | None], ats: Sequence[datetime], *, jurisdiction: str, timezone: str
) -> dict[UUID, int]:
    """Insert clients; their ids by ref."""
    values = {"refs": list(refs), "user_ids": list(user_ids), "ats": list(ats)}
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(CREATE, {**values, "jurisdiction": jurisdiction, "timezone": timezone}, prepare=True)
        return {ref: one for one, ref in sql.fetchall()}


def promote(known: dict[int, str]) -> None:
    """Give anonymous clients the user id they signed in with."""
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(PROMOTE, {"ids": list(known), "user_ids": list(known.values())}, prepare=True)


def link(source_id: int | None, links: Sequence[tuple[str, int, datetime]]) -> None:
    """Remember which client an anonymous id belongs to; the first owner keeps it."""
    values, clients, ats = (list(column) for column in zip(*links, strict=True))
    with connection.wrap_database_errors, cursor() as sql:
        sql.execute(LINK, {"source": source_id, "values": values, "clients": clients, "ats": ats}, prepare=True)


def devices(ids: Sequence[int]) -> dict[int, int]:
    """How many anonymous ids each of the clients has."""
    with cursor() as sql:
        sql.execute(DEVICES, {"ids": list(ids)}, prepare=True)
        return dict(sql.fetchall())
