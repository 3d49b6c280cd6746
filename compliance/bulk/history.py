"""Does the reading view (django-simple-history's tables) say what the ledger says?"""

from django.db import connection
from psycopg import sql

# (table, history table, its key): a table `app_historicalmodel` is the history of `app_model`.
HISTORIED = """
select b.relname, h.relname, k.attname
from pg_class h
join pg_class b on b.relnamespace = h.relnamespace
    and b.relname = regexp_replace(h.relname, '^([a-z]+)_historical', '\\1_')
join pg_index i on i.indrelid = b.oid and i.indisprimary
join pg_attribute k on k.attrelid = b.oid and k.attnum = i.indkey[0]
where h.relnamespace = 'public'::regnamespace and h.relkind = 'r' and h.relname ~ '^[a-z]+_historical'
order by 1
"""
# Histories are compared from the entry on with which the database began to write them.
DIFFERENCES = """
with begun as (
    select coalesce(max(id), 0) as entry, coalesce(max(recorded_at), '-infinity') as at
    from compliance_ledgerentry
    where kind = 'history.begun'
), images as (
    select e.id as entry, e.about, e.at, e.kind, e.facts - 'row_hash' as image
    from compliance_ledgerentry e cross join begun
    where e.about like {prefix} and starts_with(e.kind, 'row.') and e.id > begun.entry
), told as (
    select h.history_id, {table} || ':' || h.{key} as about, h.history_date as at,
        case h.history_type when '+' then 'row.insert' when '~' then 'row.update' else 'row.delete' end as kind,
        to_jsonb(h) as image
    from {history} h cross join begun
    where h.history_date > begun.at
)
select about, case
    when i.entry is null then 'its history row of ' || at || ' has no ledger entry'
    when t.history_id is null then 'ledger entry ' || i.entry || ' has no history row'
    else 'its history row says something else than ledger entry ' || i.entry
end
from images i full join told t using (about, at, kind)
where i.entry is null or t.history_id is null or not t.image @> i.image
order by 1, 2
limit {limit}
"""

# Every recorded table: rows that came minus rows that went, as their images say.
TOLD = """
select split_part(about, ':', 1),
    count(*) filter (where kind = 'row.insert') - count(*) filter (where kind = 'row.delete')
from compliance_ledgerentry
where kind in ('row.insert', 'row.delete')
group by 1
order by 1
"""


def historied() -> list[tuple[str, str, str]]:
    """(table, its history table, its key) of every table with a history."""
    with connection.cursor() as cursor:
        cursor.execute(HISTORIED)
        return cursor.fetchall()


def history_differences(*, limit: int) -> list[tuple[str, str]]:
    """(thing, what is wrong) where a history row and a row image do not go together; `limit` of each table."""
    found: list[tuple[str, str]] = []
    for table, history, key in historied():
        asked = sql.SQL(DIFFERENCES).format(
            prefix=sql.Literal(f"{table}:%"),
            table=sql.Literal(table),
            key=sql.Identifier(key),
            history=sql.Identifier(history),
            limit=sql.Literal(limit),
        )
        with connection.cursor() as cursor:
            cursor.execute(asked.as_string(connection.connection))
            found += cursor.fetchall()
    return found


def rows_astray() -> list[tuple[str, int, int]]:
    """(table, rows that its images in the ledger tell of, rows there) of every recorded table where they differ.

    A table that images name and that is not there has -1 rows.
    """
    found = []
    with connection.cursor() as cursor:
        cursor.execute(TOLD)
        for table, told in cursor.fetchall():
            cursor.execute("select to_regclass(%s) is not null", [f"public.{table}"])
            there = -1
            if cursor.fetchone()[0]:
                cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table)))
                there = cursor.fetchone()[0]
            if there != told:
                found.append((table, told, there))
    return found
