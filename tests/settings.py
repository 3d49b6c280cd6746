"""The project's settings, on the test run's own server."""

import os
import tempfile
from pathlib import Path

from tests import services

services.start()
# Each test process has a database of its own, and so an epoch of its own; the workers that it starts inherit this.
os.environ["SENDING_FENCE"] = str(Path(tempfile.mkdtemp(prefix="personalize-fence-")) / "fence")

from personalize.settings import *  # noqa: E402, F403 - the environment comes first

# What a test database is copied from; a server that was given has no such thing, and its tables are made anew.
DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ.get("TEST_TEMPLATE")}  # noqa: F405
LEDGER_CHECKPOINTS = None  # a test that wants the file names one
# Argon2 is slow on purpose; a test that signs in has nothing to protect.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
