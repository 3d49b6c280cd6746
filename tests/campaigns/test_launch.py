"""`launch CAMPAIGN` from the shell: it waits, counts, and its exit code says how it went."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from campaigns import runs
from campaigns.models import Run
from tests.campaigns.sink import Sink
from tests.campaigns.world import World


def launch(*argv: str) -> str:
    out = io.StringIO()
    call_command("launch", *argv, stdout=out)
    return out.getvalue()


def test_a_launch_ends_with_everybody_accounted_for(world: World, sink: Sink) -> None:
    world.client(1)
    world.client(2, consented=False)
    world.campaign()

    said = launch("guide", "--here", "--json")

    assert len(sink.mails) == 1
    facts = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert facts == {
        "run": Run.objects.get().pk, "state": "finished", "audience": 2, "sent": 1, "suppressed": {"unknown": 1},
        "held": 0, "failed": 0, "pending": 0, "unconfirmed": 0,
    }  # fmt: skip
    assert said.endswith("Finished. All 2 are accounted for.\n")


def test_a_campaign_that_is_not_ready_names_every_blocker_and_gives_one(world: World) -> None:
    world.campaign()

    with pytest.raises(CommandError) as refused:
        launch("guide")

    assert refused.value.returncode == 1
    assert str(refused.value) == "The campaign is not ready:\n- No client matches the audience."
    assert not Run.objects.exists()


def test_an_unknown_campaign_or_person_is_refused(world: World) -> None:
    world.client(1)
    world.campaign()

    for argv in (["nothing"], ["guide", "--by", "editor"], ["guide", "--by", "nobody"]):
        with pytest.raises(CommandError) as refused:
            launch(*argv)
        assert refused.value.returncode == 1
    assert not Run.objects.exists()


def test_what_still_waits_when_the_time_is_up_gives_two(world: World, sink: Sink) -> None:
    sink.at_rcpt[world.client(1).email] = "451 4.7.1 later"
    world.campaign()

    with pytest.raises(CommandError) as waits:
        launch("guide", "--here", "--wait", "2")

    assert waits.value.returncode == 2
    assert runs.counts(Run.objects.get().pk) == runs.Counts(audience=1, pending=1)
