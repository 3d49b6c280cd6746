"""The ledger: only ever added to, and written by triggers for every regulated row, whoever changes it.

A row image is the new row (for a deletion, the old one). Columns that hold personal values, secrets or much text are
left out; then `row_hash`, a keyed hash of the whole row, still tells whether a row is the one that was written. The old image is the row's previous entry. Transition tables are never
joined: PostgreSQL would cache a nested loop planned for one row and take minutes for a bulk update.
"""

from django.db import migrations

UP = """
create table compliance_imagekey (
    single boolean primary key default true check (single),
    key bytea not null
);
insert into compliance_imagekey (key)
values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- The canonical bytes of an entry: every column but the digest, in this order, each as "<bytes>:<text>".
create function compliance_ledger_bytes(entry compliance_ledgerentry) returns bytea language plpgsql stable as $$
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

create function compliance_ledger_complete() returns trigger language plpgsql as $$
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

create trigger ledger_is_completed before insert on compliance_ledgerentry
    for each row execute function compliance_ledger_complete();
alter table compliance_ledgerentry enable always trigger ledger_is_completed;

create function compliance_keep_image() returns trigger language plpgsql security definer
set search_path from current set timezone = 'UTC' as $$
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

-- Three triggers a table: PostgreSQL gives a transition table to one kind of statement only.
create function compliance_keep_images_of(relation regclass, id text, left_out text[]) returns void
language plpgsql as $$
declare
    way text[];
begin
    foreach way slice 1 in array array[['insert', 'new'], ['update', 'new'], ['delete', 'old']] loop
        execute format(
            'create trigger %I after %s on %s referencing %s table as images for each statement '
            'execute function compliance_keep_image(%L, %L)',
            'keep_image_of_' || way[1], way[1], relation, way[2], id, left_out
        );
        execute format('alter table %s enable always trigger %I', relation, 'keep_image_of_' || way[1]);
    end loop;
end $$;

create function compliance_keep_no_images_of(relation regclass) returns void language plpgsql as $$
declare
    way text;
begin
    foreach way in array array['insert', 'update', 'delete'] loop
        execute format('drop trigger %I on %s', 'keep_image_of_' || way, relation);
    end loop;
end $$;

create function compliance_only_added_to() returns trigger language plpgsql as $$
begin
    raise exception using errcode = 'check_violation', message = tg_table_name || '_is_only_ever_added_to',
        constraint = tg_table_name || '_is_only_ever_added_to', table = tg_table_name;
end $$;

create function compliance_wording_stands() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or old.in_force_to is not null
        or (to_jsonb(new) - 'in_force_to') is distinct from (to_jsonb(old) - 'in_force_to')
    then
        raise exception using errcode = 'check_violation', message = 'words_that_were_shown_never_change',
            constraint = 'words_that_were_shown_never_change', table = tg_table_name;
    end if;
    return new;
end $$;

create trigger words_stand before update or delete on compliance_wording
    for each row execute function compliance_wording_stands();
alter table compliance_wording enable always trigger words_stand;
"""

DOWN = """
drop trigger words_stand on compliance_wording;
drop function compliance_wording_stands();
drop function compliance_only_added_to();
drop function compliance_keep_no_images_of(regclass);
drop function compliance_keep_images_of(regclass, text, text[]);
drop function compliance_keep_image();
drop trigger ledger_is_completed on compliance_ledgerentry;
drop function compliance_ledger_complete();
drop function compliance_ledger_bytes(compliance_ledgerentry);
drop table compliance_imagekey;
"""

ONLY_ADDED_TO = ("ledgerentry", "ledgerleaf", "checkpoint", "consentevent")
NEVER_TRUNCATED = (*ONLY_ADDED_TO, "wording", "approval", "authorship", "reviewitem")

# table: (its key, columns its images leave out)
IMAGES = {
    "client": ("id", "{user_id,email,first_name,last_name}"),
    "consentevent": ("id", "{evidence}"),
    "consentstate": ("id", "{}"),
    "wording": ("id", "{}"),
    "suppression": ("id", "{}"),
    "preference": ("id", "{}"),
    "reviewitem": ("id", "{snapshot,findings}"),
    "authorship": ("id", "{}"),
    "approval": ("id", "{}"),
    "staff": ("id", "{password,last_login,email,first_name,last_name}"),
    "apitoken": ("id", "{sha256}"),
    "copyrule": ("id", "{}"),
    "topic": ("code", "{}"),
}


def _guards():
    for name in ONLY_ADDED_TO:
        yield (
            f"create trigger only_added_to before update or delete on compliance_{name} "
            f"for each row execute function compliance_only_added_to();"
            f"alter table compliance_{name} enable always trigger only_added_to;",
            f"drop trigger only_added_to on compliance_{name};",
        )
    for name in NEVER_TRUNCATED:
        yield (
            f"create trigger never_truncated before truncate on compliance_{name} "
            f"for each statement execute function compliance_only_added_to();"
            f"alter table compliance_{name} enable always trigger never_truncated;",
            f"drop trigger never_truncated on compliance_{name};",
        )


def _images():
    for name, (key, left_out) in IMAGES.items():
        yield (
            f"select compliance_keep_images_of('compliance_{name}', '{key}', '{left_out}');",
            f"select compliance_keep_no_images_of('compliance_{name}');",
        )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0005_consent_is_folded_by_the_database")]
    operations = [
        migrations.RunSQL(UP, DOWN),
        *(migrations.RunSQL(up, down) for up, down in _guards()),
        *(migrations.RunSQL(up, down) for up, down in _images()),
        # What was done to a client: their deeds are found by `about`, their rows' images by the client they name.
        migrations.RunSQL(
            "create index ledger_client on compliance_ledgerentry ((facts ->> 'client_id'), id) "
            "where facts ? 'client_id'",
            "drop index ledger_client",
        ),
    ]
