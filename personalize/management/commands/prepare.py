"""Make a database ready for the firm: broker, tables, and on a demonstration machine the demo."""

import gc
import hashlib
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection, transaction
from django.utils.timezone import now

from compliance import bulk, fence, privileges
from compliance.models import ApiToken, Client, Staff
from compliance.web import acting
from personalize import celery
from personalize.bulk import broker
from personalize.models import Source
from personalize.start.steps import StepFailed, say, step

# Migrating makes and drops thousands of models that refer to themselves. To look for them every 700 objects, as Python
# does, takes a fifth of its time; every 50,000 takes 110 MB for as long as it lasts.
SELDOM = 50_000


class Command(BaseCommand):
    help = "What `up` does once the database answers; deployments run it before each new version. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._prepare()
        except StepFailed as failed:
            say(str(failed))
            raise SystemExit(1) from None

    def _prepare(self) -> None:
        with bulk.connected_as(settings.OWNER_DATABASE):
            _reach("OWNER_DATABASE_URL" if settings.OWNER_DATABASE else "DATABASE_URL")
            with acting("system:start"):
                _tables()
        _reach("DATABASE_URL")
        with acting("system:start"):
            with step("sending") as outcome:
                fence.arm_if_new(by="system:start", at=now())
                outcome.append(fence.state().why)
            if settings.DEMO_PASSWORD and not settings.PRODUCTION and "demo" in get_commands():
                self._demo()

    def _demo(self) -> None:
        """Seed the firm where there are no clients yet; else bring sign-ins and keys up to date if they changed."""
        if not Client.objects.exists():
            say("  demo firm: clients, six months of history, campaigns; once, about a minute")
        with step("demo firm") as outcome:
            if _is_current():
                outcome.append("there already")
            else:
                call_command("demo")


def _reach(name: str) -> None:
    try:
        connection.ensure_connection()
    except OperationalError as failed:
        say(f"The database does not answer: {failed}Check {name}, and that the server is up and lets us in.")
        raise SystemExit(1) from None


def _tables() -> None:
    """Broker, tables and grants, as the owner of the tables."""
    if celery.EMBEDDED:
        with step("broker") as outcome, transaction.atomic():
            outcome.append("pgmq installed" if broker.install(list(celery.QUEUES)) else "pgmq, there already")
    often = gc.get_threshold()
    gc.set_threshold(SELDOM, *often[1:])
    with step("tables"):
        call_command("migrate", interactive=False, verbosity=0)
    gc.set_threshold(*often)
    with step("privileges") as outcome:
        if settings.OWNER_DATABASE is None:
            outcome.append("NONE: the application's own login owns its tables; see docs/operating.md, Database roles")
            return
        login = settings.APPLICATION_LOGIN
        try:
            with transaction.atomic():
                changed = privileges.settle(login["USER"], password=login["PASSWORD"])
        except privileges.NoSuchLogin as missing:
            raise StepFailed(f"The login of DATABASE_URL does not exist; {missing}.") from None
        outcome.append(f"{login['USER']}, {changed} tables changed" if changed else f"{login['USER']}, as they were")


def _is_current() -> bool:
    """True when the demo is there and its sign-ins and keys are those of the settings."""
    tokens = [_digest(token) for token in settings.API_TOKENS.values() if token]
    marketer = Staff.objects.filter(username="marketer").first()
    return (
        Client.objects.exists()
        and Source.objects.filter(key_sha256=_digest(settings.WRITE_KEY)).exists()
        and ApiToken.objects.filter(sha256__in=tokens).count() == len(tokens)
        and marketer is not None
        and marketer.check_password(settings.DEMO_PASSWORD)
    )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
