"""What a decision reads of one client is what limits, segments and safeguards read of many at once."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db.models import JSONField, Value

from campaigns.bulk import circumstances
from campaigns.choosing.openings import Known
from campaigns.live import deciding, kept
from campaigns.live import told as facts
from campaigns.wellbeing import calm
from compliance import certificates, vulnerability
from compliance.models import Staff
from compliance.web import acting
from personalize.models import Attribute
from tests.campaigns.shortly import PLACE, SECRET
from tests.campaigns.test_serving import may_see_web, web
from tests.campaigns.world import World


@pytest.mark.parametrize(
    "told",
    [
        {
            "risk_tolerance": "growth",
            "experience": Value(None, JSONField()),
            "vulnerable": True,
            "goal": "house",
            "client_category": "x",
        },
        {"risk_tolerance": 3, "vulnerable": "no", "goal": 'ein "Haus"'},
        {"vulnerable": 0, "goal": {"of": ["many"]}, "client_category": "professional"},
        {"vulnerable": "", "goal": ""},
        {},
    ],
)
def test_what_limits_know_is_read_as_for_many_clients_at_once(world: World, token: str, told: dict[str, Any]) -> None:
    person = may_see_web(world, world.client(1))
    with acting("system:test"):
        seen = {"client_category": "professional", "goal": "seen", **told}
        for origin, some in (("inferred", seen), ("declared", told)):
            for key, value in some.items():
                Attribute.objects.create(
                    client=person, key=key, origin=origin, value=value, source="s", at=world.at + timedelta(days=1)
                )
    web(world)
    here = kept.place(PLACE).look()
    assert here is not None

    row = deciding._read(here, SECRET.encode(), user_id=person.user_id, placement=PLACE, at=world.at)

    assert facts.circumstances(row) == circumstances(np.array([person.pk]), at=world.at)[0]
    assert facts.values(row) == []  # none of it was true by then


@pytest.mark.parametrize("told", [{}, {"client_category": "professional"}])
def test_t32_who_is_spared_or_certified_is_read_as_for_many_clients_at_once(
    world: World, token: str, officer: Staff, told: dict[str, Any]
) -> None:
    person, day, by = may_see_web(world, world.client(1, **told)), world.at.date(), {"by": officer, "at": world.at}
    vulnerability.note(person.pk, "health", words="Ill.", source="client", ground="vital",
                       review_on=day + timedelta(days=1), **by)  # fmt: skip
    certificates.record(person.pk, "sophisticated", signed_on=day, until=day + timedelta(days=9), evidence="V", **by)
    web(world)
    here = kept.place(PLACE).look()
    assert here is not None

    for days in (0, 10):
        at = world.at + timedelta(days=days)
        row = deciding._read(here, SECRET.encode(), user_id=person.user_id, placement=PLACE, at=at)
        found = facts.circumstances(row)

        assert found == circumstances(np.array([person.pk]), at=at)[0]
        assert found[3] is True
        assert found[8] == told.get("client_category", "" if days else "certified")


def test_who_is_alike_is_in_the_same_segment_and_who_is_not_is_not(world: World) -> None:
    web(world)
    here = kept.place(PLACE).look()
    assert here is not None

    for goal in ("", "house"):
        for tenure in (0.0, 29.9, 30.0, 179.0, 180.0, 400.0, 5_000.0, 31.0):
            row = (1, "", "", False, goal, "en", "[]", tenure, "", "UK")
            codes, known = here.closed(row, [], [True] * 4, now=calm.NOTHING, at=world.at)
            assert known.segment.tolist() == Known.told([row]).segment.tolist()
            assert [one.shape for one in codes] == [(1, 1), (1, 2), (1, 1)]
