"""Every address of the site, by package."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from compliance.views import account, sign_in
from compliance.web import needs, open_to_all
from personalize.views import health, merges, portal, rejected

described = open_to_all(reason="the description of the API holds nothing of the firm's or its clients'")

urlpatterns = [
    path("", include("personalize.api.urls")),
    path("", include("compliance.urls")),
    path("", include("campaigns.urls")),
    path("console/rejected/", rejected.rejected_events, name="rejected_events"),
    path("console/merges/", merges.merges, name="merges"),
    path("console/merges/<int:request_id>/<slug:verb>/", merges.merge_decide, name="merge_decide"),
    path("portal/<str:token>/", portal.portal, name="portal"),
    path("portal/<str:token>/consents/", portal.portal_consents, name="portal_consents"),
    path("portal/<str:token>/preferences/", portal.portal_preferences, name="portal_preferences"),
    path("portal/<str:token>/copy/", portal.portal_copy, name="portal_copy"),
    path("portal/<str:token>/ask/", portal.portal_ask, name="portal_ask"),
    path(".well-known/gpc.json", portal.gpc_support, name="gpc_support"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("api/schema/", described(SpectacularAPIView.as_view()), name="schema"),
    path("api/docs/", described(SpectacularSwaggerSplitView.as_view()), name="api_docs"),
    # One door, one way out, one page for a new password, for administrators too.
    path("admin/login/", sign_in.sign_in),
    path("admin/logout/", sign_in.sign_out),
    path("admin/password_change/", needs("compliance.manage_staff")(account.password)),
    path("admin/", admin.site.urls),
]

handler400 = "compliance.api.refusals.bad_request"
handler404 = "compliance.api.refusals.not_found"
