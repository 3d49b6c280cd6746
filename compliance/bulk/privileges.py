"""Who may do what to which table: questions about PostgreSQL's roles, and the grants that `prepare` brings about."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, ProgrammingError, connection, transaction
from psycopg import sql

# What a table's comment says its rows may suffer at the application's hands; without one, everything but TRUNCATE.
MARK = "application may "
EVERYTHING = "select, insert, update, delete"

TABLES = """
select c.oid::regclass::text, n.nspname, c.relname,
    case when c.relkind = 'S' or c.relname ~ '^[a-z]+_historical' then 'select' else  -- triggers write history
        coalesce(substring(obj_description(c.oid, 'pg_class') from %(mark)s || '(.*)'), %(everything)s)
    end,
    coalesce((
        select string_agg(lower(a.privilege_type), ', ') from aclexplode(c.relacl) a
        where a.grantee = to_regrole(%(role)s)::oid
    ), '')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s)
    and (c.relkind in ('r', 'p', 'v', 'm') or c.relkind = 'S' and n.nspname = 'pgmq')  -- which counts by its sequences
order by 1
"""
SCHEMAS = """
select nspname, has_schema_privilege(%(role)s, oid, 'usage') from pg_namespace where nspname = any(%(schemas)s)
"""
OWNED = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and pg_has_role(current_user, c.relowner, 'usage')
"""
DEFAULTS = """
select exists (
    select from pg_default_acl d cross join lateral aclexplode(d.defaclacl) a
    where d.defaclobjtype = 'r' and d.defaclnamespace = 'public'::regnamespace
        and d.defaclrole = current_user::regrole and a.grantee = %(role)s::regrole
)
"""
MAY_MAKE_ROLES = "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
EXISTS = "select exists (select from pg_roles where rolname = %(role)s)"


def owned() -> int:
    """How many of our tables this connection's role owns, or could act as the owner of. The application's must be 0."""
    return int(_one(OWNED))


def role_exists(role: str) -> bool:
    """Whether the cluster knows this role."""
    return bool(_one(EXISTS, role=role))


def may_make_roles() -> bool:
    """Whether this connection may make logins."""
    return bool(_one(MAY_MAKE_ROLES))


def make_role(role: str, *, password: str = "") -> None:
    """Make a role that owns nothing, or give an existing one this password; a login only when there is a password."""
    kind = sql.SQL("login password {}").format(sql.Literal(password)) if password else sql.SQL("nologin")
    make = sql.SQL("create role {} nosuperuser nocreatedb nocreaterole noreplication nobypassrls {}")
    if not role_exists(role):
        try:
            with transaction.atomic():
                _do(make.format(sql.Identifier(role), kind))
        except (ProgrammingError, IntegrityError):
            # Roles belong to the cluster: another database's `prepare` may have made it in this very moment.
            if not role_exists(role):
                raise
    elif password:
        _do(sql.SQL("alter role {} {}").format(sql.Identifier(role), kind))


def tables(role: str, *, schemas: tuple[str, ...] = ("public",)) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """(name for SQL, bare name, privileges the table's comment allows the application, those `role` has)."""
    asked = {"role": role, "schemas": list(schemas), "mark": MARK, "everything": EVERYTHING}
    with connection.cursor() as cursor:
        cursor.execute(TABLES, asked)
        rows = cursor.fetchall()
    for name, _, bare, may, has in rows:
        yield name, bare, _set(may), _set(has)


def allow(role: str, table: str, privileges: set[str], *, columns: tuple[str, ...] = ()) -> None:
    """Make these the role's privileges on a table (on these columns alone, where columns are named)."""
    target, who = sql.SQL(table), sql.Identifier(role)  # the name comes from regclass, which quotes it
    _do(sql.SQL("revoke all on {} from {}").format(target, who))
    if privileges:
        given: sql.Composable = sql.SQL(", ".join(sorted(privileges)))
        if columns:
            given += sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
        _do(sql.SQL("grant {} on {} to {}").format(given, target, who))


def allow_schemas(role: str, schemas: tuple[str, ...]) -> None:
    """Let the role look into these schemas, where they exist."""
    with connection.cursor() as cursor:
        cursor.execute(SCHEMAS, {"role": role, "schemas": list(schemas)})
        closed = [name for name, usage in cursor.fetchall() if not usage]
    for name in closed:
        _do(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(name), sql.Identifier(role)))


def allow_functions(role: str, functions: tuple[str, ...]) -> None:
    """Let the role call these functions, written as "schema.name(types)", where there are such."""
    may = "select has_function_privilege(%(role)s, to_regprocedure(%(function)s)::oid, 'execute')"  # null: no such one
    for one in functions:
        if _one(may, role=role, function=one) is False:
            _do(sql.SQL("grant execute on function {} to {}").format(sql.SQL(one), sql.Identifier(role)))


def allow_by_default(role: str) -> None:
    """Cover tables that this owner makes later, until the next `prepare` narrows them to what their comments say."""
    if not _one(DEFAULTS, role=role):
        given = "alter default privileges in schema public grant select, insert, update, delete on tables to {}"
        _do(sql.SQL(given).format(sql.Identifier(role)))


@contextmanager
def connected_as(login: dict[str, Any] | None) -> Iterator[None]:
    """For the block, Django's connection is this login's (a DATABASES entry); None changes nothing."""
    before = connection.settings_dict
    if login is None:
        yield
        return
    names = ("HOST", "PORT", "NAME", "USER", "PASSWORD")
    connection.close()
    connection.settings_dict = {**before, **{name: login[name] for name in names}}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before


def _set(privileges: str) -> set[str]:
    return {one.strip() for one in privileges.split(",") if one.strip() not in ("", "nothing")}


def _one(question: str, **params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question, params)
        return cursor.fetchone()[0]


def _do(statement: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(connection.connection))
