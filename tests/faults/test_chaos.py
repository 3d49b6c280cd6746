"""The short form of `make chaos`, with real workers, a real database of its own and a mail server that misbehaves."""

import json
import os
import subprocess
import sys

import pytest

from personalize.start import environment

pytestmark = pytest.mark.fault
SEEDS = [int(one) for one in os.environ.get("CHAOS_SEEDS", "3").split(",")]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_breaks_nothing_is_sent_twice_lost_or_against_a_wish(seed: int) -> None:
    argv = [sys.executable, "-m", "tests.faults.chaos", "--mails", "600", "--faults", "9", "--minutes", "6"]

    done = subprocess.run(
        [*argv, "--seed", str(seed)], cwd=environment.ROOT, capture_output=True, text=True, timeout=540, check=False
    )

    assert done.stdout.strip(), done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["faults_found"] == {}, f"{told}\n{done.stderr[-3000:]}"
    assert sum(told["faults"].values()) >= 6
    assert told["in_doubt"] <= told["may_be_in_doubt"]
    assert told["opted_out"] >= 10
