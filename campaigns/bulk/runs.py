"""What runs read of clients, from the plan that each was launched with."""

from collections.abc import Sequence

from django.db import connection

READS = """
SELECT run.id, array_agg(DISTINCT read.what #>> '{}') FILTER (WHERE NOT read.is_model),
    array_agg(DISTINCT read.what #>> '{}') FILTER (WHERE read.is_model)
FROM campaigns_run run
CROSS JOIN LATERAL (
    SELECT false, jsonb_path_query(run.plan, '$.audience.**.field')
    UNION ALL
    SELECT false, jsonb_path_query(run.plan, '$.slots[*].candidates[*].rule.**.field')
    UNION ALL
    SELECT true, jsonb_path_query(run.plan, '$.artefact_sha256')
    UNION ALL
    SELECT true, jsonb_path_query(run.plan, '$.canary.artefact_sha256')
) read (is_model, what)
WHERE run.id = ANY(%(runs)s)
GROUP BY run.id
ORDER BY run.id
"""


def reads(runs: Sequence[int]) -> list[tuple[int, list[str], list[str]]]:
    """(run, fields, models) of these runs: what their rules read, and the sha256 of what may choose; "" for none."""
    with connection.cursor() as cursor:
        cursor.execute(READS, {"runs": list(runs)})
        return [(run, fields or [], models or []) for run, fields, models in cursor]
