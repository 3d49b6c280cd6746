"""What attention costs: a curve weighed from the log alone, shown where rewards are chosen."""

from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, transaction
from django.test import Client as Browser

from campaigns import charts
from campaigns.charts import Spot
from campaigns.lab import tradeoffs
from campaigns.models import Interaction, Message, Run, TradeOff
from compliance.models import LedgerEntry, Staff
from personalize import features
from personalize.models import Outcome

PAGE = "/console/learning/"


def told(run: Run, *, measured: bool = True) -> None:
    """Of two bodies, drawn alike, the first is opened more and serves less; opens are known where we may measure."""
    rng = np.random.default_rng(8)
    Outcome.objects.all().delete()
    opens, good = [], []
    tenure = next(one.position for one in features.registry() if one.code == "tenure_days")
    for one in Message.objects.filter(run=run).order_by("pk"):
        pressing = bool(rng.random() < 0.5)
        choice, factors = [*one.choice], [*one.slot_propensity]
        choice[1], factors[1] = int(not pressing), 0.5
        if rng.random() < (0.7 if pressing else 0.3):
            opens.append(Interaction(message=one, kind="open", is_human=True, at=one.sent_at + timedelta(hours=2)))
        if rng.random() < (0.1 if pressing else 0.5):
            good.append(Outcome(client_id=one.client_id, kind="Module Completed", value=1.0,
                                at=one.sent_at + timedelta(days=1)))  # fmt: skip
        seen = np.frombuffer(bytes(one.features), "<f4").copy()
        seen[tenure] = rng.uniform(0, 900)
        Message.objects.filter(pk=one.pk).update(
            features=seen.tobytes(), choice=choice, slot_propensity=factors, propensity=float(np.prod(factors))
        )
    Interaction.objects.bulk_create(opens)
    Outcome.objects.bulk_create(good)
    Message.objects.filter(run=run).update(merge={"measure": measured}, arm="personalised")


@pytest.mark.django_db
def test_the_curve_shows_that_opens_are_bought_with_outcomes(decided: Run, marketer: Staff, client: Browser) -> None:
    told(decided)
    at = decided.launched_at + timedelta(days=40)

    made = tradeoffs.one("onboarding", at=at, least=300)

    assert made is not None
    assert made.refusal == ""
    found = {point["share"]: point for point in made.points}
    assert found[1.0]["opened"][0] > found[0.0]["opened"][0] + 0.1
    assert found[1.0]["served"][0] < found[0.0]["served"][0] - 0.1
    assert all(low < value < high for point in made.points for value, low, high in (point["opened"], point["served"]))
    assert LedgerEntry.objects.filter(kind="lab.weighed").count() == 1
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        TradeOff.objects.filter(pk=made.pk).update(points=[])
    client.force_login(marketer)
    page = client.get(PAGE).content.decode()
    assert "What attention costs: Onboarding journey" in page
    assert page.count('class="hollow"') == sum(point["share"] > 0.2 for point in made.points) > 0
    assert page.count('class="dot"') == sum(point["share"] <= 0.2 for point in made.points) > 0


@pytest.mark.django_db
def test_nothing_is_weighed_of_whom_we_may_not_measure_nor_of_too_few(decided: Run, client: Browser) -> None:
    told(decided, measured=False)

    assert tradeoffs.draw(at=decided.launched_at + timedelta(days=40)) == []
    with pytest.raises(CommandError, match="500 matured decisions"):
        call_command("weigh", stdout=StringIO())
    assert not TradeOff.objects.exists()
    client.force_login(decided.campaign.owner)
    assert "Nothing was weighed yet" in client.get(PAGE).content.decode()


def test_a_frontier_places_each_policy_within_its_intervals():
    spots = [Spot("100 %", (0.3, 0.28, 0.32), (0.1, 0.08, 0.12), False),
             Spot("0 %", (0.2, 0.18, 0.22), (0.2, 0.15, 0.25), True)]  # fmt: skip

    drawn = charts.frontier(spots)

    assert drawn is not None
    first, last = drawn.spots
    assert last.left < last.x < last.right < first.left < first.x < first.right
    assert last.top < last.y < last.bottom
    assert first.y > last.y  # what serves less lies lower
    assert drawn.path == f"M{first.x} {first.y}L{last.x} {last.y}"
    assert drawn.names == ((first.x, first.y, "100 %"), (last.x, last.y, "0 %"))
    assert charts.frontier([]) is None
    near = charts.frontier([spots[0], Spot("80 %", (0.301, 0.28, 0.32), (0.1, 0.08, 0.12), False), spots[1]])
    assert near is not None
    assert [words for _, _, words in near.names] == ["100 % to 80 %", "0 %"]
