"""A restricted client's data are stored and proven with, and used for nothing else (GDPR Art. 18): the answer is no."""

from django.db import migrations, models

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
ANSWERED = r"""
create or replace function compliance_answer(
    who bigint, what text, way text, moment timestamptz, inner_pad bytea, outer_pad bytea
) returns table (reason text, event uuid) language sql stable as $$
    select
        case
            when c.id is null then 'unknown'
            when c.erased_at is not null then 'erased'
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


class Migration(migrations.Migration):
    dependencies = [("compliance", "0040_a_salt_is_looked_up_by_the_statement")]
    operations = [
        migrations.AddField("client", "restricted_at", models.DateTimeField(null=True)),
        migrations.RunSQL(ANSWER, ANSWERED),
    ]
