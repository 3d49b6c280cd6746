"""The project's settings with another URL map: the peers' handlers of a benchmark beside ours."""

import os

from personalize.settings import *  # noqa: F403

ROOT_URLCONF = os.environ["BENCH_URLCONF"]
