"""Fixtures that every test may use, and what holds for every property: no test fails because the machine was busy."""

import gc

import pytest
from _pytest.nodeid import coerce_node_id
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.law", "tests.truncation", "tests.people", "tests.smtp", "tests.firm", "tests.browser"]

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first, so that both workers end together; the rest stays in order."""
    items.sort(key=_place)
    for item in items:
        if grouped := getattr(item, "_nodeid", ""):  # pytest-xdist 3.8 writes the group where pytest 9.2 does not look
            item._id = coerce_node_id(grouped)


def _place(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args == ("firm",):
        return 0
    return 1 if item.get_closest_marker("fault") else 2


def pytest_collection_finish() -> None:
    """Modules and items stay for good: the collector of garbage need not look through them again and again."""
    gc.collect()
    gc.freeze()
