"""The project's settings, on the test run's own server."""

from tests import services

services.start()

from personalize.settings import *  # noqa: E402, F403 - the environment comes first

LEDGER_CHECKPOINTS = None  # a test that wants the file names one
# Argon2 is slow on purpose; a test that signs in has nothing to protect.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
