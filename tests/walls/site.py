"""A small firm in which every address leads to something, under names that would run if anybody let them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from aiosmtpd.controller import Controller
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from campaigns import blocks, runs, schedules
from campaigns.fairness import reports
from campaigns.lab import questions
from campaigns.models import BlockVersion, Cap, Chunk, Message, MessageState, Pace, Pause
from campaigns.sending import delivery
from campaigns.wellbeing import calm
from compliance import certificates, fence, packet, roles, stops, tokens, vulnerability
from compliance.access import bearers
from compliance.copyrules import shipped
from compliance.incidents import records
from compliance.judging import comments
from compliance.models import Client, LedgerEntry, ReviewItem, Role, Staff, StopScope, Topic
from compliance.reviewing import counsel, secondreadings
from compliance.rights import copylinks, holds, requests
from personalize import features, fitting, sources
from personalize.models import MergeRequest, QuarantinedItem
from personalize.start.postgres import free_port
from personalize.training import Examples
from tests.campaigns.sink import Sink
from tests.campaigns.world import World
from tests.models import declared
from tests.people import PASSWORD, reviewer

HOSTILE = "<script src=//evil.example>\"'{{191*193}}%s{0.__class__}"
WRITE_KEY = "a-write-key-for-tests"
BACKEND = "django.contrib.auth.backends.ModelBackend"
PLACES, CAPTURED = re.compile(r"<(?:\w+:)?(\w+)>"), re.compile(r"\(\?P<(\w+)>[^()]*\)")
WRITTEN = """
select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_user_tables
where n_tup_ins + n_tup_upd + n_tup_del > 0
"""


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern of the site with its full route, as `docs/rights.md` writes it."""
    for one in (resolver or get_resolver()).url_patterns:
        plain = str(one.pattern).removeprefix("^").removesuffix("$").removesuffix("/?")
        route = prefix + CAPTURED.sub(r"<\1>", plain)
        if isinstance(one, URLResolver):
            yield from addresses(one, route)
        else:
            yield route, one


def written() -> dict[str, int]:
    """How many rows of which table this transaction has written so far, undone or not."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it. wrote: the tables that it wrote to."""

    method: str
    route: str
    caller: str
    status: int
    headers: dict[str, str]
    body: bytes
    wrote: frozenset[str]

    @property
    def let_in(self) -> bool:
        """Whether the view itself answered: not the door, not a refusal, not a method that nobody offers."""
        at_the_door = self.status == 302 and "?next=" in self.headers.get("Location", "")
        return not at_the_door and self.status not in (401, 403, 405)


@dataclass(slots=True)
class Site:
    """The firm, its people, and what stands where an address has a name in angle brackets."""

    world: World
    people: dict[str, Staff]
    names: dict[str, str] = field(default_factory=dict)
    special: dict[str, str] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    sink: Sink | None = None
    written: dict[str, int] = field(default_factory=dict)  # as of the last request

    def path(self, route: str) -> str:
        """The route with something real in each place."""
        return "/" + PLACES.sub(lambda found: self._fill(route, found[1]), route)

    def _fill(self, route: str, name: str) -> str:
        return (
            next((value for start, value in self.special.items() if f"{name} {route}".startswith(start)), "")
            or (self.names[name])
        )

    def ask(self, method: str, route: str, caller: str, **sent: Any) -> Asked:
        """Ask once and undo whatever it did. caller: a role, "stranger", or "token:<role>"."""
        role = caller.removeprefix("token:")
        browser = self.browsers["stranger" if role != caller else role]
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role != caller else {}
        cookies = dict(browser.cookies)
        with transaction.atomic():
            answer = browser.generic(method, self.path(route), headers={**headers, **sent.pop("headers", {})}, **sent)
            asked = self._asked(method, route, caller, answer)
            transaction.set_rollback(True)
        browser.cookies.clear()
        browser.cookies.update(cookies)
        return asked

    def _asked(self, method: str, route: str, caller: str, answer: HttpResponse) -> Asked:
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        before, self.written = self.written, written()
        wrote = frozenset(table for table, count in self.written.items() if count > before.get(table, 0))
        return Asked(method, route, caller, answer.status_code, dict(answer.headers), body, wrote)


@contextmanager
def mail_server() -> Iterator[Sink]:
    """A real mail server for as long as the block lasts."""
    kept = Sink()
    controller = Controller(kept, hostname="127.0.0.1", port=free_port(), ready_timeout=60)
    controller.start()
    where = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": controller.port, "EMAIL_TIMEOUT": 30}
    with override_settings(**where):
        yield kept
    controller.stop()


def build() -> Site:
    """The firm as every test of this folder finds it; call it inside a transaction."""
    at = now() - timedelta(hours=1)
    if not Topic.objects.exists():
        shipped.ensure()
    fence.arm(by="system:test", at=at)
    features.ensure_core(at)
    people = {
        "marketer": roles.hire("marketer", Role.MARKETER, PASSWORD, first_name=HOSTILE, last_name="Marketer"),
        "launcher": roles.hire("launcher", Role.MARKETER, PASSWORD),
        "neighbour": roles.hire("neighbour", Role.MARKETER, PASSWORD, desk="wealth"),
        "editor": reviewer("editor", Role.EDITOR),
        "officer": reviewer("officer", Role.OFFICER),
        "admin": roles.hire("admin", Role.ADMIN, PASSWORD),
    }
    site = Site(World(at, people["marketer"], people["editor"]), people)
    with mail_server() as site.sink:
        _a_run(site, at)
    _texts(site, at)
    _records(site, at)
    for role in ("marketer", "neighbour", "editor", "officer", "admin"):
        site.browsers[role] = Browser(raise_request_exception=False)
        site.browsers[role].force_login(people[role], backend=BACKEND)
        site.tokens[role] = f"token-of-{role}"
        token, _ = bearers.give(
            people[role], name="test", scopes=bearers.scopes_of(people[role]), expires_at=None, by="system:test", at=at,
            secret=site.tokens[role],
        )  # fmt: skip
        bearers.used(token, at=now() + timedelta(days=1))  # a use that is noted already writes nothing
        site.names |= {"token_id": str(token.pk)}
    site.names |= {
        "provider_id": "firm",
        "who": "MQ",
        "token": "none",
        "step_id": "1",
        "staff_id": str(people["editor"].pk),
    }
    site.special |= {"verb people/": "visits"}
    site.browsers["stranger"] = Browser(raise_request_exception=False)
    site.written = written()
    return site


def _a_run(site: Site, at: datetime) -> None:
    """A campaign with one message sent, one in doubt and one kept back; its run is paused."""
    world = site.world
    world.client(1, risk_tolerance="cautious")
    Client.objects.filter(user_id="u1").update(first_name=HOSTILE, last_name=HOSTILE)
    world.client(2, consented=False)
    assert site.sink is not None
    site.sink.at_dot[world.client(3).email] = "drop"
    campaign = world.campaign(name=HOSTILE, hypothesis=HOSTILE)
    run = runs.launch(campaign, by=site.people["launcher"], at=at)
    daily = schedules.Asked((at + timedelta(days=2)).date(), time(9), "Europe/London", "daily")
    schedules.make(campaign, daily, by=site.people["launcher"], at=at)
    for chunk in Chunk.objects.filter(run=run):
        runs.assemble(chunk.pk, at=at)
    delivery.send(limit=9, at=at)
    Pause.objects.create(
        run=run, reason="complaint", share=0.01, counted=300, launched_by_id=run.launched_by_id, paused_at=at
    )
    message = Message.objects.get(run=run, state=MessageState.SENT)
    report = reports.of_campaign(campaign, since=at, until=at, by=site.people["officer"], at=at)
    person = Client.objects.get(user_id="u1")
    site.names |= {
        "run_id": str(run.pk), "message_id": str(message.pk), "client_id": str(person.pk), "user_id": "u1",
        "report_id": str(report.pk), "key": "home", "provider": "postmark", "write_key": WRITE_KEY,
        "attribute": "sex", "measure": "reached",
    }  # fmt: skip
    site.special |= {"ref console/clients/": str(person.ref), "ref compliance/clients/": str(person.ref)}
    spared = vulnerability.note(
        person.pk, "health", words=HOSTILE, source="client", ground="vital", review_on=at.date() + timedelta(days=30),
        by=site.people["officer"], at=at,
    )  # fmt: skip
    signed = certificates.record(
        person.pk, "sophisticated", signed_on=at.date(), until=at.date() + timedelta(days=30), evidence=HOSTILE,
        by=site.people["officer"], at=at,
    )  # fmt: skip
    site.names |= {"note_id": str(spared.pk), "certificate_id": str(signed.pk)}
    site.special["verb compliance/safeguards/"] = "review"
    wish = requests.receive(person.pk, "access", came_by=HOSTILE, words=HOSTILE, by="system:test", at=at)
    if link := copylinks.ask(person.pk, at=now()):
        copylinks.sealed(link.pk, secret="a-link-to-a-copy", at=now())
    hold = holds.place("campaign", campaign="other", reason=HOSTILE, by=site.people["officer"], at=at)
    site.names |= {"asked_id": str(wish.pk), "hold_id": str(hold.pk)}
    site.special |= {"verb compliance/requests/": "know", "secret copy/": "a-link-to-a-copy"}
    mishap = records.record(
        "breach", title=HOSTILE, words=HOSTILE, aware_at=at, places=["UK"], touched=["u1"], by=site.people["officer"],
        at=at,
    )  # fmt: skip
    site.names |= {
        "purpose": "marketing",
        "incident_id": str(mishap.pk),
        "notice_id": str(mishap.notices.values_list("pk", flat=True)[0]),
    }
    site.special["verb compliance/incidents/"] = "tell"
    doubtful = Message.objects.get(run=run, state=MessageState.UNCONFIRMED)
    site.special |= {
        "message_id console/messages/<uuid:message_id>/resolve/": str(doubtful.pk),
        "slug console/campaigns/": campaign.slug,
        "slug api/v1/campaigns/": campaign.slug,
        "token o/": tokens.make("open", message.pk),
        "token c/": tokens.make("click", message.pk),
        "token u/": tokens.make("unsubscribe", message.pk),
        "token w/": tokens.make("why", message.pk),
        "token portal/": tokens.make("portal", person.ref),
        "kind v1/pixel/": "track",
        "kind pixel/v1/": "track",
        "kind v1/<kind>": "track",
    }


def _texts(site: Site, at: datetime) -> None:
    """A block under a hostile name that waits for an editor, with a comment and an invitation."""
    by, officer = site.people["launcher"], site.people["officer"]
    words = {"slot": "body", "body": f"Will your pension last? {HOSTILE.replace('{{191*193}}', '')}", "language": "en"}
    version = blocks.draft(slug="hostile", name=HOSTILE, by=by, at=at, **words)
    blocks.publish(version.pk, by=by, at=at)
    item = ReviewItem.objects.get(digest=version.digest)
    said = comments.add(item, kind="note", words=HOSTILE, by=site.people["editor"], at=at)
    _, secret = counsel.invite(
        item, name="Hart", firm=HOSTILE, until=at + timedelta(days=5), evidence="Bar", by=officer, at=at
    )
    draft = blocks.draft(slug="hostile", name=HOSTILE, by=by, at=at, **{**words, "body": "A second thought."})
    assert BlockVersion.objects.filter(pk=draft.pk, published_at=None).exists()
    site.names |= {"item_id": str(item.pk), "comment_id": str(said.pk), "secret": secret}
    site.special |= {"slug console/blocks/": "hostile", "slug api/v1/blocks/": "hostile"}
    site.names |= {"number": str(draft.number), "code": "P01"}
    text = {"digest": "ab" * 32, "title": HOSTILE, "campaign": "guide", "authors": [by.pk], "chance": 1.0,
            "snapshot": {"parts": {"text": HOSTILE, "html": "<!doctype html><p>Words</p>"}}}  # fmt: skip
    secondreadings.add_passed([text], at=at)
    read = secondreadings.take(by=reviewer("second", Role.EDITOR), at=at)
    secondreadings.decide(
        read.pk, verdict="reject", reason=HOSTILE, topics=["crypto"], seen=read.digest, by=read.reader, at=at
    )
    site.names |= {"reading_id": str(read.pk)}


def _records(site: Site, at: datetime) -> None:
    """A switch, a packet, a model, a merge to decide, and an event that was refused."""
    officer, marketer = site.people["officer"], site.people["marketer"]
    question = questions.ask(
        "onboarding", "uniform", since=at - timedelta(days=9), until=at, by=site.people["launcher"], at=at
    )
    stop = stops.throw(StopScope.TOPIC, "crypto", reason=HOSTILE, by=officer, at=at)
    cap = Cap.objects.create(days=30, most=9, topic="crypto", made_by=officer, made_at=at)
    pace = Pace.objects.create(name=HOSTILE[:60], per_minute=60, filled_at=at)
    asked = packet.request(packet.Scope(campaign="guide"), reason=HOSTILE, by=officer, at=at)
    declared("onboarding", owner=site.people["launcher"], by=officer)
    made = fitting.fit("onboarding", _examples(), by="system:test", at=at)
    source = sources.add("site", "The site", write_key=WRITE_KEY, at=at)
    QuarantinedItem.objects.create(source=source, reason=HOSTILE[:200], body=HOSTILE, received_at=at)
    merge = MergeRequest.objects.create(
        kept=Client.objects.get(user_id="u1"), absorbed=Client.objects.get(user_id="u2"), reason=HOSTILE, asked_at=at
    )
    assert marketer.pk
    held = calm.begin(reason=HOSTILE, by=officer, at=at)
    site.names |= {
        "question_id": str(question.pk),
        "calm_id": str(held.pk),
        "cap_id": str(cap.pk),
        "pace_id": str(pace.pk),
        "stop_id": str(stop.pk), "packet_id": str(asked.pk), "artefact_id": str(made.pk), "request_id": str(merge.pk),
        "verb": "refuse", "entry_id": str(LedgerEntry.objects.order_by("pk").values_list("pk", flat=True)[0]),
    }  # fmt: skip


def _examples() -> Examples:
    rng = np.random.default_rng(3)
    place = {one.code: one.position for one in features.registry()}
    x = np.full((900, len(place)), np.nan, np.float32)
    x[:, place["risk_tolerance"]] = rng.integers(0, 3, 900)
    y = (rng.random(900) < 0.3).astype(float)
    when = np.arange(900, dtype=np.int64) + 1_780_000_000
    return Examples(x, (), (), np.zeros((900, 0), np.int16), y, np.ones(900), when)
