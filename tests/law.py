"""The topics and copy rules: there from the start, and back after a test that committed was cleaned up by TRUNCATE."""

import pytest

from compliance import rules
from compliance.models import Topic

USES = {"db", "transactional_db", "django_db_reset_sequences"}


@pytest.fixture(scope="session")
def _law_kept(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        if not Topic.objects.exists():
            rules.ensure()


@pytest.fixture(autouse=True)
def _law(request, _django_db_helper):
    if request.node.get_closest_marker("django_db") or USES & set(request.fixturenames):
        request.getfixturevalue("_law_kept")
        request.getfixturevalue("db")
        if not Topic.objects.exists():
            rules.ensure()
