"""One trigger writes a row's image and, where the table has one, its history row: same moment, same writer.

django-simple-history sees neither `update()`, `bulk_create` nor SQL; a trigger sees all of them, so the reading view
lacks nothing that the ledger has. Its own writing is switched off in the settings (SIMPLE_HISTORY_ENABLED).
"""

from django.db import migrations

KEEP = """
create or replace function compliance_keep_image() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    left_out text[] := tg_argv[1]::text[];
    secret bytea;
    who text := coalesce(current_setting('app.actor', true), '');
    happened timestamptz := clock_timestamp();
    history regclass := to_regclass(regexp_replace(tg_table_name, '^([a-z]+)_', '\\1_historical'));
    kept text;
begin
    if left_out <> '{}' then
        secret := (select key from compliance_imagekey);
    end if;
    insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest)
    select 0, happened, 'row.' || lower(tg_op), who, '', tg_table_name || ':' || (one.image ->> tg_argv[0]),
        case when left_out = '{}' then one.image else (one.image - left_out) || jsonb_build_object(
            'row_hash', encode(sha256(secret || convert_to(one.row_text, 'UTF8')), 'hex')
        ) end,
        ''
    from (select to_jsonb(r) as image, r::text as row_text from images r) one;
    if history is not null then
        kept := (
            select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
            where attrelid = history and attnum > 0 and not attisdropped and attname not in
                ('history_id', 'history_date', 'history_change_reason', 'history_type', 'history_user_id')
        );
        execute format(
            'insert into %s (%s, history_date, history_type, history_user_id) select %s, $1, $2, $3 from images',
            history, kept, kept
        ) using happened, case tg_op when 'INSERT' then '+' when 'UPDATE' then '~' else '-' end,
            (select id from compliance_staff where id = substring(who from '^staff:(\\d{1,18})$')::bigint);
    end if;
    return null;
end $$;

-- From here on history rows and row images must agree; see compliance/history.py.
insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest)
values (0, clock_timestamp(), 'history.begun', 'system:migrate', '', 'history', '{}', '');
"""
OLD = """
create or replace function compliance_keep_image() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    left_out text[] := tg_argv[1]::text[];
    secret bytea;
    who text := coalesce(current_setting('app.actor', true), '');
    happened timestamptz := clock_timestamp();
begin
    if left_out <> '{}' then
        secret := (select key from compliance_imagekey);
    end if;
    insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest)
    select 0, happened, 'row.' || lower(tg_op), who, '', tg_table_name || ':' || (one.image ->> tg_argv[0]),
        case when left_out = '{}' then one.image else (one.image - left_out) || jsonb_build_object(
            'row_hash', encode(sha256(secret || convert_to(one.row_text, 'UTF8')), 'hex')
        ) end,
        ''
    from (select to_jsonb(r) as image, r::text as row_text from images r) one;
    return null;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0014_an_entry_says_when_and_by_which_login_it_was_written")]
    operations = [migrations.RunSQL(KEEP, OLD)]
