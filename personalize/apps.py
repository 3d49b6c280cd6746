"""Django's entry for this package."""

from django.apps import AppConfig


class PersonalizeConfig(AppConfig):
    """The `personalize` package."""

    name = "personalize"
