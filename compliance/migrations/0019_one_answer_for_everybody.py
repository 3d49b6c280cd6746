"""The answer to "may we?" as a function, so that the set-based question and the last gate before SMTP read one text.

A plain SQL function that PostgreSQL merges into the query that uses it. Also the lock that everything which stops sends
in flight takes: a hand-over holds it shared while it reads what could stop it, whoever stops takes it alone. An advisory
lock costs no row version and no shared-lock record, however many workers hold it.
"""

from django.db import migrations

UP = """
create function compliance_answer(
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

create function compliance_hold_hand_overs() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    -- 740301: campaigns_gate holds it shared. Whoever waits here waits for hand-overs that have begun, and none begins
    -- before this transaction ends.
    perform pg_advisory_xact_lock(740301);
    return new;
end $$;
create trigger hand_overs_wait before update of state, valid_until on compliance_reviewitem
    for each row when (old.state = 'approved') execute function compliance_hold_hand_overs();
alter table compliance_reviewitem enable always trigger hand_overs_wait;
"""

DOWN = """
drop trigger hand_overs_wait on compliance_reviewitem;
drop function compliance_hold_hand_overs();
drop function compliance_answer(bigint, text, text, timestamptz, bytea, bytea);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0018_the_ledger_is_searched_by_time")]
    operations = [migrations.RunSQL(UP, DOWN)]
