"""Every address of the site, by package."""

from django.contrib import admin
from django.urls import include, path

from personalize.views import health

urlpatterns = [
    path("", include("personalize.api.urls")),
    path("", include("compliance.urls")),
    path("", include("campaigns.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]
