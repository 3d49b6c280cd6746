"""The set-based questions about consent."""

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db import connection

HEAD = 19  # bytes before the first row of COPY (FORMAT binary)
ANSWER = np.dtype([("n", ">i2"), ("l1", ">i4"), ("reason", ">i2"), ("l2", ">i4"), ("event", "V16")])

# One row per client and question, in the order asked. The first reason that applies is the answer; columns are of fixed
# width, so that they reach numpy without a Python object a row. No event is 16 zeros.
ALLOWED = """
select (array_position(%(reasons)s::text[], case
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
        when s.valid_until <= %(at)s then 'expired'
        when asked.channel = 'email' and c.email = '' then 'no_address'
        when asked.channel = 'email' and exists (
            select from compliance_suppression x
            where x.contact_hmac = sha256(%(outer)s::bytea || sha256(%(inner)s::bytea
                || convert_to(lower(btrim(c.email)), 'UTF8')))
                and x.channel in ('email', 'any')
                and (asked.purpose <> 'service' or x.reason in ('hard_bounce', 'erased'))
        ) then 'suppressed'
        when asked.purpose in ('marketing', 'partner') and p.pause_until > (%(at)s at time zone 'Etc/GMT+12')::date
            then 'paused'
        else 'ok'
    end) - 1)::int2,
    coalesce(s.since_id, w.since_id, '00000000-0000-0000-0000-000000000000')
from (
    select clients.id, clients.place, questions.purpose, questions.channel, questions.number
    from unnest(%(ids)s::bigint[]) with ordinality as clients(id, place)
    cross join unnest(%(purposes)s::text[], %(channels)s::text[]) with ordinality as questions(purpose, channel, number)
) asked
left join compliance_client c on c.id = asked.id
left join compliance_consentstate s
    on s.client_id = asked.id and s.purpose = asked.purpose and s.channel = asked.channel
left join compliance_consentstate w
    on w.client_id = asked.id and w.purpose = asked.purpose and w.channel = 'any' and w.state = 'denied'
left join compliance_consentevent e
    on e.id = coalesce(s.since_id, w.since_id) and coalesce(s.state, w.state) = 'denied'
left join compliance_preference p on p.client_id = asked.id
order by asked.place, asked.number
"""

SIGNALS_OFF = """
select client_id, signals_off::text
from compliance_preference
where client_id = any(%(ids)s::bigint[])
and signals_off <> '[]'
order by client_id
"""

LOCK = "select id from compliance_client where id = any(%(ids)s) order by id for no key update"

DIFFERENCES = """
select coalesce(f.client_id, s.client_id), coalesce(f.purpose, s.purpose), coalesce(f.channel, s.channel)
from (
    select client_id, purpose, channel, (fold).*
    from compliance_consent_fold(array(select id from compliance_client))
) f
full join compliance_consentstate s using (client_id, purpose, channel)
where (f.state, f.basis, f.since, f.valid_until) is distinct from (s.state, s.basis, s.since_id, s.valid_until)
order by 1, 2, 3
limit %(limit)s
"""


def allowed(
    client_ids: np.ndarray,
    *,
    questions: Sequence[tuple[str, str]],
    reasons: Sequence[str],
    at: datetime,
    pads: tuple[bytes, bytes],
) -> np.ndarray:
    """(n, q) ANSWER for each id and each (purpose, channel), in order; reasons: what `reason` is a position in.

    pads: see contact.pads
    """
    asked = {
        "ids": client_ids.tolist(),
        "purposes": [purpose for purpose, _ in questions],
        "channels": [channel for _, channel in questions],
        "reasons": list(reasons),
        "at": at,
        "inner": pads[0],
        "outer": pads[1],
    }
    with connection.cursor() as cursor:
        # COPY takes no parameters on the wire, so psycopg writes them into the statement, quoted.
        statement = cursor.mogrify(f"copy ({ALLOWED}) to stdout (format binary)", asked)
        with cursor.copy(statement) as copy:
            received = b"".join(copy)
    rows = np.frombuffer(received, ANSWER, len(client_ids) * len(questions), HEAD)
    return rows.reshape(len(client_ids), len(questions))


def signals_off(client_ids: np.ndarray) -> list[tuple[int, list[str]]]:
    """(client, codes of features switched off) of those who switched any off."""
    with connection.cursor() as cursor:
        cursor.execute(SIGNALS_OFF, {"ids": client_ids.tolist()})
        return [(client, json.loads(codes)) for client, codes in cursor.fetchall()]


def lock(client_ids: list[int]) -> list[int]:
    """Take the clients' rows, in order, until the transaction ends; the ids that exist."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, {"ids": client_ids})
        return [one for (one,) in cursor.fetchall()]


def differences(*, limit: int) -> list[tuple[int, str, str]]:
    """(client, purpose, channel) whose kept answer is not the fold of their events; none in a sound database."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, {"limit": limit})
        return cursor.fetchall()
