"""What clients may be about to do: a rule tells it until a model is proven by what came later, and when one fails."""

from datetime import datetime, timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.db import ProgrammingError, transaction
from django.test import Client as Browser

from campaigns.trials import evidence
from compliance import consent
from compliance.models import Client, LedgerEntry, Staff
from personalize import features, profiles, training
from personalize.models import Attribute, Event, OutlookCheck, Source, Stage
from personalize.outlooks import checks, matured, renewal, telling
from personalize.outlooks.cases import BY_CODE, CASES
from tests.models import declared, signed, stepped
from tests.people import NOON

pytestmark = pytest.mark.django_db
CASE = BY_CODE["adviser_switch"]
N, DAYS = 200, 200


def firm(*, allows: int = N) -> list[Client]:
    """Clients of whom every second changes contributions and looks at fees often; the others look now and then."""
    features.ensure_core(NOON)
    people = Client.objects.bulk_create(
        [Client(user_id=f"o{number}", first_seen_at=NOON - timedelta(days=400)) for number in range(N)]
    )
    rng, events = np.random.default_rng(5), []
    for number, person in enumerate(people):
        often = number % 2 == 1
        for name, times in (("Contribution Changed", 30 * often), ("Adviser Fees Viewed", 30 if often else 7)):
            events += [(person, name, NOON - timedelta(days=float(day))) for day in rng.uniform(0, DAYS, times)]
    did(events)
    for person in people[:allows]:
        consent.grant(
            person.pk, purpose="profiling", channel="any", wording="portal-profiling-1", surface="portal",
            mechanism="checkbox", by=f"client:{person.pk}", at=NOON - timedelta(days=300),
        )  # fmt: skip
    return people


def did(events: list[tuple[Client, str, datetime]]) -> None:
    source, _ = Source.objects.get_or_create(
        slug="o", defaults={"name": "O", "key_sha256": b"o" * 32, "is_active": True, "created_at": NOON}
    )
    known = Event.objects.count()
    Event.objects.bulk_create(
        Event(
            source=source, message_id=f"e{known + number}", client=person, type="track", name=name, properties={},
            context={}, occurred_at=when, received_at=when,
        )
        for number, (person, name, when) in enumerate(events)
    )  # fmt: skip


def said(case=CASE) -> dict[int, tuple[str, str]]:
    rows = Attribute.objects.filter(key=telling.key(case)).values_list("client_id", "value", "source")
    return {client: (value, source) for client, value, source in rows}


def test_a_look_reads_nothing_that_came_after_it_and_nobody_who_withheld_profiling() -> None:
    people = firm(allows=100)

    found = matured.gather(CASE, at=NOON)

    assert len(found.y) == 4 * 100
    assert sorted({NOON.timestamp() - one for one in found.at}) == [86_400 * 30 * back for back in (1, 2, 3, 4)]
    newest = found.at == found.at.max()
    then = NOON - timedelta(days=30)
    ids = np.array(sorted(one.pk for one in people[:100]))
    fees = found.codes.index("fees_views_30d")
    counted = [Event.objects.filter(client=one, name="Adviser Fees Viewed", occurred_at__lte=then,
               occurred_at__gt=then - timedelta(days=30)).count() for one in ids[:6].tolist()]  # fmt: skip
    assert found.x[newest][:6, fees].tolist() == counted
    after = [Event.objects.filter(client=one, name="Adviser Fees Viewed", occurred_at__gt=then,
             occurred_at__lte=NOON).count() for one in ids[:6].tolist()]  # fmt: skip
    assert found.y[newest][:6].tolist() == [float(one >= CASE.at_least) for one in after]
    assert not {"open_rate_90d", "sends_90d", "volatility", "gender"} & set(found.codes)
    assert found.since(then).y.size == 0


def test_the_rule_tells_who_is_likely_and_forgets_who_withdraws() -> None:
    people = firm(allows=40)
    profiles.refresh(at=NOON)

    counts = telling.tell(CASE, at=NOON)

    told = said()
    assert set(told) == {one.pk for one in people[:40]}
    likely = {client for client, (value, _) in told.items() if value == "likely"}
    table = profiles.table(sorted(told), at=NOON)
    fees = table.column("fees_views_30d")
    assert likely == {int(one) for one, seen in zip(table.ids, fees, strict=True) if seen >= 1}
    assert {source for _, source in told.values()} == {f"rule:{CASE.root[:12]}"}
    assert counts == {"likely": len(likely), "unlikely": 40 - len(likely), "forgotten": N - 40}
    consent.withdraw(
        people[1].pk, purpose="profiling", channel="any", surface="portal", mechanism="button",
        by=f"client:{people[1].pk}", at=NOON,
    )  # fmt: skip
    telling.tell(CASE, at=NOON + timedelta(minutes=1))
    assert set(said()) == {one.pk for one in people[:40]} - {people[1].pk}


def test_a_model_is_learnt_proven_by_what_came_later_takes_over_and_is_demoted(
    marketer: Staff, officer: Staff, client: Browser
) -> None:
    people = firm()
    declared(CASE.code, owner=marketer, by=officer)
    early = NOON - timedelta(days=60)

    first = renewal.renew(CASE, at=early)

    assert first.outcome == "registered"
    assert first.artefact is not None
    assert (first.artefact.stage, first.artefact.card["root"]) == (Stage.WAITING, CASE.root)
    assert renewal.renew(CASE, at=early + timedelta(days=1)).outcome == "waits"
    stepped(signed(first.artefact, owner=marketer, officer=officer), Stage.SHADOW, officer=officer)
    first.artefact.refresh_from_db()
    [lacks] = evidence.of(first.artefact, at=NOON).lacking
    assert "for 0 later looks; 200 with 20 of each are the least" in lacks
    checks.judge(CASE, first.artefact, matured.gather(CASE, at=NOON), at=NOON)
    assert (evidence.of(first.artefact, at=NOON).lacking, evidence.of(first.artefact, at=NOON).decisions) == ((), N)
    stepped(first.artefact, Stage.LIVE, officer=officer)
    assert training.live(CASE.code) == first.artefact

    second = renewal.renew(CASE, at=NOON)

    assert second.outcome == "live", second.why
    assert training.live(CASE.code) == second.artefact
    judged = checks.newest(first.artefact)
    assert judged is not None
    assert judged.rows == N
    assert judged.auc is not None
    assert judged.auc_rule is not None
    assert judged.auc > judged.auc_rule
    profiles.refresh(at=NOON)
    telling.tell(CASE, at=NOON)
    assert {source for _, source in said().values()} == {f"model:{second.artefact.pk}"}
    client.force_login(marketer)
    page = client.get("/console/readiness/").content.decode()
    assert "Model version 2 tells it" in page
    assert page.count("The declared rule tells it.") == len(CASES) - 1
    assert CASE.label in page
    did([(one, "Adviser Fees Viewed", NOON + timedelta(days=40 + day)) for one in people[::2] for day in range(3)])

    failed = renewal.renew(CASE, at=NOON + timedelta(days=61))

    assert (failed.outcome, failed.artefact) == ("demoted", second.artefact)
    assert "calibration slope" in failed.why
    assert training.live(CASE.code) is None
    assert LedgerEntry.objects.filter(kind="model.demoted").count() == 1
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        OutlookCheck.objects.update(fault="")
    telling.tell(CASE, at=NOON + timedelta(days=61))
    assert {source for _, source in said().values()} == {f"rule:{CASE.root[:12]}"}


def test_with_few_looks_the_rule_tells_and_the_command_says_so() -> None:
    features.ensure_core(NOON)

    out = StringIO()
    call_command("outlook", stdout=out)

    assert [line.partition(".")[0] for line in out.getvalue().splitlines()] == [f"{one.code}: waits" for one in CASES]
    assert LedgerEntry.objects.filter(kind="outlook.told").count() == len(CASES)
    assert OutlookCheck.objects.count() == len(CASES)


def test_points_count_what_is_known_only() -> None:
    codes = tuple(point.code for case in CASES for point in case.rule)
    for case in CASES:
        unknown = np.full((1, len(codes)), np.nan)
        known = np.full((1, len(codes)), np.nan)
        for point in case.rule:
            known[0, codes.index(point.code)] = point.at_least if point.at_least is not None else point.at_most
        assert case.points(unknown, codes).tolist() == [0]
        assert case.points(known, codes).tolist() == [sum(point.points for point in case.rule)]
        assert 0 < case.likely <= sum(point.points for point in case.rule)
