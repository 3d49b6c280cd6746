"""The off-policy lab: answers with their overlap, refusals with their reason, and the weekly look at its own log."""

import csv
from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client as Browser

from campaigns.lab import answers, questions, selfcheck
from campaigns.models import Message, Question, Run, SelfCheck
from compliance import roles
from compliance.models import LedgerEntry, Role, Staff
from tests.campaigns.world import World
from tests.people import NOON, PASSWORD

pytestmark = pytest.mark.django_db
HEADER = ["row_id", "recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel",
          "segment", "visit", "conversion", "spend"]  # fmt: skip
LATER = NOON.replace(year=2028)


def shop(path, n: int) -> None:
    """A logged experiment of three equal arms: mens .5, womens .3, nothing .1."""
    rng = np.random.default_rng(4)
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for row in range(n):
            segment = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")[row % 3]
            visit = int(rng.random() < {"M": 0.5, "W": 0.3, "N": 0.1}[segment[0]])
            months, spent, womens, new = rng.integers(1, 13), rng.uniform(30, 500), *rng.integers(0, 2, 2)
            known = [row, months, "2) $100 - $200", round(spent, 2), 1, womens, "Urban", new, "Web"]
            writer.writerow([*known, segment, visit, 0, 0.0])
    call_command("load_dataset", "hillstrom", str(path), stdout=StringIO(), stderr=StringIO())


def asked(by: Staff, policy: str = "nothing", **more) -> Question:
    span = {"since": LATER - timedelta(days=3_000), "until": LATER}
    return questions.ask("re_engagement", policy, by=by, at=LATER, **{**span, **more})


def evaluate(*more: str) -> str:
    out = StringIO()
    call_command("evaluate", "re_engagement", "--logged", "all", *more, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_question_is_answered_once_with_estimates_and_overlap(marketer: Staff, tmp_path, client: Browser) -> None:
    shop(tmp_path / "shop.csv", 600)
    question = asked(marketer)
    client.force_login(marketer)
    assert "A worker reads the log" in client.get(f"/console/lab/{question.pk}/").content.decode()

    assert answers.answer_waiting(at=LATER) == [question.pk]

    question.refresh_from_db()
    found = {one["name"]: one for one in question.answer["estimates"]}
    assert list(found) == ["ips", "snips", "dm", "dr", "sndr", "switch-dr"]
    assert [one["value"] for one in found.values()] == pytest.approx([0.1] * 6, abs=0.05)
    assert all(one["low"] < one["value"] < one["high"] for one in found.values())
    assert (question.refusal, question.answer["drawn"]) == ("", 600)
    assert question.answer["ess"] == pytest.approx(200)
    page = client.get(f"/console/lab/{question.pk}/").content.decode()
    assert "Worse than what happened" in page
    assert "too thin to let a policy go live by" in page
    assert LedgerEntry.objects.filter(kind="lab.answered").count() == 1
    assert answers.answer_waiting(at=LATER) == []
    with pytest.raises(IntegrityError, match="answered once"), transaction.atomic():
        Question.objects.filter(pk=question.pk).update(refusal="")
    assert "dr " in evaluate("--policy", "nothing")


def test_a_log_that_overlaps_too_little_gets_no_answer_and_says_why(marketer: Staff, tmp_path, client: Browser) -> None:
    shop(tmp_path / "shop.csv", 240)
    question = asked(marketer)

    answers.settle(question.pk, at=LATER)

    question.refresh_from_db()
    assert question.answer["estimates"] == []
    assert "overlap too little" in question.refusal
    client.force_login(marketer)
    page = client.get(f"/console/lab/{question.pk}/").content.decode()
    assert "No answer" in page
    assert "Doubly robust" not in page
    with pytest.raises(CommandError, match="overlap too little"):
        evaluate("--policy", "nothing")
    assert "dr " in evaluate("--policy", "uniform", "--from", "2000-01-01")
    with pytest.raises(CommandError, match="No decision"):
        evaluate("--policy", "uniform", "--to", "2000-01-01")
    with pytest.raises(CommandError, match="is no day"):
        evaluate("--policy", "uniform", "--to", "1 July")


def test_a_question_that_makes_no_sense_is_refused_by_field(marketer: Staff, editor: Staff, client: Browser) -> None:
    sent = {"use_case": "re_engagement", "policy": "uniform", "since": "2026-07-01", "until": "2026-10-01"}
    client.force_login(marketer)

    for change in ({"use_case": "x"}, {"policy": ""}, {"policy": "model:7"}, {"since": "2026-10-01"},
                   {"until": "soon"}, {"campaign": "nobodys"}):  # fmt: skip
        answer = client.post("/console/lab/ask/", {**sent, **change})
        assert (answer.status_code, Question.objects.count()) == (422, 0), change
        assert 'role="alert"' in answer.content.decode()

    assert client.post("/console/lab/ask/", sent).status_code == 302
    assert Question.objects.get().policy == "uniform"
    client.force_login(editor)
    assert client.get("/console/lab/").status_code == 403


def test_a_question_about_one_campaign_exists_for_its_desk_only(world: World, officer: Staff, client: Browser) -> None:
    stranger = roles.hire("stranger", Role.MARKETER, PASSWORD, desk="elsewhere")
    world.campaign()
    span = {"campaign": "guide", "since": NOON - timedelta(days=9), "until": NOON, "at": NOON}
    with pytest.raises(questions.BadQuestion, match="no campaign of that name"):
        questions.ask("onboarding", "uniform", by=stranger, **span)
    assert not Question.objects.exists()
    asked = questions.ask("onboarding", "uniform", by=world.marketer, **span)

    found = {}
    for person in (stranger, world.marketer, officer):
        client.force_login(person)
        page = client.get("/console/lab/").content.decode()
        found[person.username] = (client.get(f"/console/lab/{asked.pk}/").status_code, "(guide)" in page)

    assert found == {"stranger": (404, False), "marketer": (200, True), "officer": (200, True)}


def test_the_weekly_check_finds_every_probability_again_and_notices_one_that_is_not_true(
    decided: Run, marketer: Staff, client: Browser
) -> None:
    at = decided.launched_at + timedelta(days=40)

    good = selfcheck.look(at=at)

    assert [(one.use_case, one.drawn_again, one.differing, one.fault) for one in good] == [("onboarding", 400, 0, "")]
    assert abs(good[0].mean_weight - 1) < 4 * good[0].weight_error
    assert abs(good[0].estimate - good[0].happened) < 4 * good[0].estimate_error
    wrong = Message.objects.filter(run=decided).order_by("pk")[:3]
    for one in wrong:
        Message.objects.filter(pk=one.pk).update(propensity=one.propensity * 0.9)

    bad = selfcheck.one("onboarding", since=at - selfcheck.WINDOW, until=at, at=at)

    assert bad.differing == 3
    assert bad.fault.startswith("3 logged probabilities")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        SelfCheck.objects.filter(pk=bad.pk).update(fault="")
    client.force_login(marketer)
    page = client.get("/console/lab/").content.decode()
    assert "3 logged probabilities are not found again." in page
    assert LedgerEntry.objects.filter(kind="lab.checked").count() == 2
