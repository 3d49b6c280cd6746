"""An officer writes, tries and keeps a version in the console; reviewers disagree with findings; programs read."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.http import QueryDict
from django.test import Client
from django.utils.datastructures import MultiValueDict
from django.utils.timezone import now

from campaigns.rulechanges import enacting, form
from compliance import review
from compliance.access import bearers
from compliance.copyrules import book
from compliance.judging import disagreements
from compliance.models import CopyRule, Disagreement, LedgerEntry, ReviewItem, Role, Staff
from compliance.reviewing import copyrules
from compliance.words import lint
from tests.campaigns.test_rulechanges import STEP
from tests.campaigns.world import World
from tests.people import reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(db: None) -> Staff:
    return reviewer("officer", Role.OFFICER)


def signed_in(staff: Staff) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def typed(rule: lint.Rule = STEP, **more: str) -> dict:
    plain = {name: getattr(rule, name) for name in form.TEXTS}
    return {"code": rule.code, **plain, **form.shown(rule), "styles": list(rule.styles), "why": "House style.", **more}


def test_an_officer_sees_the_radius_before_a_version_is_kept(world: World, officer: Staff) -> None:
    world.block("calm")
    console = signed_in(officer)

    early = console.post("/compliance/rules/new/", typed(save="1"))
    assert early.status_code == 422
    assert "Look at what this version would change" in early.content.decode()
    assert not CopyRule.objects.filter(code=STEP.code).exists()

    tried = early.context["tried"]
    assert [one.title for one in tried.caught] == ["Calm (version 1)"]
    assert tried.sentence in early.content.decode()
    kept = console.post("/compliance/rules/new/", typed(save="1", tried=early.context["digest"]))
    assert kept.status_code == 302
    made = CopyRule.objects.get(code=STEP.code)
    assert ReviewItem.objects.get(digest=made.digest).snapshot["says"] == tried.sentence
    shown = console.get(f"/compliance/rules/{STEP.code}/").content.decode()
    assert "Waits for a reviewer" in shown

    changed = console.post("/compliance/rules/new/", typed(code="Z91", severity="WARN", save="1", tried="0" * 64))
    assert changed.status_code == 422


def test_a_refused_version_says_which_field(world: World, officer: Staff) -> None:
    answer = signed_in(officer).post("/compliance/rules/Z90/next/", typed())
    assert answer.status_code == 404

    answer = signed_in(officer).post("/compliance/rules/P01/next/", typed(spares="Go step by step."))
    assert answer.status_code == 422
    assert answer.context["faults"].keys() == {"spares"}
    assert CopyRule.objects.filter(code="P01").count() == 1


@pytest.mark.parametrize("path", ["/compliance/rules/new/", "/compliance/rules/P01/next/"])
def test_only_officers_write(world: World, path: str) -> None:
    assert signed_in(world.editor).get(path).status_code == 403
    assert signed_in(world.marketer).post(path, typed()).status_code == 403
    assert signed_in(world.marketer).get("/compliance/rules/P01/").status_code == 200
    assert not CopyRule.objects.filter(code=STEP.code).exists()


def test_every_shipped_rule_has_a_page_and_its_form_keeps_what_it_says(world: World, officer: Staff) -> None:
    console = signed_in(officer)
    for one in lint.shipped().rules:
        assert (
            form.read(
                _posted({**typed(one), "deniable": "on" if one.deniable else "", "purposes": one.purposes}),
                code=one.code,
                check=one.check,
            )
            == one
        )
    for code in ("P01", "O01", "B02"):
        assert console.get(f"/compliance/rules/{code}/").status_code == 200
        assert console.get(f"/compliance/rules/{code}/next/").status_code == 200


def _posted(fields: dict):
    many = {name: list(value) if isinstance(value, list | tuple) else [value] for name, value in fields.items()}
    made = QueryDict(mutable=True)
    made.update(MultiValueDict(many))
    return made


def test_the_list_shows_what_held_on_a_day(world: World, officer: Staff) -> None:
    console = signed_in(officer)
    today, then = console.get("/compliance/rules/"), console.get("/compliance/rules/?on=2026-02-01")

    assert (today.context["count"], then.context["count"], then.context["is_past"]) == (90, 87, True)
    assert console.get("/compliance/rules/?on=2025-12-31").context["count"] == 0
    assert console.get("/compliance/rules/?on=soon").context["problem"]


def test_programs_read_the_rules_as_they_held(world: World, officer: Staff) -> None:
    bearers.give(
        officer, name="t", scopes=bearers.scopes_of(officer), expires_at=None, by="system:test", at=world.at,
        secret="officer",
    )  # fmt: skip

    def asked(query: str):
        return Client().get(f"/api/v1/copy-rules{query}", headers={"Authorization": "Bearer officer"})

    found = asked("").json()
    assert len(found["rules"]) == 90
    assert found["ruleset"] == ReviewItem.objects.get(digest=world.block("calm").digest).ruleset
    assert asked("?at=2025-01-01T00:00:00Z").json() | {"at": ""} == {"at": "", "ruleset": "", "rules": []}
    assert [(one["code"], one["version"]) for one in asked("?code=P01").json()["rules"]] == [("P01", 1)]
    assert asked("?at=soon").status_code == 400
    assert Client().get("/api/v1/copy-rules").status_code == 401


# -- disagreeing ---------------------------------------------------------------------------------
@pytest.fixture
def pushy(world: World) -> ReviewItem:
    """A block in which a rule finds something."""
    return ReviewItem.objects.get(digest=world.block("pushy", approved=False).digest)


def test_a_reviewer_disagrees_and_it_becomes_a_labelled_text(world: World, pushy: ReviewItem, tmp_path) -> None:
    desk = signed_in(world.editor)
    desk.get(f"/review/{pushy.pk}/")
    found = disagreements.findings(pushy)
    path = f"/review/{pushy.pk}/finding/1/disagree/"

    assert desk.post(path, {"why": " "}).status_code == 422
    assert not Disagreement.objects.exists()
    assert desk.post(path, {"why": "It is about a plan, not a sale."}).status_code == 302
    assert desk.post(path, {"why": "Again."}).status_code == 422
    assert desk.post(f"/review/{pushy.pk}/finding/9/disagree/", {"why": "None."}).status_code == 422

    made = Disagreement.objects.get()
    assert (made.rule, made.version, made.by, made.text) == (
        found[0]["rule"], found[0]["version"], world.editor, pushy.snapshot["parts"]["body"],
    )  # fmt: skip
    assert LedgerEntry.objects.filter(kind="finding.disputed").count() == 1
    assert "It is about a plan, not a sale." in desk.get(f"/review/{pushy.pk}/").content.decode()
    assert "It is about a plan, not a sale." in desk.get(f"/compliance/rules/{made.rule}/").content.decode()

    out = tmp_path / "texts.jsonl"
    call_command("export_disagreements", out)
    (line,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert (line["text"], line["style"], line["must_route_to_review"]) == (made.text, "para", len(found) > 1)


def test_the_rate_of_false_alarms_is_of_decided_texts(world: World, pushy: ReviewItem) -> None:
    code = pushy.findings[0]["rule"]
    world.block("pushy-2", slot="body", body="Here is your plan. Act now.", approved=False)
    assert disagreements.rates(code) == {}

    disagreements.add(pushy, 1, why="No sale.", by=world.editor, at=world.at)
    world.approve()

    assert disagreements.rates(code) == {1: (1, 2)}


def test_marketers_do_not_disagree_with_findings(world: World, pushy: ReviewItem) -> None:
    assert signed_in(world.marketer).post(f"/review/{pushy.pk}/finding/1/disagree/", {"why": "No."}).status_code == 403
    with pytest.raises(disagreements.NotAReviewer):
        disagreements.add(pushy, 1, why="No.", by=world.marketer, at=world.at)
    assert not Disagreement.objects.exists()


def test_a_late_finding_stands_on_the_review_and_the_rules_page(world: World, officer: Staff) -> None:
    world.block("calm")
    made = copyrules.draft(STEP, why="House style.", by=officer, at=world.at)
    item = ReviewItem.objects.get(digest=made.digest)
    review.approve(item.pk, by=world.editor, seen=item.digest, reason="Agreed.", at=world.at)
    enacting.enact(made.pk, at=world.at)
    calm = ReviewItem.objects.get(title__startswith="Calm")

    shown = signed_in(officer).get(f"/review/{calm.pk}/").content.decode()
    assert "found by a later rule" in shown
    assert "A rule blocks these words." in shown
    assert "step by step" in signed_in(officer).get(f"/compliance/rules/{STEP.code}/").content.decode()
    assert book.named(STEP.code, at=now() + timedelta(days=1)) is not None
