"""Django's entry for this package."""

from django.apps import AppConfig

from personalize import celery


class PersonalizeConfig(AppConfig):
    """The `personalize` package."""

    name = "personalize"
    celery_app = celery.app  # whoever loads Django can kick a task
