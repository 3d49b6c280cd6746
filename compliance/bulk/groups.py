"""The two doors in the wall before protected groups: functions of the database, see their migration."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

PUT = """
select public.compliance_groups_put(
    %(clients)s::bigint[], %(attributes)s::text[], %(groups)s::text[], %(probabilities)s::real[], %(bases)s::text[],
    %(consents)s::timestamptz[], %(source)s, %(at)s
)
"""
TALLY = """
select attribute, value, probability, stratum, n, total, squares
from public.compliance_groups_tally(%(clients)s::bigint[], %(strata)s::integer[], %(amounts)s::float8[])
"""
DOORS = (
    "public.compliance_groups_put(bigint[], text[], text[], real[], text[], timestamptz[], text, timestamptz)",
    "public.compliance_groups_tally(bigint[], integer[], float8[])",
)


def put_groups(columns: dict[str, Sequence[Any]], *, source: str, at: datetime) -> int:
    """Keep memberships, given as columns of equal length; how many are new or changed."""
    with connection.cursor() as cursor:
        cursor.execute(PUT, {**columns, "source": source, "at": at})
        return int(cursor.fetchone()[0])


def tally_groups(client_ids: np.ndarray, strata: np.ndarray, amounts: np.ndarray) -> list[tuple[Any, ...]]:
    """(attribute, group, probability, stratum, n, total, squares)."""
    # As texts: psycopg makes an array of Python's numbers one by one, which takes longer than the question.
    columns = {"clients": client_ids, "strata": strata, "amounts": amounts}
    given = {name: "{" + ",".join(map(repr, column.tolist())) + "}" for name, column in columns.items()}
    with connection.cursor() as cursor:
        cursor.execute(TALLY, given)
        return cursor.fetchall()
