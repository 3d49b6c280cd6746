"""What stops the start or is said loudly: undeclared personal data, lines without TLS, an application that owns its
tables.
"""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError
from django.db.models import Model

from compliance import lines, privileges
from compliance.datamap import PersonalData
from compliance.models import Client

OURS = ("campaigns", "compliance", "personalize")


@register()
def every_table_with_a_client_says_what_it_holds(**_: Any) -> list[CheckMessage]:
    """One error for each model of ours that points at a client without a usable `personal_data`."""
    return [fault for label in OURS for model in apps.get_app_config(label).get_models() for fault in faults(model)]


def faults(model: type[Model]) -> list[CheckMessage]:
    """What is wrong with one model's declaration."""
    declared = getattr(model, "personal_data", None)
    points = [one.name for one in model._meta.fields if one.related_model is Client]
    if declared is None:
        if not points and model is not Client:
            return []
        return [_error(model, "points at a client and has no personal_data", "E001")]
    if not isinstance(declared, PersonalData):
        return [_error(model, "has a personal_data that is no PersonalData", "E002")]
    if declared.on_erasure == "keep" and not declared.ground:
        return [_error(model, "survives erasure without a ground", "E003")]
    columns = {one.name for one in model._meta.fields}
    if declared.client not in ("", "self") and declared.client.split("__")[0] not in columns:
        return [_error(model, f"finds its client by {declared.client!r}, which it does not have", "E004")]
    missing = sorted(set(declared.fields) - columns)
    if missing:
        return [_error(model, f"declares fields it does not have: {', '.join(missing)}", "E005")]
    return []


@register(Tags.security, deploy=True)
def the_ledger_signs_with_a_key_of_its_own(**_: Any) -> list[CheckMessage]:
    """Whoever learns SECRET_KEY, which every process uses, could otherwise sign checkpoints too."""
    if settings.LEDGER_KEY != settings.SECRET_KEY:
        return []
    hint = "Set LEDGER_KEY to 64 random characters; docs/operating.md, The ledger's key, says how to keep the old one."
    return [Error("LEDGER_KEY is SECRET_KEY or not set.", hint=hint, id="compliance.E006")]


@register(Tags.security, deploy=True)
def no_line_can_be_read_on_its_way(**_: Any) -> list[CheckMessage]:
    """In production, what leaves the machine for the database, the broker or the mail server goes under TLS."""
    if not settings.PRODUCTION:
        return []
    databases = {"DATABASE_URL": settings.DATABASES["default"], "OWNER_DATABASE_URL": settings.OWNER_DATABASE or {}}
    found = lines.readable(
        databases=databases,
        broker=settings.BROKER_URL,
        mail=settings.EMAIL_HOST,
        mail_is_safe=settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL,
    )
    words = "The line leaves this machine without TLS."
    return [Error(f"{one.partition(':')[0]}: {words}", hint=one, id="compliance.E007") for one in found]


@register(Tags.database)
def the_application_owns_nothing(**_: Any) -> list[CheckMessage]:
    """Runs with `check --database default`: a login that owns the tables could switch off what guards the records."""
    if settings.OWNER_DATABASE is not None:
        return []  # this very command may be the owner's
    try:
        owned = privileges.application_owns()
    except DatabaseError:
        return []
    hint = "Set OWNER_DATABASE_URL for `prepare` alone; see docs/operating.md, Database roles."
    words = f"The login of DATABASE_URL owns {owned} tables, so it could switch off what guards the records."
    return [Warning(words, hint=hint, id="compliance.W001")] if owned else []


def _error(model: type[Model], words: str, code: str) -> Error:
    return Error(f"{model._meta.label} {words}.", hint="See compliance/datamap.py.", obj=model, id=f"compliance.{code}")
