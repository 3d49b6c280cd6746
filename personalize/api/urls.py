"""Addresses of ingest and of this package's API."""

from django.urls import URLPattern, URLResolver, path, re_path

from personalize.api import clients, facts, ingest

CALLS = "identify|track|page|screen|group|alias|batch|import|[itpsgab]"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(rf"^v1/(?P<kind>{CALLS})/?$", ingest.call, name="ingest"),
    path("beacon/v1/batch", ingest.call, {"kind": "batch"}, name="ingest_beacon"),
    path("v1/pixel/<slug:kind>", ingest.pixel, name="ingest_pixel"),
    path("pixel/v1/<slug:kind>", ingest.pixel, name="ingest_pixel_rudder"),
    path("v1/projects/<str:write_key>/settings", ingest.project, name="ingest_settings"),
    path("health", ingest.health, name="ingest_health"),
    path("version", ingest.health, name="ingest_version"),
    path("api/v1/clients/<str:user_id>", clients.OneClient.as_view()),
    path("api/v1/market", facts.Market.as_view()),
    path("api/v1/outcomes", facts.Outcomes.as_view()),
]
