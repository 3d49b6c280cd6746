"""Many plain clients, fast: for benchmarks and fault tests, which need numbers and not stories."""

from datetime import datetime

from django.db import connection

from compliance import wordings

CLIENTS = """
insert into compliance_client (
    ref, user_id, email, first_name, last_name, language, timezone, jurisdiction, first_seen_at
)
select gen_random_uuid(), %(prefix)s || n, %(prefix)s || n || '@mail.example', 'Client' || n, '', 'en', 'Europe/London',
    'UK', %(at)s::timestamptz - make_interval(days => 30 + n %% 900)
from generate_series(1, %(n)s) n
"""
CONSENTS = """
insert into compliance_consentevent (id, client_id, purpose, channel, jurisdiction, action, basis, wording_id, surface,
    mechanism, occurred_at, recorded_at, actor, evidence)
select gen_random_uuid(), c.id, p.purpose, p.channel, 'UK', 'given', 'consent', %(wording)s, 'bench', 'checkbox',
    %(at)s::timestamptz - interval '3 days', %(at)s::timestamptz - interval '3 days', 'client', '{}'
from compliance_client c
cross join (values ('marketing', 'email'), ('profiling', 'any'), ('measurement', 'any')) p (purpose, channel)
where c.user_id like %(prefix)s || '%%'
"""
TOLD = """
insert into personalize_attribute (client_id, key, origin, value, source, at)
select c.id, k.key, 'declared', to_jsonb(k.values[1 + c.id %% cardinality(k.values)]), 'bench', %(at)s
from compliance_client c
cross join (values ('risk_tolerance', array['cautious', 'balanced', 'growth']),
    ('goal', array['retirement', 'house', 'growth', 'income'])) k (key, values)
where c.user_id like %(prefix)s || '%%'
"""


def add(n: int, *, prefix: str, at: datetime) -> None:
    """n clients who allow marketing, profiling and measurement, and told us their risk tolerance and goal."""
    asked = {"n": n, "prefix": prefix, "at": at, "wording": wordings.get("portal-marketing-email-1").pk}
    with connection.cursor() as cursor:
        for statement in (CLIENTS, CONSENTS, TOLD):
            cursor.execute(statement, asked)
        cursor.execute("analyze")
