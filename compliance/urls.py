"""Addresses of the `compliance` package."""

from django.urls import URLPattern, URLResolver, path

from compliance.views import sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("", sign_in.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
]
