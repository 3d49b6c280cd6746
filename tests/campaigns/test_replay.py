"""Replay: what was sent can be made again, and every difference has a name."""

from io import StringIO

import pytest
from django.core.management import call_command

from campaigns import replay, runs
from campaigns.models import Chunk, Message, Run
from compliance.models import ReviewItem
from tests.campaigns.world import World


@pytest.fixture
def message(world: World) -> Message:
    for number in range(6):
        world.client(number, risk_tolerance="growth", goal="house")
    run = runs.launch(world.campaign(share_control=0.3), by=world.marketer, at=world.at)
    for chunk in Chunk.objects.filter(run=run):
        runs.assemble(chunk.pk, at=world.at)
    return Message.objects.filter(arm="personalised", state="pending").order_by("pk")[0]


def said(message: Message) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("replay", str(message.pk), stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue().strip()


def test_every_message_of_a_run_is_identical(message: Message) -> None:
    found = [replay.rebuild(one.pk) for one in Message.objects.all()]

    assert {(one.identical, one.difference, one.compared) for one in found} == {
        (True, "", ("decision", "words", "bytes"))
    }
    assert said(message) == (0, "identical (compared: decision, words, bytes)")


def test_a_firm_that_moves_changes_no_old_mail(message: Message, settings: object) -> None:
    settings.BASE_URL = settings.PUBLIC_URL = "https://elsewhere.example"
    settings.MAIL_DOMAIN = "mail.elsewhere.example"
    settings.FIRM = {**settings.FIRM, "sender": "Elsewhere <hello@mail.elsewhere.example>", "name": "Elsewhere"}

    assert replay.rebuild(message.pk).identical


def test_what_is_known_of_the_client_today_changes_nothing(world: World, message: Message) -> None:
    client = message.client
    client.first_name = "Another"
    client.save(update_fields=["first_name"])
    client.attributes.all().delete()
    client.declarations.all().delete()

    assert replay.rebuild(message.pk).identical


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"choice": [0, 2, 0], "propensity": 1.0}, "Choice for body: stored candidate 2, rebuilt 1."),
        ({"slot_propensity": [1.0, 0.9, 1.0]}, "Probability for body: stored 0.9, rebuilt "),
        ({"arm": "control"}, "Side of the experiment: stored control, rebuilt personalised."),
        ({"merge": {"goal": "x", "measure": True}}, "Bytes: stored sha256 "),
        ({"address": "other@mail.example"}, "Bytes: stored sha256 "),
        ({"mime_sha256": b"\1" * 32}, "Bytes: stored sha256 01010101"),
    ],
)
def test_the_first_difference_is_named(message: Message, change: dict, difference: str) -> None:
    if change.get("choice"):
        rebuilt = message.choice[1]
        change = {**change, "choice": [message.choice[0], 2 if rebuilt != 2 else 0, message.choice[2]]}
        difference = f"Choice for body: stored candidate {change['choice'][1]}, rebuilt {rebuilt}."
    Message.objects.filter(pk=message.pk).update(**change)

    code, words = said(message)

    assert code == 1
    assert words.startswith(f"different: {difference}")


def test_the_fallback_after_an_editors_no_is_rebuilt_too(world: World, message: Message) -> None:
    campaign = world.campaign(
        "second",
        parts=(("hello", True), ("calm", False), ("plain", True), ("read", True)),
    )
    world.block("urgent", slot="body", body="Are you worried about debt?", approved=False)
    campaign.candidates.filter(version__block__slug="calm").update(
        version=world.block("urgent", slot="body", body="Are you worried about debt?", approved=False)
    )
    Run.objects.update(state="finished")
    world.read_together(campaign)
    run = runs.launch(campaign, by=world.marketer, at=world.at)
    for chunk in Chunk.objects.filter(run=run):
        runs.assemble(chunk.pk, at=world.at)
    assert ReviewItem.objects.filter(state="waiting").exists()
    world.reject()
    runs.release(at=world.at)

    found = {replay.rebuild(one.pk) for one in Message.objects.filter(run=run, state="pending")}

    assert {one.difference for one in found} == {""}


def test_an_unknown_message_is_refused_with_code_2(message: Message) -> None:
    from django.core.management.base import CommandError

    for wrong in ("not-an-id", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(CommandError) as refused:
            call_command("replay", wrong)
        assert refused.value.returncode == 2
