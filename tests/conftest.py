"""Fixtures that every test may use."""

pytest_plugins = ["tests.truncation", "tests.law", "tests.people", "tests.smtp", "tests.firm", "tests.browser"]
