"""Django's entry for this package."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The `campaigns` package."""

    name = "campaigns"
