"""Fixtures that every test may use."""

pytest_plugins = ["tests.law", "tests.truncation", "tests.people", "tests.smtp", "tests.firm", "tests.browser"]
