"""Staff and the hour, the same in every test."""

from datetime import UTC, datetime

import pytest

from compliance import roles
from compliance.models import Role, Staff

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "a-long-enough-password"


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
    return roles.hire("editor", Role.EDITOR, PASSWORD)


@pytest.fixture
def editor2(db: None) -> Staff:
    """The second pair of eyes."""
    return roles.hire("editor2", Role.EDITOR, PASSWORD)


@pytest.fixture
def officer(db: None) -> Staff:
    """Oversees everything."""
    return roles.hire("officer", Role.OFFICER, PASSWORD)
