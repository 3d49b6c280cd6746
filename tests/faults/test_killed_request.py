"""A request that is killed anywhere leaves everything it was to write, or nothing."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils.timezone import now

from campaigns.models import Block, BlockVersion
from compliance.access import bearers
from compliance.models import LedgerEntry, Staff
from tests import owner
from tests.faults.processes import ROOT

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
REQUESTS = 24


def test_a_killed_request_leaves_nothing_half_written(marketer: Staff) -> None:
    at = now()
    _, secret = bearers.give(
        marketer, name="killed", scopes=["build_campaigns"], by=marketer, at=at, expires_at=at + timedelta(days=1)
    )
    env = {**os.environ, "DATABASE_URL": owner.application_url(), "DJANGO_SETTINGS_MODULE": "personalize.settings"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed", secret, str(REQUESTS), "5"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    made = set(Block.objects.filter(slug__startswith="killed-").values_list("slug", flat=True))
    whole = set(BlockVersion.objects.filter(block__slug__startswith="killed-").values_list("block__slug", flat=True))
    told = LedgerEntry.objects.filter(kind="block.drafted").count()
    assert (made, told) == (whole, len(whole))
    assert int(done.stdout) <= len(whole) < REQUESTS  # some were cut short, and some were not
    assert whole
