"""Topics, copy rules and the armed fence: there from the start, and back after a test's commits were truncated."""

import pytest
from django.conf import settings
from django.utils.timezone import now

from compliance import fence
from compliance.copyrules import shipped
from compliance.models import RetentionRule, Topic
from compliance.rights import retention

USES = {"db", "transactional_db", "django_db_reset_sequences"}


def keep() -> None:
    """Write down what is missing. A test that is about the fence takes it down itself."""
    if not Topic.objects.exists():
        shipped.ensure()
    if not RetentionRule.objects.exists():
        retention.ensure()
    settings.ERASURES.unlink(missing_ok=True)  # whoever an earlier test erased is nobody here
    if not fence.state().is_armed:
        fence.arm(by="system:test", at=now())


@pytest.fixture(autouse=True)
def _law(request, _django_db_helper):
    if request.node.get_closest_marker("django_db") or USES & set(request.fixturenames):
        request.getfixturevalue("db")
        keep()
