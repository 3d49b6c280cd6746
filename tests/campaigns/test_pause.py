"""A run with too many complaints pauses by itself, and a second person lets it go on."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Message, Pause, Run
from campaigns.provider import events, watch
from campaigns.provider.events import Kind, Notice
from compliance import roles
from compliance.models import LedgerEntry, Role, Staff
from tests.campaigns.sink import Sink
from tests.campaigns.test_provider import sent_run
from tests.campaigns.world import World


@pytest.fixture
def second(db: None) -> Staff:
    return roles.hire("second", Role.MARKETER, "x" * 12)


def complaints(n: int, run: Run, world: World) -> None:
    for message in Message.objects.filter(run=run, state="sent").order_by("pk")[:n]:
        events.take(
            Notice("test", f"c{message.pk}", Kind.COMPLAINED, world.at, key=str(message.pk), address=message.address),
            at=world.at,
        )


def test_a_run_with_too_many_complaints_pauses_and_a_second_person_lets_it_go_on(
    world: World, sink: Sink, second: Staff
) -> None:
    run = sent_run(world, sink, n=8)
    complaints(2, run, world)
    assert watch.look(at=world.at) == []  # two prove nothing

    complaints(3, run, world)
    assert (watch.look(at=world.at), watch.look(at=world.at)) == ([run.pk], [])

    paused = Pause.objects.get()
    assert (paused.reason, paused.counted, paused.share) == ("complaint", 8, 3 / 8)
    with pytest.raises(watch.SamePerson):
        watch.resume(run.pk, reason="fine", by=world.marketer, at=world.at)
    with pytest.raises(watch.NoReason):
        watch.resume(run.pk, reason="  ", by=second, at=world.at)
    assert Pause.objects.filter(resumed_at=None).count() == 1
    with pytest.raises(IntegrityError, match="nobody_resumes_the_run_they_launched"), transaction.atomic():
        Pause.objects.update(resumed_by=world.marketer, resumed_at=world.at, why_resumed="by hand")

    watch.resume(run.pk, reason="One company's filter; it was mended.", by=second, at=world.at)
    with pytest.raises(watch.NotPaused):
        watch.resume(run.pk, reason="again", by=second, at=world.at)
    assert watch.look(run_ids=[run.pk], at=world.at) == []  # the same share was judged
    assert [one.kind for one in LedgerEntry.objects.filter(kind__in=["run.paused", "run.resumed"]).order_by("id")] == [
        "run.paused", "run.resumed",
    ]  # fmt: skip


@given(events=st.integers(0, 500), sent=st.integers(0, 200_000))
def test_a_run_stops_at_its_limit_and_not_before(events: int, sent: int) -> None:
    for kind, limit in watch.LIMITS.items():
        found = watch._judge(kind, events, sent)
        share = events / max(sent, events, 1)
        assert 0 <= found.share <= 1
        assert (found.level == "stop") == (events >= limit.fewest and share >= limit.stop)
        assert (found.level == "warn") == (events >= limit.fewest and limit.warn <= share < limit.stop)


def test_the_runs_page_says_why_it_stands_still_and_who_may_let_it_go_on(
    world: World, sink: Sink, second: Staff, client: Browser
) -> None:
    run = sent_run(world, sink, n=5)
    complaints(4, run, world)
    watch.look(at=world.at)
    client.force_login(world.marketer)

    page = client.get(reverse("run", args=[run.pk])).content.decode()
    refused = client.post(reverse("run_resume", args=[run.pk]), {"reason": "mine"})
    assert "This run is paused." in page
    assert "Let it go on" not in page
    assert refused.status_code == 403
    assert Pause.objects.filter(resumed_at=None).exists()

    client.force_login(second)
    assert client.post(reverse("run_resume", args=[run.pk]), {"reason": ""}).status_code == 422
    assert client.post(reverse("run_resume", args=[run.pk]), {"reason": "Looked at; fine."}).status_code == 302
    assert client.post(reverse("run_resume", args=[run.pk]), {"reason": "Again"}).status_code == 409
    assert Pause.objects.get().resumed_by == second
