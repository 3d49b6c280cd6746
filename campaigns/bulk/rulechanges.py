"""Set-based SQL of copy rules: which words were sent in a year, by month, without every one of them being read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

# Words that may still go first, then those sent most; what is beyond the limit is only counted.
SENT = """
with sent as (
    select m.variant_id as id,
        date_trunc('month', m.sent_at, %(zone)s)::date as month,
        count(*) as n
    from campaigns_message m
    where m.state = 'sent'
    and m.sent_at > %(since)s
    and m.variant_id is not null
    group by 1, 2
),
words as (
    select coalesce(going.id, gone.id) as id,
        coalesce(gone.n, 0) as n,
        going.id is not null as is_going
    from unnest(%(going)s::bigint[]) as going (id)
    full join (select sent.id, sum(sent.n) as n from sent group by sent.id) gone on gone.id = going.id
),
chosen as (
    select words.id, words.n, words.is_going
    from words
    order by words.is_going desc, words.n desc, words.id
    limit %(limit)s
)
select 'all' as told, null::date, null::bigint, count(*) from words
union all
select 'month', sent.month, null, sum(sent.n) from sent group by sent.month
union all
select 'part', sent.month, sent.id, sent.n from sent join chosen on chosen.id = sent.id
union all
(select 'try', null, chosen.id, chosen.n from chosen order by chosen.is_going desc, chosen.n desc, chosen.id)
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: by month; and of the words to be tried, how often each, and by month.

    months  first day → messages · often  variant → messages, in the order in which they are tried
    parts   (first day, variant) → messages · words  different texts there are in all
    """

    months: dict[date, int]
    often: dict[int, int]
    parts: dict[tuple[date, int], int]
    words: int


def sent(*, since: datetime, going: Sequence[int], limit: int, zone: str) -> Sent:
    """Messages sent since then; going: variants that may still go out · limit: of the words to be tried."""
    with connection.cursor() as cursor:
        cursor.execute(SENT, {"since": since, "going": list(going), "limit": limit, "zone": zone})
        rows = cursor.fetchall()
    return Sent(
        months={month: int(n) for told, month, _, n in rows if told == "month"},
        often={variant: int(n) for told, _, variant, n in rows if told == "try"},
        parts={(month, variant): int(n) for told, month, variant, n in rows if told == "part"},
        words=next(int(n) for told, *_, n in rows if told == "all"),
    )
