"""Addresses of the `campaigns` package."""

from django.urls import URLPattern, URLResolver, path

from campaigns.views.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("metrics", metrics, name="metrics"),
]
