"""A simulated firm shows what an objective does: engagement alone buys attention and pays with outcomes."""

import pytest

from tests.bench import firm_world
from tests.bench.firm_world import KINDS, Driven, Segmented, World
from tests.bench.policy_adaptor import Engine

CLIENTS, DAYS = 1_000, 80


def last_month(objective):
    world = World(KINDS["small"], clients=CLIENTS, seed=4)
    if objective == "segmented":
        policy = Segmented(world, 4)
    else:
        policy = Driven(Engine(levels=world.levels, n_clients=CLIENTS, seed=4, objective=objective))
    return firm_world.run(world, policy, days=DAYS).total(30)


@pytest.fixture(scope="module")
def months():
    return {one: last_month(one) for one in ("segmented", "engagement", "value")}


def test_optimising_engagement_alone_picks_urgency_and_halves_outcome_quality(months):
    engagement, value = months["engagement"], months["value"]

    quality = {name: one["good"] / one["accesses"] for name, one in months.items()}
    urgent = {name: one["urgent"] / one["sends"] for name, one in months.items()}
    assert quality["engagement"] < 0.5 * quality["value"]
    assert urgent["engagement"] > 0.5
    assert urgent["value"] < 0.3
    assert value["unsub"] / value["sends"] < engagement["unsub"] / engagement["sends"]


def test_the_default_objective_is_worth_more_to_clients_than_the_segmented_campaign(months):
    assert months["value"]["value"] > 1.2 * months["segmented"]["value"]
