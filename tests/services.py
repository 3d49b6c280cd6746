"""A real PostgreSQL for a test run: started before Django reads its settings, gone when the run ends.

With DATABASE_URL set, that server is used and nothing is started. Of several test processes the first one starts it and
the others inherit DATABASE_URL.
"""

import atexit
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from personalize.start import programs
from personalize.start.postgres import THROWAWAY, Postgres
from tests import migrated

STARTED: list[Postgres] = []
ENVIRONMENT = {
    "BROKER_URL": "memory://",  # kicks of committed transactions go nowhere; tests of workers start their own
    "DEMO_PASSWORD": "",
    "WRITE_KEY": "",
    "EMAIL_URL": "smtp://127.0.0.1:9",  # nobody listens there; a test that sends asks for `smtp_sink`
    "BASE_URL": "http://testserver",
    "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
    "DEBUG": "0",
    # Playwright's synchronous API keeps an event loop in this thread; nothing of ours is asynchronous.
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    # One core for each process, as for those that `up` starts: the threads of two numpys wait for each other.
    **programs.ONE_CORE,
    "LOG_LEVEL": "INFO",  # so that a log line that cannot be written fails a test
}


def start() -> None:
    """Set the environment that settings read; start a server if there is none."""
    os.environ.update(ENVIRONMENT)
    os.environ.setdefault("SECRET_KEY", secrets.token_hex(32))
    if not os.environ.get("DATABASE_URL"):
        folder = Path(tempfile.mkdtemp(prefix="personalize-tests-", dir="/var/tmp"))
        folder.chmod(0o711)  # the server is another user when we are root
        server = migrated.server(folder / "postgres", THROWAWAY)
        os.environ["DATABASE_URL"] = server.start()
        os.environ["TEST_TEMPLATE"] = migrated.DATABASE
        STARTED.append(server)
        atexit.register(stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a killed run tidies up too


def stop() -> None:
    """Stop and delete what `start` started in this process."""
    while STARTED:
        server = STARTED.pop()
        server.remove()
        shutil.rmtree(server.link.parent, ignore_errors=True)
