"""T-36: a restricted client's data are kept and used for nothing: no audience, no score, no hand-over."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from campaigns import audiences, copies, runs
from campaigns.models import Message
from campaigns.sending import delivery
from compliance import consent
from compliance.models import Client, LedgerEntry, Staff
from compliance.rights import requests
from personalize import profiles
from personalize.models import Profile
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World

HOUR = timedelta(hours=1)


def test_t36_gate_scoring_and_audiences_respect_a_restriction(world: World, sink: Sink, officer: Staff) -> None:
    ann, ben = world.client(1, risk_tolerance="cautious"), world.client(2)
    run = launched(world)
    Profile.objects.all().delete()
    requests.restrict(ann.pk, why="Art. 18", by=officer, at=world.at)

    delivery.send(limit=9, at=world.at)
    profiles.refresh(at=world.at, client_ids=[ann.pk, ben.pk])
    everybody = audiences.members({"all": []}, at=world.at).tolist()

    assert [address for address, _ in sink.mails] == [ben.email]
    assert {one.client_id: one.reason for one in Message.objects.filter(state="suppressed")} == {ann.pk: "restricted"}
    assert runs.counts(run.pk).sent == 1
    assert list(Profile.objects.values_list("client_id", flat=True)) == [ben.pk]
    assert everybody == [ben.pk]
    assert consent.may_send(ann.pk, purpose="profiling", channel="any", at=world.at).reason == "restricted"
    with pytest.raises(requests.BadRequestOfRights):
        requests.lift_restriction(ann.pk, why="", by=officer, at=world.at)
    requests.lift_restriction(ann.pk, why="Settled; she was told.", by=officer, at=world.at)
    assert sorted(audiences.members({"all": []}, at=world.at).tolist()) == [ann.pk, ben.pk]
    profiles.refresh(at=world.at + HOUR, client_ids=[ann.pk])
    assert Profile.objects.filter(client=ann).exists()


def test_a_clients_copy_holds_all_of_theirs_and_nobody_elses(
    world: World, sink: Sink, officer: Staff, tmp_path: Path
) -> None:
    ann = world.client(1, life_goal="a house")
    world.client(2, life_goal="a boat")
    launched(world)
    delivery.send(limit=9, at=world.at)

    packed = zipfile.ZipFile(io.BytesIO(copies.make(ann.pk, by=officer, at=world.at)))

    data, read = json.loads(packed.read("data.json")), packed.read("README.html").decode()
    for text in (json.dumps(data), read):
        assert "a house" in text
        assert "client1@mail.example" in text
        assert "Here is how" in text  # the words of the message
        assert "a boat" not in text
        assert "client2@" not in text
    assert {"messages you got", "clients", "consent events", "declarations"} <= {one["name"] for one in data["parts"]}
    assert LedgerEntry.objects.get(kind="access.packed").about == f"client:{ann.pk}"
    out = tmp_path / "copy.zip"
    call_command("access_export", "u1", str(out))
    assert zipfile.is_zipfile(out)
    with pytest.raises(CommandError, match="no client"):
        call_command("access_export", "nobody", str(out))
    assert Client.objects.count() == 2
