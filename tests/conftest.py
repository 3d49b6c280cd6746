"""Fixtures that every test may use, and what holds for every property: no test fails because the machine was busy."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.law", "tests.truncation", "tests.people", "tests.smtp", "tests.firm", "tests.browser"]

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
