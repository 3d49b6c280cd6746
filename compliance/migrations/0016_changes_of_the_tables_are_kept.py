"""DDL is a deed: whoever alters, makes or drops a table, trigger or function leaves an entry in the ledger.

PostgreSQL lets only a superuser make an event trigger. Where the owner is none, this does nothing and the officer's
page says so. Temporary tables and the broker's own queues are not told. A superuser may switch it off; what is then
missing shows in the outside copies of the checkpoints.
"""

from django.db import migrations

UP = """
create function compliance_keep_ddl() returns event_trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    things text[];
    entry compliance_ledgerentry;
begin
    if tg_event = 'sql_drop' then
        things := array(
            select distinct object_type || ' ' || object_identity from pg_event_trigger_dropped_objects()
            where original and not is_temporary and schema_name is distinct from 'pgmq'
        );
    else
        things := array(
            select distinct object_type || ' ' || coalesce(object_identity, '') from pg_event_trigger_ddl_commands()
            where schema_name is distinct from 'pg_temp' and schema_name is distinct from 'pgmq'
        );
    end if;
    if things = '{}' then
        return;
    end if;
    -- Complete even while the table's own triggers are switched off: that is when it matters most.
    entry.id := nextval(pg_get_serial_sequence('compliance_ledgerentry', 'id'));
    entry.xid := pg_current_xact_id()::text::bigint;
    entry.at := clock_timestamp();
    entry.recorded_at := entry.at;
    entry.login := session_user;
    entry.kind := left('ddl.' || lower(replace(tg_tag, ' ', '_')), 48);
    entry.actor := coalesce(nullif(current_setting('app.actor', true), ''), 'database:' || session_user);
    entry.request := coalesce(current_setting('app.request', true), '');
    entry.about := left(things[1], 120);
    entry.facts := jsonb_build_object('things', things);
    entry.digest := sha256(compliance_ledger_bytes(entry));
    insert into compliance_ledgerentry select entry.*;
end $$;

do $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        create event trigger compliance_ddl_is_kept on ddl_command_end execute function compliance_keep_ddl();
        alter event trigger compliance_ddl_is_kept enable always;
        create event trigger compliance_drops_are_kept on sql_drop execute function compliance_keep_ddl();
        alter event trigger compliance_drops_are_kept enable always;
    end if;
end $$;
"""
DOWN = """
drop event trigger if exists compliance_drops_are_kept;
drop event trigger if exists compliance_ddl_is_kept;
drop function compliance_keep_ddl();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0015_history_is_written_by_the_database")]
    operations = [migrations.RunSQL(UP, DOWN)]
