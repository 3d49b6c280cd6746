"""Topics, copy rules and the armed fence: there from the start, and back after a test's commits were truncated."""

import pytest
from django.utils.timezone import now

from compliance import fence, rules
from compliance.models import Topic

USES = {"db", "transactional_db", "django_db_reset_sequences"}


@pytest.fixture(scope="session")
def _law_kept(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        if not Topic.objects.exists():
            rules.ensure()
        if not fence.state().is_armed:  # a test that is about the fence takes it down itself
            fence.arm(by="system:test", at=now())


@pytest.fixture(autouse=True)
def _law(request, _django_db_helper):
    if request.node.get_closest_marker("django_db") or USES & set(request.fixturenames):
        request.getfixturevalue("_law_kept")
        request.getfixturevalue("db")
        if not Topic.objects.exists():
            rules.ensure()
        if not fence.state().is_armed:  # a test that is about the fence takes it down itself
            fence.arm(by="system:test", at=now())
