"""A row's image is made once and not once for each of its uses: a fence keeps the planner from folding it in."""

from django.db import migrations

KEEP = r"""
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
                'row_hash', encode(sha256(case when owner is null then secret else coalesce(
                    (select k.key from compliance_subjectkey k where k.client_id = owner),
                    convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')
                ) end || convert_to(row_text, 'UTF8')), 'hex')
            ) end as facts
        from (
            select image, row_text, case tg_table_name
                when 'compliance_client' then (image ->> 'id')::bigint
                else coalesce(image ->> 'client_id', image ->> 'kept_id')::bigint
            end as owner
            from (
                -- An image costs more than all that is made of it: without the fence each use would make it anew.
                select to_jsonb(r) as image, r::text as row_text from images r OFFSET_0
            ) one
        ) one
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
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0055_some_texts_are_read_twice")]

    operations = [migrations.RunSQL(KEEP.replace("OFFSET_0", "offset 0"), KEEP.replace(" OFFSET_0", ""))]
