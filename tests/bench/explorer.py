"""`explorer`: the officer's ledger page over five million entries, by every kind of search; the slowest counts.

The bar is 300 ms a page, template and all. Entries are made in the database as a firm's would be: messages of a few
campaigns to many clients, deeds of a few hundred people, six months.
"""

import time
from typing import Any

from django.db import connection, transaction
from django.test import Client as Browser
from django.test import override_settings

from compliance import roles
from compliance.models import LedgerEntry, Role

ENTRIES, BAR_MS, ROUNDS, AT_ONCE = 5_000_000, 300.0, 5, 250_000
MAKE = """
insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest, recorded_at, login)
select n, moment, kind, case when n %% 10 = 0 then 'staff:' || n %% 300 else 'system:worker' end, '', about,
    case when about like 'campaigns_message:%%' then jsonb_build_object(
        'id', n, 'run_id', n / 20000, 'client_id', n %% 200000, 'campaign_id', n / 100000, 'state', 'sent')
    when kind = 'review.approved' then jsonb_build_object('digest', encode(sha256(n::text::bytea), 'hex'))
    else jsonb_build_object('client_id', n %% 200000, 'note', 'x') end,
    sha256(n::text::bytea), moment, 'personalize_app'
from (
    select n, timestamptz '2026-01-01' + n * interval '3 seconds' as moment,
        case when n %% 100 = 0 then 'review.approved' when n %% 7 = 0 then 'row.insert' else 'row.update' end as kind,
        case when n %% 100 = 0 then 'review:' || n when n %% 5 = 0 then 'compliance_client:' || n %% 200000
            else 'campaigns_message:' || n / 2 end as about
    from generate_series(%(first)s::bigint, %(last)s::bigint) n
) made
"""

# Made again at the end: one sort each instead of millions of walks.
INDEXES = """
select indexname, indexdef from pg_indexes where tablename = 'compliance_ledgerentry' and indexname not like '%_pkey'
"""


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The slowest page of the medians, in milliseconds, as a share of the bar."""
    n = max(50_000, int(ENTRIES * scale))
    begun = time.perf_counter()
    make(n)
    made_s = time.perf_counter() - begun
    officer = roles.hire("officer", Role.OFFICER, "x" * 16)
    browser = Browser(headers={"host": "localhost"})
    with override_settings(ALLOWED_HOSTS=["localhost"]):
        browser.force_login(officer, "django.contrib.auth.backends.ModelBackend")
        pages = {name: median(browser, asked) for name, asked in searches(n).items()}
        last = LedgerEntry.objects.latest("at", "id").pk
        pages["one entry"] = median(browser, {}, f"/compliance/ledger/{last - 7}/")
    worst = max(pages.values())
    return {
        "name": "explorer",
        "ratio": round(worst / BAR_MS, 2),
        "target": 1.0,
        "met": worst < BAR_MS,
        "spread": [round(min(pages.values()) / BAR_MS, 2), round(worst / BAR_MS, 2)],
        "entries": n,
        "made_seconds": round(made_s),
        "page_ms": {name: round(ms) for name, ms in pages.items()},
    }


def searches(n: int) -> dict[str, dict[str, str]]:
    """What officers ask: rare and common, alone and together."""
    text = "encode(sha256(n::text::bytea), 'hex')"
    digest = one(f"select {text} from (select {n // 200 * 100} as n) x")
    return {
        "newest": {},
        "client": {"client": "777"},
        "campaign": {"campaign": str(n // 200_000)},
        "text": {"text": digest},
        "person": {"actor": "staff:120"},
        "worker": {"actor": "system:worker"},
        "days": {"from": "2026-02-01", "to": "2026-02-02"},
        "deed": {"kind": "review.approved"},
        "deeds": {"kind": "row."},
        "thing": {"about": f"campaigns_message:{n // 4}"},
        "campaign and person": {"campaign": str(n // 200_000), "actor": "staff:120"},
        "campaign and deed": {"campaign": str(n // 200_000), "kind": "review."},  # fits nothing: the worst sieve
        "worker and deed": {"actor": "system:worker", "kind": "review."},  # likewise
        "client and days": {"client": "777", "from": "2026-01-20", "to": "2026-03-01"},
    }


def median(browser: Browser, asked: dict[str, str], path: str = "/compliance/ledger/") -> float:
    """Milliseconds of one page, the middle of ROUNDS."""
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = browser.post(path, asked, follow=True) if asked else browser.get(path)
        found.append((time.perf_counter() - begun) * 1_000)
        assert answer.status_code == 200, answer.status_code
    return sorted(found)[ROUNDS // 2]


def make(n: int) -> None:
    """Fill the ledger without its guards: only the owner of a throwaway database can."""
    with connection.cursor() as cursor:
        cursor.execute("alter table compliance_ledgerentry disable trigger user")
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"drop index {name}")
        for first in range(1, n + 1, AT_ONCE):
            with transaction.atomic():
                cursor.execute(MAKE, {"first": first, "last": min(n, first + AT_ONCE - 1)})
        for _, made in indexes:
            cursor.execute(made)
        cursor.execute("analyze compliance_ledgerentry")


def one(question: str) -> str:
    """One value."""
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]
