"""`decide-live`: one client on a page: an event comes in, and the decision that follows has it in its features.

Event in over HTTP (`/v1/track`), then `POST /api/v1/decisions`: features fresh, consent, approvals and switches read,
20 x 40 decided by a learned policy, words filled in, decision kept durably with its ledger entry. It is measured beside
a JSON ping that passes no middleware and asks no database, in turns on the same Granian worker: the ratio is of CPU
time, PostgreSQL's included. p99 is of decisions asked for at a steady pace over several connections, each counted from
when it was due. Ours and Unleash's most decisions a second: see `_unleash`, which says why
where it cannot be had; what is not measured is not met.
"""

import json
import statistics
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.timezone import now

from campaigns import plans, runs
from campaigns.models import Message
from compliance import roles, wordings
from compliance.access import bearers
from compliance.models import Role, Staff
from compliance.web import acting
from personalize import features, profiles, sources
from tests.bench import _decided, _unleash, population
from tests.bench._server import Server, serving
from tests.campaigns.world import OBJECTIVE, World

TARGET, LATE_MS, PAIRS = 6.0, 20.0, 5
PACE, CONNECTIONS = 100, 4  # decisions a second
CLIENTS, SHARE = 2_000, 0.8
SECRET, KEY, PLACE = "a-secret-of-a-page", "live", "live-home"


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of CPU a decision to a ping over alternating pairs, its spread, and the latencies."""
    with acting("system:bench"):
        _firm(now())
    calls, seconds = max(40, int(300 * scale)), max(3.0, 20 * scale)
    with serving("tests.bench._live_urls") as server:
        _warm(server)
        decided, pinged, evented = [], [], []
        for turn in range(PAIRS):
            pinged.append(_cpu(server, [("GET", "/v1/ping", b"")] * (4 * calls)))
            decided.append(_cpu(server, [_ask(turn * calls + number) for number in range(calls)]))
            evented.append(_cpu(server, [_event(turn, turn * calls + number) for number in range(calls)]))
        fresh = _cpu(server, [_ask((PAIRS - 1) * calls + number) for number in range(calls)])
        late = _paced(server, seconds)
        a_second = _most(server, seconds / 2)
        unleash = _unleash.most(connection.settings_dict, seconds=seconds / 2)
    ratios = [one / other for one, other in zip(decided, pinged, strict=True)]
    ratio, p99 = statistics.median(ratios), _share(late, 0.99)
    share = a_second / unleash["a_second"] if "a_second" in unleash else None
    return {
        "name": "decide_live",
        "ratio": round(ratio, 2),
        "target": TARGET,
        "met": ratio <= TARGET and p99 <= LATE_MS and share is not None and share >= SHARE,
        "spread": [round(min(ratios), 2), round(max(ratios), 2)],
        "pairs": PAIRS,
        "ping_us": round(1e6 * statistics.median(pinged)),
        "decision_us": round(1e6 * statistics.median(decided)),
        "event_us": round(1e6 * statistics.median(evented)),
        "after_event_us": round(1e6 * fresh),
        "p50_ms": round(_share(late, 0.5), 1),
        "p99_ms": round(p99, 1),
        "most_ms": LATE_MS,
        "pace": PACE,
        "a_second": round(a_second),
        "unleash": unleash,
        "to_unleash": "not measured" if share is None else round(share, 2),
        "shown": Message.objects.filter(state="shown").count(),
    }


def _firm(at: datetime) -> None:
    """A campaign of 20 bodies on a page under a live learned policy over 40 features, and a program's token."""
    roles.ensure()
    features.ensure_core(at)
    for number in range(_decided.FEATURES - len(features.usable(features.registry()))):
        spec = {"events": f"Thing {number}", "days": 30}
        features.register(f"thing_{number}", spec, meaning=f"Thing {number}", client_words="you did a thing", at=at)
    population.add(CLIENTS, prefix="live", at=at)
    asked = {"prefix": "live", "at": at, "wording": wordings.get("portal-marketing-web-1").pk}
    on_page = population.CONSENTS[: population.CONSENTS.index("cross join")] + (
        "cross join (values ('marketing', 'web')) p (purpose, channel) where c.user_id like %(prefix)s || '%%'"
    )
    with connection.cursor() as cursor:
        cursor.execute(on_page, asked)
    profiles.refresh(at=at)
    world = World(at, *(roles.hire(one, one, "x" * 12) for one in (Role.MARKETER, Role.EDITOR)))
    world.policy()
    bodies = [
        world.block(f"body-{one}", slot="body", body=f"Here is how your plan works, step by step, told in way {one}.")
        for one in range(_decided.CANDIDATES)
    ]
    last = [world.block("hello"), world.block("plain"), world.block("read")]
    campaign = plans.draft(
        slug="live", name="Live", use_case="onboarding", success_metric="Module Completed", objective=OBJECTIVE,
        share_control=0.05, share_holdout=0.05, channel="web", placement=PLACE, by=world.marketer, at=at,
        candidates=[*((one, False, {}) for one in bodies), *((one, True, {}) for one in last)],
    )  # fmt: skip
    _decided.live_policy(campaign, world, at=at)
    run = runs.launch(campaign, by=world.marketer, at=at)
    assert run.policy == "bandit-1", run.policy
    sources.add(KEY, "Live", write_key=KEY, at=at)
    _token(world.marketer, at)


def _token(staff: Staff, at: datetime) -> None:
    ends = at + timedelta(days=1)
    bearers.give(staff, name="page", scopes=["build_campaigns"], expires_at=ends, by=staff, at=at, secret=SECRET)


Call = tuple[str, str, bytes]
HEADERS = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}


def _ask(number: int) -> Call:
    body = {"userId": f"live{1 + number % CLIENTS}", "placement": PLACE, "context": {"page": "home"}}
    return "POST", "/api/v1/decisions", json.dumps(body).encode()


def _event(turn: int, number: int) -> Call:
    body = {
        "writeKey": KEY, "event": "Logged In", "messageId": f"m-{turn}-{number}",
        "userId": f"live{1 + number % CLIENTS}", "properties": {"device": "phone"},
    }  # fmt: skip
    return "POST", "/v1/track", json.dumps(body).encode()


def _said(asked: Any, call: Call) -> None:
    method, path, body = call
    asked.request(method, path, body or None, HEADERS if path.startswith("/api/") else {})
    answer = asked.getresponse()
    said = answer.read()
    assert answer.status == 200, said


def _warm(server: Server) -> None:
    """Every text of the campaign is made once, and the plans of what is prepared are settled."""
    asked = server.connect()
    for number in range(CLIENTS // 2):
        _said(asked, _ask(number))
    for number in range(20):
        _said(asked, _event(-1, number))


def _cpu(server: Server, calls: list[Call]) -> float:
    """CPU seconds a call of the server and PostgreSQL, one call after another."""
    asked = server.connect()
    begun = server.cpu()
    for one in calls:
        _said(asked, one)
    return (server.cpu() - begun) / len(calls)


def _paced(server: Server, seconds: float) -> list[float]:
    """Milliseconds from when each was due to its answer, at PACE a second over CONNECTIONS."""
    took: list[float] = []
    begun = time.monotonic() + 0.2

    def keep_pace(lane: int) -> None:
        asked = server.connect()
        for number in range(lane, int(seconds * PACE), CONNECTIONS):
            due = begun + number / PACE
            time.sleep(max(0.0, due - time.monotonic()))
            _said(asked, _ask(number))
            took.append(1_000 * (time.monotonic() - due))

    _together(keep_pace)
    return took


def _most(server: Server, seconds: float) -> float:
    """Decisions a second where each connection asks again at once."""
    until, done = time.monotonic() + seconds, [0] * CONNECTIONS

    def hurry(lane: int) -> None:
        asked = server.connect()
        while time.monotonic() < until:
            _said(asked, _ask(lane * 500 + done[lane] % 500))
            done[lane] += 1

    _together(hurry)
    return sum(done) / seconds


def _together(work: Any) -> None:
    lanes = [threading.Thread(target=work, args=(one,)) for one in range(CONNECTIONS)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()


def _share(took: list[float], share: float) -> float:
    return sorted(took)[min(len(took) - 1, int(share * len(took)))]
