"""Whom a run chose by what clients own, earn or went through tells it of them: no page, list or call names them."""

import pytest
from django.test import Client as Browser

from campaigns import runs
from campaigns.models import Message, Run
from compliance.models import Staff
from tests.campaigns.test_previews import world
from tests.campaigns.world import World

__all__ = ["world"]  # of an hour ago: pages ask the real clock
EARNS = {"field": "attribute:annual_income", "op": "exists", "value": True}
GRIEVES = {"field": "attribute:bereaved", "op": "eq", "value": "yes"}
SAVES = {"field": "goal", "op": "eq", "value": "house"}
PARTS = ("hello", True), ("calm", False), ("plain", True), ("read", True)
ALL = {"list": True, "page": True, "mail": True, "outbox": True, "client": True, "call": True, "preview": True,
       "preview mail": True}  # fmt: skip
NOTHING = dict.fromkeys(ALL, False)


def launched(world: World, slug: str, *, audience: dict, shown: dict | None = None) -> Run:
    """A run to the one client there is; shown: the rule of the body that they get, beside one for everybody."""
    campaign = world.campaign(slug, parts=PARTS, audience=audience)
    if shown:
        campaign.candidates.filter(version__block__slug="calm").update(rule=shown)
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    for chunk in run.chunks.all():
        runs.assemble(chunk.pk, at=world.at)
    return run


def told(browser: Browser, staff: Staff, run: Run) -> dict[str, bool]:
    """Where this person is told that the client was chosen by the run."""
    message = Message.objects.select_related("client", "campaign").get(run=run)
    slug, number, key = message.campaign.slug, str(message.pk), message.client.user_id
    preview = f"/console/campaigns/{slug}/preview/"
    places = {
        "list": (f"/console/runs/{run.pk}/", number),
        "page": (f"/console/messages/{number}/", key),
        "mail": (f"/console/messages/{number}/mail/", "html"),
        "outbox": (f"/compliance/messages/?campaign={slug}", number),
        "client": (f"/console/clients/{message.client.ref}/", number),
        "call": (f"/api/v1/clients/{key}/messages", number),
        "preview": (preview, key),
        "preview mail": (f"{preview}{message.client_id}/", "html"),
    }
    browser.force_login(staff)
    answers = {name: browser.get(path) for name, (path, _) in places.items()}
    assert {one.status_code for one in answers.values()} <= {200, 403, 404}
    return {
        name: answers[name].status_code == 200 and sign in answers[name].content.decode()
        for name, (_, sign) in places.items()
    }


@pytest.mark.parametrize(
    ("audience", "shown"),
    [(EARNS, None), ({"any": [{"not": GRIEVES}, SAVES]}, None), (SAVES, EARNS), ({}, {"all": [SAVES, GRIEVES]})],
)
def test_a_marketer_is_not_told_whom_a_sensitive_rule_chose(
    world: World, client: Browser, officer: Staff, audience: dict, shown: dict | None
) -> None:
    world.client(7143, goal="house", annual_income="81234", bereaved="yes")

    run = launched(world, "chosen", audience=audience, shown=shown)

    assert told(client, world.marketer, run) == NOTHING
    assert told(client, officer, run) == ALL
    assert told(client, world.editor, run)["list"] is True
    client.force_login(world.marketer)
    assert "Kept for compliance officers" in client.get(f"/console/runs/{run.pk}/").content.decode()


def test_what_other_rules_chose_stays_there_beside_it(world: World, client: Browser, officer: Staff) -> None:
    world.client(7143, goal="house", annual_income="81234")
    kept = launched(world, "kept", audience=EARNS)

    open_to_all = launched(world, "open", audience=SAVES)

    lost = Message.objects.get(run=open_to_all)
    assert lost.window["lost_to"] == str(Message.objects.get(run=kept).pk)
    assert told(client, world.marketer, open_to_all) == ALL
    assert told(client, world.marketer, kept) == NOTHING
    for path in (f"/console/messages/{lost.pk}/", f"/console/runs/{open_to_all.pk}/"):
        assert "It lost to" not in client.get(path).content.decode()
    client.force_login(officer)
    assert "It lost to" in client.get(path).content.decode()


def test_what_a_run_read_counts_and_not_what_its_campaign_reads_now(world: World, client: Browser) -> None:
    world.client(7143, goal="house", annual_income="81234")
    run = launched(world, "chosen", audience=EARNS)

    run.campaign.audience = SAVES
    run.campaign.save(update_fields=["audience"])

    seen = told(client, world.marketer, run)
    assert seen == {**NOTHING, "preview": True, "preview mail": True}
