"""Audiences: what a rule means in SQL is what it means in Python, and nothing but a rule gets into the SQL."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import audiences
from compliance.models import Channel, Client, Preference, Purpose
from personalize import declarations, features
from personalize.models import Attribute, Event, EventType, Origin, Profile, Source
from tests.campaigns.world import World

RISKS, GOALS = ("cautious", "balanced", "growth"), ("retirement", "house")


def people(world: World) -> list[dict[str, Any]]:
    """Twelve clients of every kind, as plain facts; the database holds the same."""
    source = Source.objects.create(slug="web", name="Web", key_sha256=b"x" * 32, created_at=world.at)
    facts = []
    for number in range(12):
        one = {
            "risk_tolerance": (*RISKS, None)[number % 4],
            "goal": (None, *GOALS)[number % 3],
            "horizon_years": (1, 5.5, None, 20)[number % 4],
            "jurisdiction": ("UK", "EU", "US")[number % 3],
            "language": ("en", "de")[number % 2],
            "tenure_days": (1, 100, 1000)[number % 3],
            "events:Module Completed": number % 5,
            "consent:marketing:email": "unknown",
        }
        client = Client.objects.create(
            user_id=f"p{number}",
            email=f"p{number}@mail.example",
            jurisdiction=one["jurisdiction"],
            language=one["language"],
            first_seen_at=world.at - timedelta(days=one["tenure_days"]),
        )
        for key in ("risk_tolerance", "goal", "horizon_years"):
            if one[key] is not None:
                declarations.declare(client.pk, key, one[key], source="test", at=world.at - timedelta(days=1))
        for index in range(one["events:Module Completed"]):
            Event.objects.create(
                source=source, message_id=f"{number}-{index}", client=client, type=EventType.TRACK,
                name="Module Completed", occurred_at=world.at - timedelta(days=1), received_at=world.at,
            )  # fmt: skip
        if number % 4 == 0:
            world.consent(client)
            one["consent:marketing:email"] = "allowed"
        facts.append({"id": client.pk, **one})
    return facts


def holds(rule: dict[str, Any], one: dict[str, Any]) -> bool:
    """The oracle: what a rule means, in Python."""
    if not rule:
        return True
    if "all" in rule:
        return all(holds(part, one) for part in rule["all"])
    if "any" in rule:
        return any(holds(part, one) for part in rule["any"])
    if "field" not in rule:
        return not holds(rule["not"], one)
    have, op, value = one[rule["field"]], rule["op"], rule.get("value")
    if op == "exists":
        return (have is not None) == value
    if op == "not":
        return have is None or have not in (value if isinstance(value, list) else [value])
    if have is None:
        return False
    if op in ("eq", "in"):
        return have in (value if isinstance(value, list) else [value])
    low, high = {"gte": (value, None), "lte": (None, value), "between": value}[op]
    if any(bound is not None and isinstance(bound, str) != isinstance(have, str) for bound in (low, high)):
        return False
    return (low is None or have >= low) and (high is None or have <= high)


NUMBERS = st.sampled_from([0, 1, 2, 5.5, 100, 1000])


def leaf() -> st.SearchStrategy[dict[str, Any]]:
    words = st.sampled_from([*RISKS, *GOALS, "UK", "EU", "en", "de", "allowed", "unknown", "x'; drop", "%s"])
    texts = ["risk_tolerance", "goal", "jurisdiction", "language", "consent:marketing:email"]
    numbers = ["horizon_years", "tenure_days", "events:Module Completed"]
    return st.one_of(
        st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(texts),
                  st.sampled_from(["eq", "not"]), words),
        st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(texts),
                  st.sampled_from(["in", "not"]), st.lists(words, min_size=1, max_size=3)),
        st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(texts),
                  st.sampled_from(["gte", "lte"]), words),
        st.builds(lambda f, op, v: {"field": f, "op": op, "value": v}, st.sampled_from(numbers),
                  st.sampled_from(["eq", "gte", "lte", "not"]), NUMBERS),
        st.builds(lambda f, a, b: {"field": f, "op": "between", "value": [a, b]}, st.sampled_from(numbers), NUMBERS,
                  NUMBERS),
        st.builds(lambda f, v: {"field": f, "op": "exists", "value": v}, st.sampled_from([*texts, *numbers]),
                  st.booleans()),
    )  # fmt: skip


RULES = st.recursive(
    leaf(),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


def test_a_rule_means_in_sql_what_it_means_in_python(world: World) -> None:
    facts = people(world)
    ids = np.array([one["id"] for one in facts], np.int64)

    @given(RULES)
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(rule: dict[str, Any]) -> None:
        expected = [one["id"] for one in facts if holds(rule, one)]
        assert audiences.members(rule, at=world.at).tolist() == expected
        assert ids[audiences.mask(rule, ids, at=world.at)].tolist() == expected

    check()


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"field": "shoe_size", "op": "eq", "value": 1}, "There is no field 'shoe_size'."),
        ({"field": "c.id); drop table x; --", "op": "eq", "value": 1}, "There is no field 'c.id); drop table x; --'."),
        ({"field": "gender", "op": "eq", "value": "f"},
         "'gender' is a protected attribute; nobody may be chosen by it."),
        (
            {"field": "attribute:gender", "op": "eq", "value": "f"},
            "'attribute:gender' is a protected attribute; nobody may be chosen by it.",
        ),
        ({"field": "goal", "op": "like", "value": "x"},
         "'like' is not an operator; use one of eq, in, gte, lte, between, exists, not."),
        ({"field": "tenure_days", "op": "gte", "value": "x"}, "tenure_days is compared with a number, not 'x'."),
        ({"field": "goal", "op": "eq", "value": "a\x00b"},
         "The text compared with goal is too long or holds a character we cannot keep."),
        ({"field": "goal", "op": "eq", "value": "a\ud800"},
         "The text compared with goal is too long or holds a character we cannot keep."),
        ({"field": "tenure_days", "op": "gte", "value": 10**400}, "tenure_days is compared with a number, not "),
        ({"field": "goal", "op": "in", "value": []}, "goal takes 1 to 200 values."),
        ({"field": "events:Module Completed", "op": "gte", "value": 1, "days": 0},
         "days of events:Module Completed is a whole number from 1 to 3650."),
        ({"all": {}}, "all takes a list of rules."),
        ({"none": []}, "A rule has one of all, any, not or field; this one has ['none']."),
        ([], "A rule is an object with all, any, not, or a field."),
        (json.loads('{"not":' * 9 + '{"field":"goal","op":"exists","value":true}' + "}" * 9),
         "A rule may be at most 8 levels deep."),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_is_refused_with_a_sentence(world: World, rule: Any, sentence: str) -> None:
    with pytest.raises(audiences.BadRule) as refused:
        audiences.members(rule, at=world.at)

    assert str(refused.value).startswith(sentence)


def test_what_a_client_told_us_beats_what_was_worked_out(world: World) -> None:
    client = world.client(1, goal="house")
    Attribute.objects.create(
        client=client, key="goal", origin=Origin.INFERRED, value="retirement", source="web", at=world.at
    )

    assert audiences.members({"field": "goal", "op": "eq", "value": "house"}, at=world.at).tolist() == [client.pk]
    assert audiences.members({"field": "goal", "op": "eq", "value": "retirement"}, at=world.at).tolist() == []


def test_a_list_matches_by_any_of_its_entries(world: World) -> None:
    client = world.client(1, life_event=["new_child", "moved"])

    assert audiences.members({"field": "life_event", "op": "eq", "value": "moved"}, at=world.at).tolist() == [client.pk]


def test_a_feature_of_the_registry_can_be_asked_for(world: World) -> None:
    client, other = world.client(1), world.client(2)
    place = next(one.position for one in features.registry() if one.code == "tenure_days")
    vector = np.full(len(features.registry()), np.nan, "<f4")
    vector[place] = 41.5
    Profile.objects.create(client=client, vector=vector.tobytes(), version=1, refreshed_at=world.at)
    rule = {"field": "feature:tenure_days", "op": "between", "value": [41, 42]}

    assert audiences.mask(rule, np.array([client.pk, other.pk]), at=world.at).tolist() == [True, False]


def test_the_count_says_where_everybody_fell_out(world: World) -> None:
    world.client(1)
    world.client(2, consented=False)
    world.client(3, email="one@mail.example")
    world.client(4, email="one@mail.example")
    paused = world.client(5)
    Preference.objects.create(client=paused, pause_until=(world.at + timedelta(days=9)).date(), updated_at=world.at)
    Client.objects.filter(pk=world.client(6).pk).update(email="")
    capped = world.client(7)
    Preference.objects.create(client=capped, max_per_week=0, updated_at=world.at)

    found = audiences.count({}, purpose=Purpose.MARKETING, channel=Channel.EMAIL, at=world.at)

    assert [n for _, n in found.steps] == [7, 6, 5, 4, 3, 2]
    assert dict(found.lost) == {"no_address": 1, "unknown": 1, "paused": 1, "capped": 1, "duplicate_address": 1}
