"""Calls ask the register of people who want none, and products of the group's other firms are a choice of their own.

UK-21: PECR reg. 21; 47 CFR 64.1200(c)(2). US-18: FCRA s.624 (15 USC 1681s-3), 16 CFR 313.
"""

import json
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SHIPPED = Path(__file__).parent.parent / "processing" / "shipped.json"
CARRIED_DAYS = 92
UP = r"""
comment on table compliance_callscreening is 'application may select, insert, update, delete';
select compliance_keep_images_of('compliance_callscreening', 'id', '{is_listed}');

-- Every record of a client's person, as compliance.rights.joined.everyone.
create function compliance_person(who bigint) returns setof bigint language sql stable
set search_path = public, pg_temp as $$
    with recursive person (id) as (
        select who
        union
        select one.id
        from person p
        cross join lateral (
            select c.merged_into_id as id from compliance_client c where c.id = p.id and c.merged_into_id is not null
            union all
            select c.id from compliance_client c where c.merged_into_id = p.id
        ) one
    )
    select p.id from person p
$$;
create function compliance_is_erased(who bigint) returns boolean language sql stable
set search_path = public, pg_temp as $$
    select exists (select from compliance_erasure e where e.client_id in (select compliance_person(who)))
$$;

create function compliance_screening_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id)
            or old.recorded_at < now() - interval '1830 days' and compliance_held(old.client_id) is null;
    else
        fine := new.screened_on <= (new.recorded_at at time zone 'UTC')::date and (
            tg_op = 'INSERT' or to_jsonb(new) - 'client_id' is not distinct from to_jsonb(old) - 'client_id'
                and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
        );
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_screening_stands',
            constraint = 'a_screening_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger screening_stands before insert or update or delete on compliance_callscreening
    for each row execute function compliance_screening_stands();
alter table compliance_callscreening enable always trigger screening_stands;
create trigger never_truncated before truncate on compliance_callscreening
    for each statement execute function compliance_only_added_to();
alter table compliance_callscreening enable always trigger never_truncated;

create function compliance_call_bar(who bigint, place text, day date) returns text language sql stable as $$
    select case
        when last.is_listed then 'listed'
        when last.screened_on >= day - case place when 'UK' then 28 else 31 end then ''
        else 'not_screened'
    end
    from (select) one
    left join lateral (
        select x.is_listed, x.screened_on
        from public.compliance_callscreening x
        where x.client_id = who and x.register = case place when 'UK' then 'tps' when 'US' then 'dnc' end
            and x.screened_on <= day
        order by x.screened_on desc, x.is_listed desc
        limit 1
    ) last on true
$$;

alter table compliance_consentevent drop constraint a_yes_names_its_channel;
alter table compliance_consentevent add constraint a_yes_names_its_channel check (not (
    action in ('given', 'confirmed', 'imported') and channel = 'any'
    and purpose in ('service', 'marketing', 'partner', 'affiliate')
)) not valid;
alter table compliance_consentevent validate constraint a_yes_names_its_channel;
"""
DOWN = r"""
alter table compliance_consentevent drop constraint a_yes_names_its_channel;
alter table compliance_consentevent add constraint a_yes_names_its_channel check (not (
    action in ('given', 'confirmed', 'imported') and channel = 'any' and purpose in ('service', 'marketing', 'partner')
));
drop function compliance_call_bar(bigint, text, date);
drop trigger never_truncated on compliance_callscreening;
drop trigger screening_stands on compliance_callscreening;
drop function compliance_screening_stands();
drop function compliance_is_erased(bigint);
drop function compliance_person(bigint);
select compliance_keep_no_images_of('compliance_callscreening');
"""
ANSWER = r"""
create or replace function compliance_answer(
    who bigint, what text, way text, moment timestamptz, inner_pad bytea, outer_pad bytea
) returns table (reason text, event uuid) language sql stable as $$
    select
        case
            when c.id is null then 'unknown'
            when c.erased_at is not null then 'erased'
            when c.restricted_at is not null then 'restricted'
            when c.merged_into_id is not null then 'merged'
            when coalesce(s.state, w.state) = 'denied' then case e.action
                when 'withdrawn' then 'withdrawn'
                when 'objected' then 'objected'
                when 'expired' then 'expired'
                when 'gpc_on' then 'gpc'
                when 'merged' then 'conflict'
                else 'refused'
            end
            when s.state is null then 'unknown'
            when s.state = 'pending' then 'pending'
            when s.valid_until <= moment then 'expired'
            -- The person's own yes to calls stands above a register; any other ground has to ask it.
            when way = 'phone' and what in ('marketing', 'partner', 'affiliate') and s.basis <> 'consent'
                and public.compliance_call_bar(c.id, c.jurisdiction, (moment at time zone 'UTC')::date) <> ''
                then public.compliance_call_bar(c.id, c.jurisdiction, (moment at time zone 'UTC')::date)
            when way = 'email' and c.email = '' then 'no_address'
            when way = 'email' and exists (
                select from public.compliance_suppression x
                where x.contact_hmac = sha256(outer_pad || sha256(inner_pad
                    || convert_to(lower(btrim(c.email)), 'UTF8')))
                    and x.channel in ('email', 'any')
                    and (what <> 'service' or x.reason in ('hard_bounce', 'erased'))
            ) then 'suppressed'
            when what in ('marketing', 'partner', 'affiliate') and p.pause_until > (moment at time zone 'Etc/GMT+12')::date
                then 'paused'
            -- asked once a query, whoever and however many are asked about
            when not what = any (array(
                select r.purpose from public.compliance_purposerecord r where r.stands_until > moment
            )) then 'no_record'
            else 'ok'
        end,
        coalesce(s.since_id, w.since_id)
    from (select who as id) one
    left join public.compliance_client c on c.id = one.id
    left join public.compliance_consentstate s on s.client_id = one.id and s.purpose = what and s.channel = way
    left join public.compliance_consentstate w
        on w.client_id = one.id and w.purpose = what and w.channel = 'any' and w.state = 'denied'
    left join public.compliance_consentevent e
        on e.id = coalesce(s.since_id, w.since_id) and coalesce(s.state, w.state) = 'denied'
    left join public.compliance_preference p on p.client_id = one.id
$$;
"""
# As in `a_purpose_needs_its_record`.
ANSWERED = r"""
create or replace function compliance_answer(
    who bigint, what text, way text, moment timestamptz, inner_pad bytea, outer_pad bytea
) returns table (reason text, event uuid) language sql stable as $$
    select
        case
            when c.id is null then 'unknown'
            when c.erased_at is not null then 'erased'
            when c.restricted_at is not null then 'restricted'
            when c.merged_into_id is not null then 'merged'
            when coalesce(s.state, w.state) = 'denied' then case e.action
                when 'withdrawn' then 'withdrawn'
                when 'objected' then 'objected'
                when 'expired' then 'expired'
                when 'gpc_on' then 'gpc'
                when 'merged' then 'conflict'
                else 'refused'
            end
            when s.state is null then 'unknown'
            when s.state = 'pending' then 'pending'
            when s.valid_until <= moment then 'expired'
            when way = 'email' and c.email = '' then 'no_address'
            when way = 'email' and exists (
                select from public.compliance_suppression x
                where x.contact_hmac = sha256(outer_pad || sha256(inner_pad
                    || convert_to(lower(btrim(c.email)), 'UTF8')))
                    and x.channel in ('email', 'any')
                    and (what <> 'service' or x.reason in ('hard_bounce', 'erased'))
            ) then 'suppressed'
            when what in ('marketing', 'partner') and p.pause_until > (moment at time zone 'Etc/GMT+12')::date
                then 'paused'
            -- asked once a query, whoever and however many are asked about
            when not what = any (array(
                select r.purpose from public.compliance_purposerecord r where r.stands_until > moment
            )) then 'no_record'
            else 'ok'
        end,
        coalesce(s.since_id, w.since_id)
    from (select who as id) one
    left join public.compliance_client c on c.id = one.id
    left join public.compliance_consentstate s on s.client_id = one.id and s.purpose = what and s.channel = way
    left join public.compliance_consentstate w
        on w.client_id = one.id and w.purpose = what and w.channel = 'any' and w.state = 'denied'
    left join public.compliance_consentevent e
        on e.id = coalesce(s.since_id, w.since_id) and coalesce(s.state, w.state) = 'denied'
    left join public.compliance_preference p on p.client_id = one.id
$$;
"""
FOLD = r"""
create or replace function compliance_consent_fold(clients bigint[])
returns table (client_id bigint, purpose text, channel text, fold compliance_consent_answer)
language sql stable as $$
    with told as materialized (
        select e.* from compliance_consentevent e where e.client_id = any (clients)
    ), asked as (
        select t.client_id, t.purpose, t.channel from told t
        union
        select t.client_id, p.purpose, 'any'
        from told t, (values ('marketing'), ('partner'), ('affiliate'), ('profiling')) p (purpose)
        where t.action = 'objected'
    ), answered as (
        select a.client_id, a.purpose, a.channel, compliance_consent_last(
            t.action, t.basis, t.wording_id is not null, t.evidence @> '{"double_opt_in": true}',
            t.id, t.valid_until
            order by t.occurred_at, compliance_consent_denies(t.action), t.recorded_at, t.id
        ) as fold
        from asked a
        join told t on t.client_id = a.client_id and (
            (t.purpose = a.purpose and t.channel = a.channel)
            or (t.purpose = a.purpose and t.channel = 'any' and compliance_consent_denies(t.action))
            or (t.action = 'objected' and a.purpose in ('marketing', 'partner', 'affiliate', 'profiling'))
        )
        group by a.client_id, a.purpose, a.channel
    )
    select client_id, purpose, channel, fold from answered where (fold).state is not null
$$;
"""
# As in `consent_is_folded_by_the_database`.
FOLDED = r"""
create or replace function compliance_consent_fold(clients bigint[])
returns table (client_id bigint, purpose text, channel text, fold compliance_consent_answer)
language sql stable as $$
    with told as materialized (
        select e.* from compliance_consentevent e where e.client_id = any (clients)
    ), asked as (
        select t.client_id, t.purpose, t.channel from told t
        union
        select t.client_id, p.purpose, 'any'
        from told t, (values ('marketing'), ('partner'), ('profiling')) p (purpose)
        where t.action = 'objected'
    ), answered as (
        select a.client_id, a.purpose, a.channel, compliance_consent_last(
            t.action, t.basis, t.wording_id is not null, t.evidence @> '{"double_opt_in": true}',
            t.id, t.valid_until
            order by t.occurred_at, compliance_consent_denies(t.action), t.recorded_at, t.id
        ) as fold
        from asked a
        join told t on t.client_id = a.client_id and (
            (t.purpose = a.purpose and t.channel = a.channel)
            or (t.purpose = a.purpose and t.channel = 'any' and compliance_consent_denies(t.action))
            or (t.action = 'objected' and a.purpose in ('marketing', 'partner', 'profiling'))
        )
        group by a.client_id, a.purpose, a.channel
    )
    select client_id, purpose, channel, fold from answered where (fold).state is not null
$$;
"""
# Whoever objected to direct marketing before this purpose was there objected to it too.
REFOLD = """
insert into compliance_consentstate (client_id, purpose, channel, state, basis, since_id, valid_until)
select client_id, purpose, channel, (fold).state, (fold).basis, (fold).since, (fold).valid_until
from compliance_consent_fold(array(
    select distinct client_id from compliance_consentevent where action = 'objected'
))
where purpose = 'affiliate'
order by client_id, channel
"""
CARRY = """
insert into compliance_purposerecord (purpose, version, facts, until, digest, made_at, is_carried, stands_until)
select 'affiliate', 1, %s::jsonb, current_date + %s, encode(sha256(%s::bytea), 'hex'), now(), true,
    (current_date + %s)::timestamptz
where not exists (select from compliance_purposerecord where purpose = 'affiliate')
"""


def refold(apps, schema_editor) -> None:
    """The answers are written by the fold alone; here, once, by its owner."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("alter table compliance_consentstate disable trigger consent_answers_are_folded")
        cursor.execute("select set_config('app.actor', 'system:migration', true)")
        cursor.execute(REFOLD)
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table compliance_consentstate enable always trigger consent_answers_are_folded")


def carry(apps, schema_editor) -> None:
    """The shipped record, for a while; none where a firm starts afresh in production."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select exists (select from compliance_client)")
        if settings.PRODUCTION and not cursor.fetchone()[0]:
            return
        facts = json.loads(SHIPPED.read_text(encoding="utf-8"))["affiliate"]
        said = json.dumps(facts, sort_keys=True)
        cursor.execute("select set_config('app.actor', 'system:migration', true)")
        cursor.execute(CARRY, [said, CARRIED_DAYS, f"carried affiliate {said}", CARRIED_DAYS])


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0049_two_officers_spare_a_notice"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallScreening",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "register",
                    models.CharField(
                        choices=[
                            ("tps", "Telephone Preference Service (UK)"),
                            ("dnc", "National Do Not Call Registry (US)"),
                        ],
                        max_length=3,
                    ),
                ),
                ("is_listed", models.BooleanField()),
                ("screened_on", models.DateField()),
                ("source", models.CharField(max_length=80)),
                ("recorded_at", models.DateTimeField()),
            ],
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("service", "Service and legal notices"),
                    ("marketing", "Our own products and education"),
                    ("partner", "Products of partners"),
                    ("affiliate", "Products of firms of our group"),
                    ("profiling", "Using my activity to choose what is relevant"),
                    ("measurement", "Measuring whether I open and click"),
                    ("sensitive", "Using sensitive details I gave you"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="consentstate",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("service", "Service and legal notices"),
                    ("marketing", "Our own products and education"),
                    ("partner", "Products of partners"),
                    ("affiliate", "Products of firms of our group"),
                    ("profiling", "Using my activity to choose what is relevant"),
                    ("measurement", "Measuring whether I open and click"),
                    ("sensitive", "Using sensitive details I gave you"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="purposerecord",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("service", "Service and legal notices"),
                    ("marketing", "Our own products and education"),
                    ("partner", "Products of partners"),
                    ("affiliate", "Products of firms of our group"),
                    ("profiling", "Using my activity to choose what is relevant"),
                    ("measurement", "Measuring whether I open and click"),
                    ("sensitive", "Using sensitive details I gave you"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="callscreening",
            name="client",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compliance.client"
            ),
        ),
        migrations.AddConstraint(
            model_name="callscreening",
            constraint=models.UniqueConstraint(
                fields=("client", "register", "screened_on", "is_listed"), name="a_screening_counts_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="callscreening",
            constraint=models.CheckConstraint(
                condition=models.Q(("register__in", ["tps", "dnc"])), name="a_screening_names_its_register"
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(UP, DOWN)],
            [
                migrations.RemoveConstraint(
                    model_name="consentevent",
                    name="a_yes_names_its_channel",
                ),
                migrations.AddConstraint(
                    model_name="consentevent",
                    constraint=models.CheckConstraint(
                        condition=models.Q(
                            ("action__in", ["given", "confirmed", "imported"]),
                            ("channel", "any"),
                            ("purpose__in", ["service", "marketing", "partner", "affiliate"]),
                            _negated=True,
                        ),
                        name="a_yes_names_its_channel",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(FOLD, FOLDED),
        migrations.RunPython(refold, migrations.RunPython.noop),
        migrations.RunPython(carry, migrations.RunPython.noop),
        migrations.RunSQL(ANSWER, ANSWERED),
    ]
