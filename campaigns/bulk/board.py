"""Set-based SQL of the console's first page: the numbers of several runs at once."""

from collections.abc import Sequence

from django.db import connection

# The same parts as `chunks.COUNTS`, for several runs in one statement and so at one moment.
COUNTS = """
select m.run_id, m.state, m.reason, count(*)
from campaigns_message m
where m.run_id = any(%(runs)s)
group by m.run_id, m.state, m.reason
union all
select g.run_id, g.state, g.reason, g.messages
from campaigns_letgo g
where g.run_id = any(%(runs)s)
union all
select k.run_id, 'waiting', '', sum(cardinality(k.client_ids))
from campaigns_chunk k
where k.run_id = any(%(runs)s)
and k.state = 'waiting'
group by k.run_id
"""


def counts(run_ids: Sequence[int]) -> dict[int, list[tuple[str, str, int]]]:
    """Run → (state, reason, how many), as `chunks.counts` gives them for one."""
    found: dict[int, list[tuple[str, str, int]]] = {one: [] for one in run_ids}
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"runs": list(run_ids)})
        for run_id, state, reason, n in cursor.fetchall():
            found[run_id].append((state, reason, int(n)))
    return found
