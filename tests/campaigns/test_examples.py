"""Past decisions as examples: what was chosen between, what came of it, and what another policy would have done."""

import csv
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from campaigns import examples
from campaigns.lab import weighing
from campaigns.lab.weighing import CannotTell, Policy
from personalize import training
from personalize.models import Artefact, Stage
from tests.people import NOON

pytestmark = pytest.mark.django_db
HEADER = ["row_id", "recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel",
          "segment", "visit", "conversion", "spend"]  # fmt: skip
LATER = NOON.replace(year=2028)


@pytest.fixture
def hillstrom(tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "hillstrom.csv"
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for row in range(900):
            segment = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")[row % 3]
            visit = int(rng.random() < {"M": 0.5, "W": 0.3, "N": 0.1}[segment[0]])
            writer.writerow(
                [
                    row,
                    int(rng.integers(1, 13)),
                    "2) $100 - $200",
                    round(float(rng.uniform(30, 500)), 2),
                    1,
                    int(rng.integers(0, 2)),
                    "Urban",
                    int(rng.integers(0, 2)),
                    "Web",
                    segment,
                    visit,
                    0,
                    0.0,
                ]
            )
    call_command("load_dataset", "hillstrom", str(path), stdout=StringIO(), stderr=StringIO())
    return path


def test_decisions_become_examples_with_what_was_open(hillstrom):
    log = examples.logged("re_engagement", at=LATER)

    found = log.examples
    assert len(found.y) == 900
    assert (found.slots, [len(one) for one in found.candidates]) == (("value_proposition",), [2])
    assert sorted(np.unique(found.choice).tolist()) == [-1, 0, 1]
    assert found.propensity.tolist() == pytest.approx([1 / 3] * 900)
    assert log.drawn.all()
    assert not log.closed[0].any()
    assert {one.use_case: one.rows for one in examples.readiness(at=LATER)}["re_engagement"] == 900
    assert len(examples.examples("onboarding", at=LATER).y) == 0


def test_what_another_policy_would_have_done(hillstrom):
    log = examples.logged("re_engagement", at=LATER)
    best = max(
        log.examples.candidates[0], key=lambda one: weighing.judge(log, Policy("candidate", digest=one)).value("snips")
    )

    values = [weighing.judge(log, one).value("snips")
              for one in (Policy("nothing"), Policy("uniform"), Policy("candidate", digest=best))]  # fmt: skip

    assert values == pytest.approx([0.1, 0.4, 0.5], abs=0.08)
    with pytest.raises(CannotTell):
        weighing.judge(log, Policy("candidate", digest="nobody"))


def test_train_registers_a_model_that_waits_and_refuses_too_little(hillstrom):
    out = StringIO()

    call_command("train", "re_engagement", stdout=out, stderr=StringIO())

    made = Artefact.objects.get()
    assert made.stage == Stage.WAITING
    assert made.sha256 in out.getvalue()
    assert training.live("re_engagement") is None
    with pytest.raises(CommandError, match="Rules choose"):
        call_command("train", "onboarding", stdout=StringIO(), stderr=StringIO())
    assert Artefact.objects.count() == 1
