"""django-post-office on its own: queue personalised mails and send them all. Run as a program, prints JSON.

`python -m tests.bench._post_office WAY N PORT FOLDER` with DATABASE_URL and SECRET_KEY set; FOLDER holds `text` and
`html`, templates with {{ first_name }}. Its tables are made if they are missing.

WAY   "bulk", the quickest that it has: send_many in batches of 1,000, sent by its threads in batches as large;
      "readme", as its README begins: mail.send of a stored template for each, and the command send_queued_mail
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
SENDER, SUBJECT = "hello@mail.example", "{{ first_name }}, a short guide"
SETTINGS = {"bulk": {"BATCH_SIZE": 1000, "LOG_LEVEL": 1}, "readme": {}}


def main(way: str, n: int, port: int, folder: Path) -> None:
    """Queue them all, then send until nothing is queued."""
    settings.configure(
        SECRET_KEY=os.environ["SECRET_KEY"],
        DATABASES={"default": FileAwareEnv().db_url("DATABASE_URL")},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE=SETTINGS[way],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "NAME": name} for name in NAMES],
    )
    django.setup()
    from django.core.management import call_command
    from post_office.models import STATUS, Email

    from tests.bench import _processor

    call_command("migrate", verbosity=0)
    text, markup = (folder / "text").read_text(), (folder / "html").read_text()
    queue, send = {"bulk": (_send_many, _threads), "readme": (_send_each, _command)}[way]
    server = _processor.server()
    marks = [(time.perf_counter(), _processor.spent(server))]
    queue(n, text, markup)
    marks.append((time.perf_counter(), _processor.spent(server)))
    send(n, folder)
    marks.append((time.perf_counter(), _processor.spent(server)))
    sent = Email.objects.filter(status=STATUS.sent).count()
    if sent != n:
        raise SystemExit(f"{sent} of {n} sent")
    (begun, idle), (queued, cpu), (done, spent) = marks
    print(
        json.dumps(
            {"queue_s": queued - begun, "send_s": done - queued, "queue_cpu_s": cpu - idle, "send_cpu_s": spent - cpu}
        )
    )


def _send_many(n: int, text: str, markup: str) -> None:
    from post_office import mail

    for first in range(0, n, 1000):
        mail.send_many(
            [
                {
                    "sender": SENDER,
                    "recipients": [f"queue{number}@mail.example"],
                    "subject": SUBJECT,
                    "message": text,
                    "html_message": markup,
                    "context": {"first_name": f"Client{number}"},
                }
                for number in range(first, min(n, first + 1000))
            ]
        )


def _send_each(n: int, text: str, markup: str) -> None:
    from post_office import mail
    from post_office.models import EmailTemplate

    EmailTemplate.objects.create(name="guide", subject=SUBJECT, content=text, html_content=markup)
    for number in range(n):
        context = {"first_name": f"Client{number}"}
        mail.send(f"queue{number}@mail.example", SENDER, template="guide", context=context)


def _threads(n: int, folder: Path) -> None:
    from post_office import mail

    sent = 0
    while sent < n:
        some, failed, again = mail.send_queued(processes=1, log_level=1)
        if failed or again or not some:
            raise SystemExit(f"{sent} sent, {failed} failed, {again} put off")
        sent += some


def _command(n: int, folder: Path) -> None:
    from django.core.management import call_command

    call_command("send_queued_mail", lockfile=str(folder / "lock"))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
