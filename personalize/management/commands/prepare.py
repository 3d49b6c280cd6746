"""Make a database ready for the firm: broker, tables, and on a demonstration machine the demo."""

from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection, transaction

from compliance.models import Client
from compliance.web import acting
from personalize import celery
from personalize.bulk import broker
from personalize.start.steps import say, step


class Command(BaseCommand):
    help = "What `up` does once the database answers; deployments run it before each new version. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as failed:
            say(f"The database does not answer: {failed}Check DATABASE_URL, and that the server is up and lets us in.")
            raise SystemExit(1) from None
        with acting("system:start"):
            if celery.EMBEDDED:
                with step("broker") as outcome, transaction.atomic():
                    outcome.append("pgmq installed" if broker.install(list(celery.QUEUES)) else "pgmq, there already")
            with step("tables") as outcome:
                call_command("migrate", interactive=False, verbosity=0)
            if settings.DEMO_PASSWORD and "demo" in get_commands():
                self._demo()

    def _demo(self) -> None:
        """Seed the firm where there are no clients yet; else only bring sign-ins and keys up to date."""
        if not Client.objects.exists():
            say("  demo firm: clients, six months of history, campaigns; once, about a minute")
        with step("demo firm"):
            call_command("demo")
