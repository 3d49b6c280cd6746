"""Every purpose has a record that two people approved and that is in date, or the answer about it is no.

GDPR Art. 5(2), 6, 30 and 35. The standing of a record is written by the database alone, with its review. So that an
installation in use does not fall silent, the records that ship with the product stand for 92 days from now, marked as
carried; a production database without clients starts with none.
"""

import json
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SHIPPED = Path(__file__).parent.parent / "processing" / "shipped.json"
CARRIED_DAYS = 92
UP = r"""
comment on table compliance_purposerecord is 'application may select, insert';
select compliance_keep_images_of('compliance_purposerecord', 'id', '{}');

create function compliance_record_is_whole(of_purpose text, facts jsonb) returns boolean
language sql immutable set search_path = public, pg_temp as $$
    select coalesce(
        facts -> 'processing' ?& array['what', 'people', 'data', 'recipients', 'transfers', 'kept', 'security']
        and facts -> 'bases' ?& array['UK', 'EU', 'US']
        and not exists (
            select from jsonb_each_text(facts -> 'bases') one
            where one.value not in ('consent', 'explicit_consent', 'contract', 'legal_obligation', 'legitimate_interest')
        )
        and (not facts ? 'interest' and not jsonb_path_exists(facts, '$.bases.* ? (@ == "legitimate_interest")')
            or facts -> 'interest' ?& array['interest', 'needed', 'balance'])
        and (not facts ? 'impact' and of_purpose not in ('profiling', 'sensitive')
            or facts -> 'impact' ?& array['described', 'needed', 'risks', 'measures']), false)
$$;
alter table compliance_purposerecord add constraint a_record_is_whole
    check (compliance_record_is_whole(purpose, facts));

create function compliance_record_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    -- Its standing is the review's to write; what ships with the product is the owner's.
    if tg_op = 'INSERT' and (new.stands_until is not null or new.is_carried)
            and not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'member')
        or tg_op = 'UPDATE' and to_jsonb(new) - 'stands_until' is distinct from to_jsonb(old) - 'stands_until'
        or tg_op = 'DELETE'
    then
        raise exception using errcode = 'check_violation', message = 'a_record_stands_by_its_review',
            constraint = 'a_record_stands_by_its_review', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger record_stands before insert or update or delete on compliance_purposerecord
    for each row execute function compliance_record_stands();
alter table compliance_purposerecord enable always trigger record_stands;

create function compliance_record_follows_its_review() returns trigger language plpgsql security definer
set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
    made compliance_purposerecord;
begin
    select r.* into made from compliance_purposerecord r where r.digest = new.digest;
    perform pg_advisory_xact_lock(hashtextextended('compliance.record:' || made.purpose, 0));
    if new.state = 'approved' and exists (
        select from compliance_purposerecord later
        left join compliance_reviewitem i on i.digest = later.digest
        where later.purpose = made.purpose and later.version > made.version
            and (later.stands_until is not null or exists (
                -- Approvals stay, whatever became of the item since.
                select from compliance_approval a where a.item_id = i.id
                group by a.round having count(*) >= i.approvals_needed
            ))
    ) then
        return null;
    end if;
    if new.state = 'approved' then
        update compliance_purposerecord r set stands_until = null
        where r.purpose = made.purpose and r.id <> made.id and r.stands_until is not null;
    end if;
    update compliance_purposerecord r
    set stands_until = case when new.state = 'approved' then least(new.valid_until, r.until::timestamptz) end
    where r.id = made.id and (new.state = 'approved' or r.stands_until is not null);
    return null;
end $$;
create trigger record_follows after update of state, valid_until on compliance_reviewitem
    for each row when (new.kind = 'record') execute function compliance_record_follows_its_review();
alter table compliance_reviewitem enable always trigger record_follows;
"""
DOWN = """
drop trigger record_follows on compliance_reviewitem;
drop function compliance_record_follows_its_review();
drop trigger record_stands on compliance_purposerecord;
drop function compliance_record_stands();
alter table compliance_purposerecord drop constraint a_record_is_whole;
drop function compliance_record_is_whole(text, jsonb);
select compliance_keep_no_images_of('compliance_purposerecord');
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
# As in `a_client_may_be_restricted`.
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
CARRY = """
insert into compliance_purposerecord (purpose, version, facts, until, digest, made_at, is_carried, stands_until)
values (%s, 1, %s::jsonb, current_date + %s, encode(sha256(%s::bytea), 'hex'), now(), true,
    (current_date + %s)::timestamptz)
"""


def carry(apps, schema_editor) -> None:
    """The shipped records, for a while; none where a firm starts afresh in production."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select exists (select from compliance_client)")
        if settings.PRODUCTION and not cursor.fetchone()[0]:
            return
        for purpose, facts in json.loads(SHIPPED.read_text(encoding="utf-8")).items():
            said = json.dumps(facts, sort_keys=True)
            cursor.execute(CARRY, [purpose, said, CARRIED_DAYS, f"carried {purpose} {said}", CARRIED_DAYS])


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0047_what_a_machine_could_not_do_is_kept"),
    ]

    operations = [
        migrations.AlterField(
            model_name="historicalreviewitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("block", "Content block"),
                    ("variant", "Assembled message"),
                    ("pair_set", "Combinations of a campaign"),
                    ("sample", "Sample of messages"),
                    ("combination_rule", "Combination rule"),
                    ("template", "Template"),
                    ("campaign", "Campaign"),
                    ("journey", "Journey"),
                    ("model", "Model"),
                    ("copy_rule", "Copy rule"),
                    ("policy", "Review policy"),
                    ("figure", "Figure that texts show"),
                    ("record", "Record of a purpose"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="reviewitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("block", "Content block"),
                    ("variant", "Assembled message"),
                    ("pair_set", "Combinations of a campaign"),
                    ("sample", "Sample of messages"),
                    ("combination_rule", "Combination rule"),
                    ("template", "Template"),
                    ("campaign", "Campaign"),
                    ("journey", "Journey"),
                    ("model", "Model"),
                    ("copy_rule", "Copy rule"),
                    ("policy", "Review policy"),
                    ("figure", "Figure that texts show"),
                    ("record", "Record of a purpose"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="PurposeRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("service", "Service and legal notices"),
                            ("marketing", "Our own products and education"),
                            ("partner", "Products of partners"),
                            ("profiling", "Using my activity to choose what is relevant"),
                            ("measurement", "Measuring whether I open and click"),
                            ("sensitive", "Using sensitive details I gave you"),
                        ],
                        max_length=16,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("facts", models.JSONField()),
                ("until", models.DateField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                ("is_carried", models.BooleanField(db_default=False, default=False)),
                ("stands_until", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("purpose", "version"), name="one_row_per_record_version"),
                    models.UniqueConstraint(
                        condition=models.Q(("stands_until__isnull", False)),
                        fields=("purpose",),
                        name="one_record_of_a_purpose_stands",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("author", None), ("is_carried", True)),
                            models.Q(("author__isnull", False), ("is_carried", False)),
                            _connector="OR",
                        ),
                        name="a_record_has_an_author",
                    ),
                ],
            },
        ),
        migrations.RunSQL(UP, DOWN),
        migrations.RunPython(carry, migrations.RunPython.noop),
        migrations.RunSQL(ANSWER, ANSWERED),
    ]
