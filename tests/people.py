"""Staff and the hour, the same in every test."""

from datetime import UTC, datetime, timedelta

import pytest

from compliance import roles
from compliance.judging import competence
from compliance.models import Role, Staff

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "a-long-enough-password"


def reviewer(name: str, role: str) -> Staff:
    """Someone who decides texts, found competent for everything by the head of compliance."""
    made = Staff.objects.filter(username=name).first() or roles.hire(name, role, PASSWORD)
    if not made.competences.exists():
        head = roles.hire("head", Role.OFFICER, PASSWORD)
        start, until = NOON - timedelta(days=400), NOON + timedelta(days=3 * 365)
        competence.grant(made, areas=["*"], evidence="Examined 2026.", start=start, until=until, by=head, at=start)
    return made


@pytest.fixture
def at() -> datetime:
    """Noon on a Monday in winter; pass it on, never patch the clock."""
    return NOON


@pytest.fixture
def marketer(db: None) -> Staff:
    """Writes campaigns."""
    return roles.hire("marketer", Role.MARKETER, PASSWORD)


@pytest.fixture
def marketer2(db: None) -> Staff:
    """Another marketer."""
    return roles.hire("marketer2", Role.MARKETER, PASSWORD)


@pytest.fixture
def editor(db: None) -> Staff:
    """Reads and decides texts."""
    return reviewer("editor", Role.EDITOR)


@pytest.fixture
def editor2(db: None) -> Staff:
    """The second pair of eyes."""
    return reviewer("editor2", Role.EDITOR)


@pytest.fixture
def officer(db: None) -> Staff:
    """Oversees everything."""
    return reviewer("officer", Role.OFFICER)
