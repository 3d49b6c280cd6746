"""Django's entry for this package."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The `compliance` package."""

    name = "compliance"
