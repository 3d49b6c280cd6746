"""Topics, copy rules, roles and the armed fence: there from the start, and back after a test's commits were truncated.

Whoever truncates calls `keep` (tests.truncation), so that it is committed once and no later test has to write it.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.timezone import now

from compliance import fence, roles
from compliance.copyrules import shipped
from compliance.models import PurposeRecord, RetentionRule, Topic
from compliance.processing import records
from compliance.rights import retention
from tests import owner

FAR = datetime(2200, 1, 1, tzinfo=UTC)  # a test says itself when a record ends
USES = {"db", "transactional_db", "django_db_reset_sequences"}


def keep() -> None:
    """Write down what is missing, outside of any test's transaction."""
    roles.ensure()
    if not Topic.objects.exists():
        shipped.ensure()
    if not RetentionRule.objects.exists():
        retention.ensure()
    if PurposeRecord.objects.filter(stands_until=FAR).count() < len(records.SHIPPED):
        _records()
    _arm()
    _aside().write_bytes(settings.FENCE.read_bytes())


def _arm() -> None:
    settings.ERASURES.unlink(missing_ok=True)  # whoever an earlier test erased is nobody here
    if not fence.state().is_armed:
        fence.arm(by="system:test", at=now())


def _aside() -> Path:
    """The fence's half outside the database, as of the commit: who arms in a test is rolled back inside alone."""
    return settings.FENCE.with_suffix(".kept")


def _records() -> None:
    """The shipped record of every purpose, standing for good: only the owner may write such a thing."""
    with owner.as_owner():
        for purpose, facts in records.SHIPPED.items():
            kept, made = PurposeRecord.objects.get_or_create(
                purpose=purpose, is_carried=True,
                defaults={"version": 1, "facts": facts, "until": FAR.date(), "digest": purpose, "made_at": now(),
                          "stands_until": FAR},
            )  # fmt: skip
            if not made:
                PurposeRecord.objects.filter(pk=kept.pk).update(stands_until=FAR)


@pytest.fixture(autouse=True)
def _law(request, _django_db_helper):
    """A test that is about the fence takes it down itself."""
    if request.node.get_closest_marker("django_db") or USES & set(request.fixturenames):
        request.getfixturevalue("db")
        if not fence.state().is_armed:  # an earlier test wrote the file anew, and its row was rolled back
            settings.FENCE.write_bytes(_aside().read_bytes())
        _arm()
