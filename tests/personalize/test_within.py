"""What a model says comes true in every group, or the model takes no step."""

from dataclasses import replace

import numpy as np
import pytest

from campaigns.trials import gate
from compliance import groups
from compliance.groups import Membership
from compliance.models import Client
from personalize import features, fitting
from personalize.learn import within
from personalize.learn.fairness import Cell
from personalize.models import ModelStep
from personalize.registry import steps
from personalize.training import Examples
from tests.models import declared, signed
from tests.people import NOON
from tests.personalize.test_training import drawn

ROWS, CLIENTS = 4_990, 1_996  # below 5,000 a linear model is fitted, quickly


def cells(group, amounts, tenths):
    """Cells as the wall gives them."""
    return [
        Cell(name, 1.0, int(one), len(mine), float(mine.sum()), float((mine**2).sum()))
        for name in np.unique(group)
        for one in np.unique(tenths)
        if len(mine := amounts[(group == name) & (tenths == one)])
    ]


def judged(*, n=40_000, high=0.0, seed=1):
    """Group b comes `high` more often than is said; group a as often."""
    rng = np.random.default_rng(seed)
    group, said = np.where(rng.random(n) < 0.3, "b", "a"), rng.uniform(0.05, 0.4, n)
    came = (rng.random(n) < said + high * (group == "b")).astype(float)
    tenths = within.tenths(said)
    return {one.group: one for one in within.judged("sex", cells(group, came, tenths), cells(group, said, tenths))}


@pytest.mark.parametrize(("high", "verdict"), [(0.0, "pass"), (0.038, "warn"), (0.12, "fail"), (-0.038, "warn")])
def test_a_group_for_whom_more_or_less_comes_than_was_said_is_found(high, verdict):
    found = judged(n=400_000, high=high)

    assert (found["a"].verdict, found["b"].verdict) == ("pass", verdict)
    assert found["b"].apart == pytest.approx(abs(high), abs=0.015)


def test_scores_that_are_too_sure_in_one_group_have_a_slope_below_one():
    rng = np.random.default_rng(2)
    z = rng.normal(-1, 1.2, 60_000)
    group = np.where(rng.random(60_000) < 0.5, "b", "a")
    came = (rng.random(60_000) < 1 / (1 + np.exp(-np.where(group == "b", 0.6 * z - 0.4, z)))).astype(float)
    said = 1 / (1 + np.exp(-z))
    tenths = within.tenths(said)

    a, b = within.judged("sex", cells(group, came, tenths), cells(group, said, tenths))

    assert (a.slope, b.slope) == (pytest.approx(1, abs=0.05), pytest.approx(0.6, abs=0.07))


def test_few_rows_are_no_pass_and_probable_members_are_not_judged():
    found = judged(n=2_000)
    probable = [replace(one, probability=0.7) for one in cells(np.array(["a"]), np.ones(1), np.zeros(1))]

    assert (found["b"].verdict, found["b"].apart) == ("not_enough", None)
    assert within.judged("sex", probable, probable) == []


def clients_of_two_groups():
    made = Client.objects.bulk_create([Client(user_id=f"a{one}", first_seen_at=NOON) for one in range(CLIENTS)])
    groups.put(
        [Membership(one.pk, "sex", "ab"[row % 2], 1.0, "audit", None) for row, one in enumerate(made)],
        source="test", at=NOON,
    )  # fmt: skip
    return np.array([one.pk for one in made], np.int64)


def log(clients, *, apart) -> Examples:
    """Several rows of everybody; what comes to group b is so much rarer, which no feature tells."""
    place = {one.code: one.position for one in features.registry()}
    given, rng = drawn(ROWS), np.random.default_rng(2)
    z = -3.3 + 0.4 * (given.x[:, place["risk_tolerance"]] - 1)
    mine = np.arange(ROWS) % CLIENTS
    z = np.nan_to_num(z, nan=-3.3) + np.where(mine % 2, -apart, apart)
    return replace(given, y=(rng.random(ROWS) < 1 / (1 + np.exp(-z))).astype(float), client=clients[mine])


@pytest.mark.django_db
@pytest.mark.parametrize(("apart", "refused"), [(1.5, True), (0.0, False)])
def test_a_model_that_misjudges_a_group_takes_no_step(officer, marketer, apart, refused):
    features.ensure_core(NOON)
    declared("onboarding", owner=marketer, by=officer)
    made = fitting.fit("onboarding", log(clients_of_two_groups(), apart=apart), by="system:test", at=NOON)
    made = signed(made, owner=marketer, officer=officer, at=NOON)

    found = {one["group"]: one for one in made.card["fairness"]["within"]}

    assert set(found) == {"a", "b"}
    assert [one["verdict"] == "fail" for one in found.values()] == [refused, refused]
    if refused:
        with pytest.raises(steps.CannotStep, match="does not come true in a group: sex: a"):
            gate.ask(made.pk, by=marketer, at=NOON)
    else:
        gate.ask(made.pk, by=marketer, at=NOON)
    assert ModelStep.objects.count() == int(not refused)
