"""T-27 on pages: a restricted investment waits for the client's 24 hours and their answer, by either way."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from campaigns import serving
from campaigns.live import kept
from campaigns.models import Campaign, Message, Run
from compliance import promotions
from compliance.models import ApiTokenUse, Client
from personalize import profiles
from tests.campaigns.shortly import short
from tests.campaigns.test_serving import may_see_web, web
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db
SENTENCE = "A restricted investment is not offered before the client's own 24 hours are over."


@pytest.fixture
def person(world: World, token: str) -> Client:
    return may_see_web(world, world.client(1))


def restricted(world: World, person: Client, *topics: str) -> Campaign:
    """A campaign that fills a page; its words are of these topics."""
    campaign = web(world)
    profiles.refresh(at=world.at)
    serving.fill(person, campaign, channel="web", at=world.at - timedelta(minutes=1))  # its text is made
    run = Run.objects.get()
    for slot in run.plan["slots"]:
        for one in slot["candidates"]:
            one["topics"] = list(topics)
    Run.objects.update(plan=run.plan)
    kept.of.cache_clear()
    Message.objects.all().delete()
    return campaign


def asked(way: str, person: Client, campaign: Campaign, *, at: datetime) -> Any:
    if way == "long":
        return serving.fill(person, campaign, channel="web", at=at)
    ApiTokenUse.objects.update(at=at)  # the first use of a minute goes the long way
    return short(person.user_id, at=at)


@pytest.mark.parametrize("way", ["long", "short"])
def test_t27_a_page_waits_for_the_24_hours_and_the_answer(world: World, person: Client, way: str) -> None:
    campaign, at = restricted(world, person, "crypto"), world.at
    later = at + timedelta(hours=25)

    told = [asked(way, person, campaign, at=at)]
    promotions.start_cooling(person.pk, product="crypto", at=at)
    told.append(asked(way, person, campaign, at=at + timedelta(hours=23)))
    told.append(asked(way, person, campaign, at=later))  # the hours are over, and nobody asked the client yet
    assert promotions.carry_on(person.pk, product="crypto", at=later)

    withheld = [{"rule": "cooling_off", "because": SENTENCE}]
    assert [(one.content, one.withheld) for one in told] == [(None, withheld)] * 3
    assert set(Message.objects.values_list("state", "reason")) == {("suppressed", "cooling_off")}
    profiles.refresh(at=later)
    assert asked(way, person, campaign, at=later + timedelta(minutes=1)).content


def test_t27_every_restricted_investment_of_a_page_is_asked_for(world: World, person: Client) -> None:
    campaign, later = restricted(world, person, "crypto", "high_risk_investment"), world.at + timedelta(hours=25)
    promotions.start_cooling(person.pk, product="crypto", at=world.at)
    promotions.carry_on(person.pk, product="crypto", at=later)

    for way in ("long", "short"):
        assert asked(way, person, campaign, at=later).withheld[0]["rule"] == "cooling_off"


def test_t27_the_short_way_asks_nothing_more_for_it(world: World, person: Client) -> None:
    campaign, counts = None, []
    for topics in ((), ("crypto",)):
        campaign = campaign or web(world)
        profiles.refresh(at=world.at)
        run = Run.objects.get()
        for slot in run.plan["slots"]:
            for one in slot["candidates"]:
                one["topics"] = list(topics)
        Run.objects.update(plan=run.plan)
        kept.of.cache_clear()
        serving.fill(person, campaign, channel="web", at=world.at)
        short(person.user_id, at=world.at)  # this process learns the run
        statements: list[str] = []

        def counted(execute: Any, sql: str, *more: Any, said: list[str] = statements) -> Any:
            said.append(sql)
            return execute(sql, *more)

        with connection.execute_wrapper(counted):
            short(person.user_id, at=world.at)
        counts.append(len(statements))

    assert counts[0] == counts[1]
