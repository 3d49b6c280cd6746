"""What runs read of clients, from the plan that each was launched with."""

from collections.abc import Sequence

from django.db import connection

READS = """
SELECT run.id, array_agg(DISTINCT read.field #>> '{}')
FROM campaigns_run run
CROSS JOIN LATERAL (
    SELECT jsonb_path_query(run.plan, '$.audience.**.field')
    UNION ALL
    SELECT jsonb_path_query(run.plan, '$.slots[*].candidates[*].rule.**.field')
) read (field)
WHERE run.id = ANY(%(runs)s)
GROUP BY run.id
ORDER BY run.id
"""


def reads(runs: Sequence[int]) -> list[tuple[int, list[str]]]:
    """(run, fields) that the rules of these runs read: whom each was for, and who might see which block."""
    with connection.cursor() as cursor:
        cursor.execute(READS, {"runs": list(runs)})
        return cursor.fetchall()
