"""The demo firm's staff, its clients, what they allowed, told and did: written in bulk, in the past tense."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings

from campaigns.bulk import demo as bulk
from campaigns.demo import behaviour
from campaigns.demo.people import EXPERIENCE, GOALS, RISK, STAGES, People
from compliance import roles, wordings
from compliance.access import bearers
from compliance.judging import competence, quorum
from compliance.models import ApiToken, Competence, Role, Staff, Topic
from personalize.models import Source
from personalize.outlooks import checks, matured, telling
from personalize.outlooks.cases import CASES

STAFF = {
    "marketer": (Role.MARKETER, "Maya", "Osei"),
    "marketer2": (Role.MARKETER, "Tom", "Beckett"),
    "editor": (Role.EDITOR, "Elena", "Marsh"),
    "editor2": (Role.EDITOR, "Samir", "Patel"),
    "officer": (Role.OFFICER, "Ruth", "Calder"),
    "admin": (Role.ADMIN, "Alex", "Frame"),
}
QUESTIONNAIRE = "onboarding questionnaire"
LIFE_EVENTS = ("moved_house", "new_child", "changed_job", "bereavement", "retired")


def staff(*, at: datetime) -> dict[str, Staff]:
    """The demo sign-ins, with DEMO_PASSWORD, and a token for each of the API roles."""
    people = {
        name: roles.hire(name, role, settings.DEMO_PASSWORD, first_name=first, last_name=last)
        for name, (role, first, last) in STAFF.items()
    }
    competences(people, at=at)
    for role, token in settings.API_TOKENS.items():
        if token:
            open_to(people[role], token, at=at)
    return people


def open_to(staff: Staff, secret: str, *, at: datetime) -> None:
    """Have the installation's own token open whatever the role may, without an end."""
    kept = ApiToken.objects.filter(sha256=hashlib.sha256(secret.encode()).digest())
    if not kept.open(at).exists():
        kept.delete()
        scopes = bearers.scopes_of(staff)
        bearers.give(staff, name="demo", scopes=scopes, expires_at=None, by="system:demo", at=at, secret=secret)


def competences(people: dict[str, Staff], *, at: datetime) -> None:
    """What each reviewer was examined for; the compliance officer found the editors competent, admin the officer."""
    if Competence.objects.exists():
        return
    start, until = at - timedelta(days=300), at + timedelta(days=365)
    everything = [*Topic.objects.values_list("code", flat=True), *quorum.PRODUCTS]
    for name, areas, evidence in (
        ("editor", everything, "Diploma for Financial Advisers; vulnerable-client training, March"),
        ("editor2", everything, "Investment Advice Certificate; vulnerable-client training, March"),
        ("officer", ["*"], "SMF16 approved; annual fitness and propriety assessment"),
    ):
        by = people["admin" if name == "officer" else "officer"]
        competence.grant(people[name], areas=areas, evidence=evidence, start=start, until=until, by=by, at=start)


def source(*, at: datetime) -> Source:
    """The demo source, opened by WRITE_KEY."""
    key = hashlib.sha256(settings.WRITE_KEY.encode()).digest()
    made, _ = Source.objects.update_or_create(
        slug="app", defaults={"name": "Website and app", "key_sha256": key, "created_at": at}
    )
    return made


def clients(people: People) -> np.ndarray:
    """Write the clients; their row ids in the order of `people`."""
    columns = bulk.CLIENT_COLUMNS
    bulk.copy("compliance_client", columns, _client_rows(people))
    return bulk.client_ids()


def _client_rows(people: People) -> Iterator[tuple[Any, ...]]:
    for index, (first, last) in enumerate(zip(people.first, people.last, strict=True)):
        named = uuid.uuid5(uuid.NAMESPACE_URL, f"harbourwell/{index}")
        letters = "".join(letter for letter in f"{first}.{last}".lower() if letter.isalpha() or letter == ".")
        address = f"{letters}.{index}@client.example"
        yield (named, f"c-{index:05d}", address, first, last, "en", people.zone[index], "UK", people.since[index])


def consents(people: People, ids: np.ndarray, *, rng: np.random.Generator) -> None:
    """What each said at onboarding, in which words; some said no, some were never asked, some took it back."""
    asked = (
        ("marketing", "email", 0.80, 0.09),
        ("marketing", "web", 0.66, 0.10),
        ("profiling", "any", 0.74, 0.14),
        ("measurement", "any", 0.76, 0.14),
    )
    rows: list[tuple[Any, ...]] = []
    for purpose, channel, yes, no in asked:
        wording = wordings.get(wordings.version(purpose, channel)).pk
        told = rng.random(len(people))
        back = rng.random(len(people)) < 0.035
        for index, client in enumerate(ids.tolist()):
            if told[index] >= yes + no:
                continue
            at = people.since[index] + timedelta(minutes=4)
            action = "given" if told[index] < yes else "refused"
            rows.append(_consent(client, purpose, channel, action, wording, QUESTIONNAIRE, "checkbox", at))
            if action == "given" and back[index]:
                later = at + (people.at - at) * 0.6
                rows.append(_consent(client, purpose, channel, "withdrawn", None, "portal", "button", later))
    columns = bulk.CONSENT_COLUMNS
    bulk.copy("compliance_consentevent", columns, rows)


def _consent(
    client: int,
    purpose: str,
    channel: str,
    action: str,
    wording: int | None,
    surface: str,
    mechanism: str,
    at: datetime,
) -> tuple[Any, ...]:
    named = uuid.uuid5(uuid.NAMESPACE_URL, f"harbourwell/{client}/{purpose}/{channel}/{action}")
    proof = {"initially_checked": False, "form": "onboarding-7"} if mechanism == "checkbox" else {"page": "portal"}
    actor = f"client:{client}"
    return (named, client, purpose, channel, "UK", action, "consent", wording, surface, mechanism, at, at, actor, proof)


def declarations(people: People, ids: np.ndarray, *, rng: np.random.Generator) -> None:
    """What they told us in the onboarding questionnaire and later, and the newest value of each."""
    rows: list[tuple[Any, ...]] = []
    answered = rng.random(len(people)) < 0.88
    depth = rng.choice(["brief", "standard", "detailed"], len(people), p=[0.35, 0.45, 0.20]).tolist()
    happened = rng.random(len(people)) < 0.07
    which = rng.choice(LIFE_EVENTS, len(people), p=[0.3, 0.22, 0.28, 0.1, 0.1]).tolist()
    for index, client in enumerate(ids.tolist()):
        at = people.since[index] + timedelta(minutes=9)
        if answered[index]:
            told = {
                "goal": GOALS[people.goal[index]],
                "risk_tolerance": RISK[people.risk[index]],
                "experience": EXPERIENCE[people.experience[index]],
                "horizon_years": int(people.horizon[index]),
                "life_stage": STAGES[people.stage[index]],
                "content_depth": depth[index],
                "birth_year": people.born_on(index).year,
            }
            rows += [(client, key, value, QUESTIONNAIRE, at) for key, value in told.items()]
        if happened[index]:
            later = people.at - (people.at - at) * 0.3
            rows.append((client, "life_event", which[index], "told support", later))
    encoded = [(client, key, bulk.json_text(value), where, at) for client, key, value, where, at in rows]
    bulk.copy("personalize_declaration", ["client_id", "key", "value", "source", "declared_at"], encoded)
    current = [(client, key, "declared", value, where, at) for client, key, value, where, at in encoded]
    bulk.copy("personalize_attribute", ["client_id", "key", "origin", "value", "source", "at"], current)


def events(people: People, ids: np.ndarray, *, source_id: int, rng: np.random.Generator) -> int:
    """Six months of what they did; how many events that is."""
    found = behaviour.deeds(people, rng=rng)
    who, ago = behaviour.completed_modules(found, rng=rng)
    names = (*found.names, "Module Completed")
    whose = ids[np.concatenate([found.who, who])].tolist()
    what = np.concatenate([found.what, np.full(len(who), len(names) - 1)]).tolist()
    when = np.concatenate([found.ago, ago]).tolist()
    texts = [bulk.json_text(behaviour.HABITS.get(name, (0, "", {"module": "risk-basics"}))[2]) for name in names]
    columns = bulk.EVENT_COLUMNS
    rows = (
        (source_id, f"demo-{number}", client, "track", names[index], texts[index], "{}", then, then)
        for number, (client, index, seconds) in enumerate(zip(whose, what, when, strict=True))
        for then in (people.at - timedelta(seconds=seconds),)
    )
    bulk.copy("personalize_event", columns, rows)
    return len(whose)


def surroundings(people: People, ids: np.ndarray, *, rng: np.random.Generator) -> None:
    """The market, day by day, and what clients' lives with us came to: tenure, satisfaction, complaints."""
    index = behaviour.volatility(rng=rng)
    days = [people.at - timedelta(days=float(len(index) - 1 - day)) for day in range(len(index))]
    signals = [("volatility", float(value), day, "demo index") for value, day in zip(index, days, strict=True)]
    bulk.copy("personalize_marketsignal", ["kind", "value", "effective_at", "source"], signals)
    surveyed = np.flatnonzero(rng.random(len(people)) < 0.16)
    liked = np.clip(np.round(6.4 + 3.4 * (people.warmth[surveyed] - 0.4) + rng.normal(0, 1.6, len(surveyed))), 0, 10)
    said = [
        (int(ids[one]), "satisfaction", float(score), people.at - timedelta(days=float(rng.uniform(1, 80))), "survey")
        for one, score in zip(surveyed, liked, strict=True)
    ]
    bulk.copy("personalize_outcome", ["client_id", "kind", "value", "at", "source"], said)


def wishes(people: People, ids: np.ndarray, *, rng: np.random.Generator) -> None:
    """A few asked for fewer messages, a pause, or no talk of a topic."""
    rows: list[tuple[Any, ...]] = []
    for one in np.flatnonzero(rng.random(len(people)) < 0.06).tolist():
        kind = rng.integers(0, 3)
        paused = (people.at + timedelta(days=20)).date() if kind == 1 else None
        declined = ["debt"] if kind == 2 else []
        rows.append((int(ids[one]), 1 if kind == 0 else None, paused, declined, [], people.at - timedelta(days=30)))
    columns = ["client_id", "max_per_week", "pause_until", "topics_declined", "signals_off", "updated_at"]
    bulk.copy("compliance_preference", columns, rows)


def outlooks(*, at: datetime) -> int:
    """How far the use cases that score clients have come, and what the declared rules tell of everybody."""
    for case in CASES:
        checks.rule(case, matured.gather(case, at=at), at=at)
        told = telling.tell(case, at=at)
    return told[telling.LIKELY] + told[telling.UNLIKELY]
