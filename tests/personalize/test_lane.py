"""The short way in for machines: everything in it is open by its own sign-in, and unknown paths are told so."""

import pytest
from django.test import Client as Browser
from django.urls import get_resolver

from personalize.lane import LANE
from tests.house.test_urls import addresses


def test_whatever_is_in_the_lane_signs_its_callers_in_itself() -> None:
    inside = [one.callback for route, one in addresses(get_resolver()) if f"/{route.lstrip('^')}".startswith(LANE)]

    assert len(inside) >= 3
    assert [view.__name__ for view in inside if not getattr(view, "open_reason", "")] == []


@pytest.mark.django_db
def test_an_address_in_the_lane_that_nobody_knows_is_not_found(client: Browser) -> None:
    answer = client.get(f"{LANE}nothing/of/the/kind")

    assert answer.status_code == 404


@pytest.mark.django_db
def test_an_answer_from_the_lane_is_neither_guessed_at_nor_kept(client: Browser) -> None:
    answer = client.post(f"{LANE}track", b"{}", content_type="application/json")

    assert (answer.status_code, answer["X-Content-Type-Options"], answer["Cache-Control"]) == (
        401,
        "nosniff",
        "no-store",
    )
