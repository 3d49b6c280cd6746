"""A process of its own that decides for whoever is named on its standard input, a JSON line in, a JSON line out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from tests import owner


class Another:
    """The process at the other end; it keeps what it keeps from question to question."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def ask(self, secret: str, user_id: str, placement: str, *, at: datetime) -> dict[str, Any] | None:
        """What the short way there says: {"shown", "rule"}, or None where it leaves the answer to the long way."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([secret, user_id, placement, at.isoformat()]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def started() -> Iterator[Another]:
    """The process, on the test's own database as the application; gone when the block ends."""
    env = {**os.environ, "DATABASE_URL": owner.application_url(), "DJANGO_SETTINGS_MODULE": "personalize.settings"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.another_process"],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Another(process)
    finally:
        process.kill()
        process.communicate()


def answer() -> None:
    """Answer until the input ends."""
    import django

    django.setup()
    from campaigns.live import deciding

    for line in sys.stdin:
        secret, user_id, placement, at = json.loads(line)
        served = deciding.decide(
            secret.encode(), user_id=user_id, placement=placement, request="other", at=datetime.fromisoformat(at)
        )
        said = served and {"shown": served.content is not None, "rule": (served.withheld or [{"rule": ""}])[0]["rule"]}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    answer()
