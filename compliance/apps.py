"""Django's entry for this package."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    """The `compliance` package."""

    name = "compliance"

    def ready(self) -> None:
        """Register the checks that guard the start."""
        from compliance import checks  # noqa: F401 - models exist only now
