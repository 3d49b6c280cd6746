"""How often we wrote to each client lately and how often they opened, as inferred attributes for the features."""

from datetime import datetime

from django.db import connection

# Clients whose counts changed: written to, or gone past the window, since the last count.
COUNT = """
with counted as (
    select m.client_id,
        count(*) as sends,
        count(i.message_id) as opens
    from campaigns_message m
    left join campaigns_interaction i on i.message_id = m.id and i.kind = 'open' and i.is_human
    where m.state = 'sent'
    and m.sent_at > %(at)s - interval '90 days'
    and m.sent_at <= %(at)s
    group by m.client_id
),
stale as (
    select a.client_id, 0 as sends, 0 as opens
    from personalize_attribute a
    where a.key = 'sends_90d'
    and a.origin = 'inferred'
    and a.value <> '0'
    and not exists (select from counted where counted.client_id = a.client_id)
),
wanted as (
    select client_id, 'sends_90d' as key, to_jsonb(sends) as value from counted
    union all select client_id, 'opens_90d', to_jsonb(opens) from counted
    union all select client_id, 'sends_90d', to_jsonb(sends) from stale
    union all select client_id, 'opens_90d', to_jsonb(opens) from stale
),
written as (
    insert into personalize_attribute (client_id, key, origin, value, source, at)
    select client_id, key, 'inferred', value, 'messages', %(at)s
    from wanted
    order by client_id, key
    on conflict (client_id, key, origin) do update
    set value = excluded.value, at = excluded.at, source = excluded.source
    where personalize_attribute.value <> excluded.value
    returning client_id
)
select distinct client_id from written order by client_id
"""


def count(*, at: datetime) -> list[int]:
    """Bring sends_90d and opens_90d up to date as of `at`; the clients for whom one changed."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"at": at})
        return [row[0] for row in cursor.fetchall()]
