"""The short way to a decision, asked as a program with a token asks, and what it kept."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from campaigns import serving
from campaigns.live import deciding
from campaigns.models import Message
from compliance.access import bearers
from compliance.web import acting
from tests.campaigns.world import World

SECRET = "a-secret-of-a-program"
PLACE = "home-hero"


@pytest.fixture
def token(world: World) -> str:
    """A program's token, used a moment ago: the first use of a minute goes the long way, which notes it."""
    made, _ = bearers.give(
        world.marketer, name="page", scopes=["read", "build_campaigns"], expires_at=None, by=world.marketer,
        at=world.at, secret=SECRET,
    )  # fmt: skip
    bearers.used(made, at=world.at)
    return SECRET


def short(user_id: str, *, at: datetime, secret: str = SECRET) -> serving.Served | None:
    with acting("system:test"):  # a test is one transaction: who acts in it must be said again afterwards
        return deciding.decide(secret.encode(), user_id=user_id, placement=PLACE, request="a-request", at=at)


def same(served: serving.Served | None) -> serving.Served:
    assert served is not None
    return replace(served, decision=UUID(int=0))


def kept_as(served: serving.Served | None) -> UUID:
    assert served is not None
    return served.decision


def row_of(served: serving.Served | None) -> dict[str, Any]:
    """Everything that is kept of a decision, but its number."""
    columns = [one.attname for one in Message._meta.fields if one.attname != "id"]
    return Message.objects.values(*columns).get(pk=kept_as(served))
