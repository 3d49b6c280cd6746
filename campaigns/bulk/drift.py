"""Set-based SQL of watching: what decisions saw, whether or not it is known yet what came of them."""

from datetime import datetime

from django.db import connection

# A spread over the whole time, not its first days: a hash of the id orders the rows.
SEEN = """
select m.features
from campaigns_message m
join campaigns_campaign c on c.id = m.campaign_id
where c.use_case = %(use_case)s
and m.run_id is not null
and length(m.features) > 0
and m.decided_at >= %(since)s
and m.decided_at < %(until)s
order by hashtextextended(m.id::text, 0)
limit %(limit)s
"""


def seen(use_case: str, *, since: datetime, until: datetime, limit: int) -> list[bytes]:
    """The feature vectors, little-endian float32, of up to `limit` decisions from `since` until before `until`."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN, {"use_case": use_case, "since": since, "until": until, "limit": limit})
        return [bytes(vector) for (vector,) in cursor]
