"""Fixtures that every test may use."""

pytest_plugins = ["tests.people", "tests.smtp", "tests.firm", "tests.browser"]
