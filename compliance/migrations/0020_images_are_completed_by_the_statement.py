"""A bulk change completes its images in one statement: bytes and digests by SQL, no function call for each row.

Everybody else's entries go through `ledger_is_completed` as before, and so do row images that come from anywhere but
the images' own trigger: those are refused there.
"""

from django.db import migrations

UP = r"""
create or replace function compliance_keep_image() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    left_out text[] := tg_argv[1]::text[];
    secret bytea;
    who text := coalesce(current_setting('app.actor', true), '');
    asked text := coalesce(current_setting('app.request', true), '');
    what text := 'row.' || lower(tg_op);
    transaction bigint := pg_current_xact_id()::text::bigint;
    happened timestamptz := clock_timestamp();
    moment text := to_char(happened at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    -- The canonical bytes of `compliance_ledger_bytes`, in the two parts that all rows of the statement share.
    head text := length(transaction::text) || ':' || transaction || length(moment) || ':' || moment
        || octet_length(what) || ':' || what || octet_length(who) || ':' || who || octet_length(asked) || ':' || asked;
    tail text := length(moment) || ':' || moment || octet_length(session_user) || ':' || session_user;
    history regclass := to_regclass(regexp_replace(tg_table_name, '^([a-z]+)_', '\1_historical'));
    kept text;
begin
    if not exists (select from images) then
        return null;
    end if;
    if who = '' then
        raise exception using errcode = 'check_violation', message = 'nobody_writes_without_saying_who',
            constraint = 'nobody_writes_without_saying_who', table = 'compliance_ledgerentry',
            hint = 'Wrap the work in compliance.web.acting("..."), or run: set app.actor = ''staff:<number>''';
    end if;
    if left_out <> '{}' then
        secret := (select key from compliance_imagekey);
    end if;
    insert into compliance_ledgerentry
        (id, xid, at, kind, actor, request, about, facts, recorded_at, login, digest)
    select id, transaction, happened, what, who, asked, about, facts, happened, session_user,
        sha256(convert_to(length(id::text) || ':' || id || head || octet_length(about) || ':' || about
            || octet_length(facts::text) || ':' || facts::text || tail, 'UTF8'))
    from (
        select nextval('compliance_ledgerentry_id_seq') as id, tg_table_name || ':' || (image ->> tg_argv[0]) as about,
            case when left_out = '{}' then image else (image - left_out) || jsonb_build_object(
                'row_hash', encode(sha256(secret || convert_to(row_text, 'UTF8')), 'hex')
            ) end as facts
        from (select to_jsonb(r) as image, r::text as row_text from images r) one
    ) completed;
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
            (select id from compliance_staff where id = substring(who from '^staff:(\d{1,18})$')::bigint);
    end if;
    return null;
end $$;

drop trigger ledger_is_completed on compliance_ledgerentry;
create trigger ledger_is_completed before insert on compliance_ledgerentry for each row
    when (not (starts_with(new.kind, 'row.') and has_table_privilege('public.compliance_ledgerentry', 'trigger')))
    execute function compliance_ledger_complete();
alter table compliance_ledgerentry enable always trigger ledger_is_completed;
"""
DOWN = r"""
drop trigger ledger_is_completed on compliance_ledgerentry;
create trigger ledger_is_completed before insert on compliance_ledgerentry
    for each row execute function compliance_ledger_complete();
alter table compliance_ledgerentry enable always trigger ledger_is_completed;
"""


class Migration(migrations.Migration):
    """Backwards the images' function stays: what it completes, the row trigger then completes again."""

    dependencies = [("compliance", "0019_one_answer_for_everybody")]
    operations = [migrations.RunSQL(UP, DOWN)]
