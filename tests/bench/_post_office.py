"""django-post-office on its own: queue personalised mails and send them all. Run as a program, prints JSON.

`python -m tests.bench._post_office N PORT FOLDER` with DATABASE_URL and SECRET_KEY set; FOLDER holds `text` and `html`,
templates with {{ first_name }}. Its tables are made if they are missing.
"""

import json
import os
import sys
import time
from pathlib import Path

import django
from django.conf import settings
from environ import FileAwareEnv

NAMES = ("django", "post_office")  # it asks for an engine of its own name


def main(n: int, port: int, folder: Path) -> None:
    """Queue with send_many in the batches its README advises, then send until nothing is queued."""
    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        DATABASES={"default": FileAwareEnv().db_url("DATABASE_URL")},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={"BATCH_SIZE": 1000, "LOG_LEVEL": 1},
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "NAME": name} for name in NAMES],
    )
    django.setup()
    from django.core.management import call_command
    from post_office import mail

    call_command("migrate", verbosity=0)
    text, markup = (folder / "text").read_text(), (folder / "html").read_text()
    begun = time.perf_counter()
    for first in range(0, n, 1000):
        mail.send_many(
            [
                {
                    "sender": "hello@mail.example",
                    "recipients": [f"queue{number}@mail.example"],
                    "subject": "{{ first_name }}, a short guide",
                    "message": text,
                    "html_message": markup,
                    "context": {"first_name": f"Client{number}"},
                }
                for number in range(first, min(n, first + 1000))
            ]
        )
    queued = time.perf_counter()
    sent = 0
    while sent < n:
        some, failed, again = mail.send_queued(processes=1, log_level=1)
        if failed or again or not some:
            raise SystemExit(f"{sent} sent, {failed} failed, {again} put off")
        sent += some
    print(json.dumps({"queue_s": queued - begun, "send_s": time.perf_counter() - queued, "sent": sent}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
