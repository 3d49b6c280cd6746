"""Our addresses, and beside them the least that a server can answer: the measure of a decision's cost."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.urls import path

from personalize.urls import urlpatterns as ours


@login_not_required
def ping(request: HttpRequest) -> JsonResponse:
    """GET: a word of JSON, past every middleware of pages, without a database."""
    return JsonResponse({"pong": True})


urlpatterns = [path("v1/ping", ping), *ours]
