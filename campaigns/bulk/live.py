"""The two statements of a decision that somebody waits for: read all it depends on, and keep it if it may be shown.

Every table of clients is asked by the client's key alone, so that a database which keeps clients apart by that key
answers from one place.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from compliance import contact
from compliance.bulk import prepared
from compliance.bulk.callers import CALLER

# Each a purpose and a channel, in the order in which READ answers; the first is the run's own.
ANSWERS = ("contact", "profiling", "sensitive", "measurement")
# One row, or none where a caller, a running campaign or the client is missing. `unapproved` are positions in digests;
# `told` (key, origin, JSON text, its bare text, '1' where it was true by now). A node of a plan costs more to set up
# than to run for one client: what several parts ask of one table is asked once.
READ = """
with caller as materialized ({caller}),
filled as materialized (
    select g.id as campaign, r.id as run, r.seed
    from campaigns_campaign g
    cross join lateral (
        select r.id, r.seed from campaigns_run r where r.campaign_id = g.id order by r.number desc limit 1
    ) r
    where g.placement = %(placement)s and g.channel = 'web' and g.state = 'running'
    order by g.made_at desc, g.id desc
    limit 1
)
select w.caller, w.used_at, w.may, f.campaign, f.run, f.seed, c.id as client, c.first_name, c.language, c.jurisdiction,
    extract(epoch from %(at)s - c.first_seen_at)::float8 / 86400 as tenure,
    exists (select from compliance_vulnerability x where x.client_id = c.id and x.ended_at is null) as is_spared,
    compliance_certified(c.id, (%(at)s at time zone 'UTC')::date) as is_certified,
    coalesce(p.topics_declined, '[]')::text as declined, coalesce(p.signals_off, '[]')::text as signals_off,
    array(
        select a.reason
        from unnest(
            array[%(purpose)s, 'profiling', 'sensitive', 'measurement']::text[], '{{web,any,any,any}}'::text[]
        ) with ordinality asked (purpose, channel, place)
        cross join lateral
            compliance_answer(c.id, asked.purpose, asked.channel, %(at)s, %(inner)s, %(outer)s) a
        order by asked.place
    ) as answers,
    v.version as feature_version, o.vector,
    o.refreshed_at is null or o.refreshed_at < %(at)s - %(stale)s::interval or o.version <> v.version or exists (
        select from personalize_event e
        where e.client_id = c.id and e.received_at >= o.refreshed_at - %(overlap)s::interval
    ) as is_news,
    array(
        select array[
            a.key, a.origin, a.value::text, a.value #>> '{{}}', case when a.at <= %(at)s then '1' else '' end
        ]
        from personalize_attribute a
        where a.client_id = c.id and a.key = any(%(keys)s::text[])
        order by a.key, a.origin
    ) as told,
    array(
        select (d.place - 1)::int4
        from unnest(%(digests)s::text[]) with ordinality d (digest, place)
        left join compliance_reviewitem i on i.digest = d.digest and i.state = 'approved'
            and (i.valid_until is null or i.valid_until > %(at)s)
        where i.id is null
    ) as unapproved,
    array[{named}]::boolean[] as named,
    exists (select from campaigns_calm k where k.lifted_at is null and k.began_at <= %(at)s) as is_calm,
    (select max(l.enacted_at) from compliance_copyrule l) as ruled_at,
    case when %(artefact)s::bigint is null then '' else coalesce((
        select case when m.expires_at <= %(at)s then 'expired'
            when m.stage = 'live' or (m.stage = 'retired' and m.method = %(method)s and exists (
                select from personalize_artefact l
                where l.use_case = m.use_case and l.stage = 'live' and l.card -> 'root' = m.card -> 'root'
            )) then '' else 'retired' end
        from personalize_artefact m
        where m.id = %(artefact)s
    ), 'gone') end as model_out,
    exists (
        select from personalize_artefact m
        where m.id = %(canary)s::bigint and m.stage in ('canary', 'live') and m.expires_at > %(at)s
    ) as canary_stands,
    {cooled} as is_cooled,
    {own}
from caller w
cross join filled f
cross join (select max(version) as version from personalize_featureset) v
join compliance_client c on c.user_id = %(user)s and c.erased_at is null
left join compliance_preference p on p.client_id = c.id
left join personalize_profile o on o.client_id = c.id
{habit}
"""
# Whether the client, after their own 24 hours, wanted to go on with every restricted investment of the plan.
COOLED = """(
        select count(distinct x.product) = cardinality(%(restricted)s::text[])
        from compliance_coolingoff x
        where x.client_id = c.id and x.product = any(%(restricted)s::text[]) and x.continued_at <= %(at)s
    )"""
# What a learned policy sees beside the features, as `learned.pressure` and `learned.habits` read it.
OWN = """(
        select array[
            count(*) filter (where m.intent_at > %(at)s - interval '7 days'),
            count(*) filter (where m.intent_at > %(at)s - interval '14 days'),
            coalesce(extract(epoch from %(at)s - max(m.intent_at))::float8 / 86400, 60)
        ]::float4[]
        from campaigns_message m
        where m.client_id = c.id
        and m.intent_at > %(at)s - interval '60 days'
        and m.intent_at <= %(at)s
        and m.state in ('intent', 'sent', 'unconfirmed')
    ) as sends, h.vector as habit, extract(epoch from h.at)::float8 as habit_at"""
HABIT = "left join campaigns_habit h on h.client_id = c.id and h.campaign_id = f.campaign"
NO_OWN = "null::float4[] as sends, null::bytea as habit, null::float8 as habit_at"

COLUMNS = (
    "id", "client_id", "channel", "arm", "state", "reason", "variant_id", "choice", "closed", "propensity",
    "slot_propensity", "score", "policy", "artefact_id", "reasons", "reason_values", "features", "own",
    "feature_version", "merge", "decided_at",
)  # fmt: skip
CASTS = {
    "id": "uuid", "client_id": "int8", "variant_id": "int8", "choice": "text::int2[]", "closed": "bytea",
    "propensity": "float8", "slot_propensity": "text::float8[]", "score": "float8", "artefact_id": "int8",
    "reasons": "text::int2[]", "reason_values": "text::float8[]", "features": "bytea", "own": "bytea",
    "feature_version": "int2", "merge": "jsonb", "decided_at": "timestamptz",
}  # fmt: skip
# The last gate of a page, as `campaigns_gate` is that of a mail: nothing is kept unless it may be shown now.
# What is refused leaves no row, and the caller asks the long way why.
KEEP = """
insert into campaigns_message ({columns}, run_id, campaign_id, consent, due_at, address, reply, attempts)
select {values}, r.id, g.id, {consent}, %(decided_at)s::timestamptz, '', '', 0
from (
    select set_config('app.actor', %(actor)s, true), set_config('app.request', %(request)s, true)
) said
cross join campaigns_run r
join campaigns_campaign g on g.id = r.campaign_id and g.state = 'running'
{gate}
where r.id = %(run)s
"""
# The client is held against erasure, which locks them too: it comes before, and nothing is kept, or finds the row.
GATE = """cross join (
    select c.id from compliance_client c where c.id = %(client_id)s and c.erased_at is null for key share
) alive
cross join lateral
    compliance_answer(%(client_id)s, %(purpose)s, 'web', %(decided_at)s, %(inner)s, %(outer)s) contact"""
SHUT = """and contact.reason = 'ok'
and campaigns_page_shut(r.id, %(variant_id)s) = ''
and campaigns_words_may_go(%(variant_id)s, %(decided_at)s)
"""


# As GATE does for a short decision.
HELD = "select true from compliance_client c where c.id = %(client)s and c.erased_at is null for key share"
SHUT_BY = "select campaigns_page_shut(%(run)s, %(variant)s)"


class Read(NamedTuple):
    """What READ gives, in its order."""

    caller: int
    used_at: datetime | None
    may: bool
    campaign: int
    run: int
    seed: int
    client: int
    first_name: str
    language: str
    jurisdiction: str
    tenure: float
    is_spared: bool
    is_certified: bool
    declined: str
    signals_off: str
    answers: list[str]
    feature_version: int | None
    vector: bytes | None
    is_news: bool
    told: list[list[str | None]]
    unapproved: list[int]
    named: list[bool]
    is_calm: bool
    ruled_at: datetime | None
    model_out: str
    canary_stands: bool
    is_cooled: bool
    sends: list[float] | None
    habit: bytes | None
    habit_at: float | None


@lru_cache(maxsize=4)
def _keep(is_shown: bool) -> str:
    values = [f"%({one})s::{CASTS.get(one, 'text')}" for one in COLUMNS]
    gate, consent = (GATE, "contact.event") if is_shown else ("", "null")
    made = KEEP.format(columns=", ".join(COLUMNS), values=", ".join(values), gate=gate, consent=consent)
    return made + SHUT if is_shown else made


def statement(named: list[str], limits: Mapping[str, Any], *, is_learned: bool) -> tuple[str, dict[str, Any]]:
    """READ for one plan, and what is left of its limits to give with every reading.

    named   for each candidate the condition of its rule over `compliance_client c`
    limits  what never changes under the plan: it is written into the statement, so that no reading sends it again
    """
    made = READ.format(
        caller=CALLER,
        named=", ".join(named),
        cooled=COOLED if limits["restricted"] else "true",
        own=OWN if is_learned else NO_OWN,
        habit=HABIT if is_learned else "",
    )
    return prepared.written(made, limits)


def read(named: str, asked: Mapping[str, Any]) -> Read | None:
    """The row of `statement`, or None; at most one round trip."""
    inner, outer = contact.pads()
    found: Read | None = prepared.row(named, {**asked, "inner": inner, "outer": outer}, Read._make)
    return found


def keep(row: Mapping[str, Any], *, is_shown: bool, run: int, purpose: str, actor: str, request: str) -> bool:
    """Write one decision, durably; False, and nothing written, where it may not be shown any more.

    row  by COLUMNS · is_shown  False for a decision to show nothing, which passes no gate
    """
    inner, outer = contact.pads()
    more = {"run": run, "purpose": purpose, "actor": actor, "request": request, "inner": inner, "outer": outer}
    arrays = {one: _array(row[one]) for one in ("choice", "slot_propensity", "reasons", "reason_values")}
    return prepared.changed(_keep(is_shown), {**row, **arrays, **more}) == 1


def _array(numbers: Sequence[float]) -> str:
    """A PostgreSQL array as text, exactly (repr of a float reads back as the same): a list costs psycopg ten times."""
    return f"{{{','.join(map(repr, numbers))}}}"


def held(client_id: int) -> bool:
    """Hold a client against erasure until the transaction ends; False where there is none, or was one."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"client": client_id})
        return cursor.fetchone() is not None


def shut(run: int, variant: int) -> str:
    """Why this run may not show this text on a page now, a code of `campaigns.reasons`; "" where it may."""
    with connection.cursor() as cursor:
        cursor.execute(SHUT_BY, {"run": run, "variant": variant})
        (why,) = cursor.fetchone()
        return str(why)
