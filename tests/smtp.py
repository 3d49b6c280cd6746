"""A real SMTP server that keeps what it is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from personalize.catcher import smtp
from personalize.catcher.mailbox import Mailbox
from personalize.start.postgres import free_port


@pytest.fixture
def smtp_sink(tmp_path: Path, settings: Settings) -> Iterator[Mailbox]:
    """Django's mail goes to this mailbox: `.find()` lists it newest first, `.body(key)` gives the bytes."""
    mailbox, port = Mailbox(tmp_path / "mail"), free_port()
    receiver = smtp.listen(mailbox, port=port)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # pytest-django put in the locmem one
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    yield mailbox
    receiver.stop()
