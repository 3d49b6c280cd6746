"""Segment's and RudderStack's own SDKs, unmodified, plain and gzip; what they send appears in the profile."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.timezone import now
from rudderstack.analytics.client import Client as RudderPython
from segment.analytics.client import Client as SegmentPython

from personalize import profiles
from personalize.models import Event, QuarantinedItem, Source

# One worker installs and runs them: two that install into one folder at once undo each other's work.
pytestmark = [pytest.mark.sdk, pytest.mark.xdist_group("sdk"), pytest.mark.django_db(transaction=True)]
KEY = "sdk-write-key"
ROOT = Path(__file__).resolve().parents[2]
SDK, CACHE = ROOT / "tests" / "sdk", ROOT / ".cache" / "sdk"
CALLS = ["alias", "group", "identify", "page", "track"]


@pytest.fixture
def door(live_server):
    """The address of a real server that knows one write key."""
    Source.objects.create(slug="sdk", name="SDK", key_sha256=hashlib.sha256(KEY.encode()).digest(), created_at=now())
    return live_server.url


@pytest.fixture(scope="session")
def node() -> str:
    """Node with the SDKs of tests/sdk/package-lock.json installed; fails loudly where that cannot be had."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
        subprocess.run([uv, "sync", "--frozen", "--group", "node", "--inexact"], check=True, cwd=ROOT)
        npm, node = (str(Path(sys.executable).parent / name) for name in ("npm", "node"))
    CACHE.mkdir(parents=True, exist_ok=True)
    for file in SDK.iterdir():
        shutil.copy(file, CACHE / file.name)
    done = CACHE / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < (SDK / "package-lock.json").stat().st_mtime:
        # Not `npm ci`: it refuses a lock without the native helpers of platforms that the registry did not offer.
        subprocess.run(
            [npm, "install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"], check=True, cwd=CACHE
        )
    return node


def run(node: str, program: str, *arguments: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        [node, program, *arguments], cwd=CACHE, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def seen(user_id: str) -> list[str]:
    assert list(QuarantinedItem.objects.values_list("reason", flat=True)) == []
    return sorted(Event.objects.filter(client__user_id=user_id).values_list("type", flat=True))


def plan_of(user_id: str) -> list[object]:
    client_id = Event.objects.filter(client__user_id=user_id)[0].client_id
    return [one.value for one in profiles.known(client_id) if one.key == "plan"]


@pytest.mark.parametrize("zipped", [False, True])
def test_segments_python_sdk(door, zipped):
    failures: list[object] = []
    client = SegmentPython(
        KEY, host=door, gzip=zipped, sync_mode=False, on_error=lambda error, items: failures.append(error)
    )
    client.identify("python-1", {"plan": "isa"})
    client.track("python-1", "Dashboard Viewed", {"from": "segment-python"})
    client.page("python-1", name="Home")
    client.group("python-1", "household-1")
    client.alias("python-device", "python-1")

    client.shutdown()

    assert failures == []
    assert seen("python-1") == CALLS
    assert plan_of("python-1") == ["isa"]


@pytest.mark.parametrize("zipped", [False, True])
def test_rudderstacks_python_sdk(door, zipped):
    failures: list[object] = []
    client = RudderPython(KEY, host=door, gzip=zipped, on_error=lambda error, items: failures.append(error))
    client.identify("rudder-python-1", {"plan": "isa"})
    client.track("rudder-python-1", "Dashboard Viewed", {"from": "rudder-python"})
    client.page("rudder-python-1", name="Home")
    client.group("rudder-python-1", "household-1")
    client.alias("rudder-python-device", "rudder-python-1")

    client.shutdown()

    assert failures == []
    assert seen("rudder-python-1") == CALLS
    assert plan_of("rudder-python-1") == ["isa"]


def test_segments_node_sdk(door, node):
    run(node, "segment.mjs", door, KEY)

    assert seen("node-1") == CALLS
    assert plan_of("node-1") == ["isa"]


@pytest.mark.parametrize("zipped", ["plain", "gzip"])
def test_rudderstacks_node_sdk(door, node, zipped):
    run(node, "rudder.mjs", door, KEY, zipped)

    assert seen("rudder-1") == CALLS
    assert plan_of("rudder-1") == ["isa"]
