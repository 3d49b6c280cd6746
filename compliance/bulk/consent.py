"""The set-based questions about consent."""

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db import connection

from compliance.bulk.binary import copy_out

ANSWER = np.dtype([("n", ">i2"), ("l1", ">i4"), ("reason", ">i2"), ("l2", ">i4"), ("event", "V16")])

# One row per client and question, in the order asked; `compliance_answer` gives the first reason that applies. Columns
# are of fixed width, so that they reach numpy without a Python object a row. No event is 16 zeros.
ALLOWED = """
select (array_position(%(reasons)s::text[], a.reason) - 1)::int2,
    coalesce(a.event, '00000000-0000-0000-0000-000000000000')
from (
    select clients.id, clients.place, questions.purpose, questions.channel, questions.number
    from unnest(%(ids)s::bigint[]) with ordinality as clients(id, place)
    cross join unnest(%(purposes)s::text[], %(channels)s::text[]) with ordinality as questions(purpose, channel, number)
) asked
cross join lateral compliance_answer(asked.id, asked.purpose, asked.channel, %(at)s, %(inner)s, %(outer)s) a
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
    return copy_out(ALLOWED, asked, ANSWER).reshape(len(client_ids), len(questions))


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
