"""The database's own clock and login stand in every entry, and only triggers write row images.

`at` is what the application told, `recorded_at` and `login` cannot be told. Old entries keep their canonical bytes:
those of new ones have two more texts at the end.
"""

from django.db import migrations, models

BYTES = """
create or replace function compliance_ledger_bytes(entry compliance_ledgerentry) returns bytea language plpgsql stable as $$
declare
    happened text := to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    told text := entry.facts::text;
    written text := to_char(entry.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
begin
    return convert_to(
        length(entry.id::text) || ':' || entry.id || length(entry.xid::text) || ':' || entry.xid
        || length(happened) || ':' || happened || octet_length(entry.kind) || ':' || entry.kind
        || octet_length(entry.actor) || ':' || entry.actor || octet_length(entry.request) || ':' || entry.request
        || octet_length(entry.about) || ':' || entry.about || octet_length(told) || ':' || told
        || coalesce(length(written) || ':' || written || octet_length(entry.login) || ':' || entry.login, ''), 'UTF8');
end $$;
"""
COMPLETE = """
create or replace function compliance_ledger_complete() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    refused text;
    said text := current_setting('app.actor', true);
begin
    new.xid := pg_current_xact_id()::text::bigint;
    new.recorded_at := clock_timestamp();
    new.login := session_user;
    new.request := coalesce(nullif(new.request, ''), current_setting('app.request', true), '');
    if coalesce(new.actor, '') = '' then
        refused := 'nobody_writes_without_saying_who';
    elsif starts_with(new.kind, 'row.') and not has_table_privilege(tg_relid, 'trigger') then
        refused := 'only_triggers_write_row_images';  -- they run with the owner's rights
    elsif starts_with(new.actor, 'staff:') and starts_with(said, 'staff:') and said <> new.actor then
        refused := 'nobody_signs_for_another';
    end if;
    if refused is not null then
        raise exception using errcode = 'check_violation', message = refused, constraint = refused,
            table = 'compliance_ledgerentry',
            hint = 'Wrap the work in compliance.web.acting("..."), or run: set app.actor = ''staff:<number>''';
    end if;
    new.digest := sha256(compliance_ledger_bytes(new));
    return new;
end $$;
"""
OLD_BYTES = """
create or replace function compliance_ledger_bytes(entry compliance_ledgerentry) returns bytea language plpgsql stable as $$
declare
    happened text := to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    told text := entry.facts::text;
begin
    return convert_to(
        length(entry.id::text) || ':' || entry.id || length(entry.xid::text) || ':' || entry.xid
        || length(happened) || ':' || happened || octet_length(entry.kind) || ':' || entry.kind
        || octet_length(entry.actor) || ':' || entry.actor || octet_length(entry.request) || ':' || entry.request
        || octet_length(entry.about) || ':' || entry.about || octet_length(told) || ':' || told, 'UTF8');
end $$;
"""
OLD_COMPLETE = """
create or replace function compliance_ledger_complete() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    new.xid := pg_current_xact_id()::text::bigint;
    new.request := coalesce(nullif(new.request, ''), current_setting('app.request', true), '');
    if coalesce(new.actor, '') = '' then
        raise exception using errcode = 'check_violation', message = 'nobody_writes_without_saying_who',
            constraint = 'nobody_writes_without_saying_who', table = 'compliance_ledgerentry',
            hint = 'Wrap the work in compliance.web.acting("..."), or run: set app.actor = ''staff:<number>''';
    end if;
    new.digest := sha256(compliance_ledger_bytes(new));
    return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0013_bank_holidays")]
    operations = [
        migrations.AddField("ledgerentry", "recorded_at", models.DateTimeField(null=True)),
        migrations.AddField("ledgerentry", "login", models.CharField(blank=True, db_default="", max_length=64)),
        migrations.RunSQL(BYTES, OLD_BYTES),
        migrations.RunSQL(COMPLETE, OLD_COMPLETE),
    ]
