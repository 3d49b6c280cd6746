"""Every address of the site, by package."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("compliance.urls")),
    path("", include("campaigns.urls")),
    path("admin/", admin.site.urls),
]
