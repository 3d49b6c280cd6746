"""What is answered where no view is: a page to a person, a problem document to a program."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from compliance.api.problems import PROBLEM, document

PROGRAMS = ("/api/v1/", "/ofrep/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, with the reason for a program."""
    if not request.path.startswith(PROGRAMS):
        return defaults.bad_request(request, exception)
    return _problem(HTTPStatus.BAD_REQUEST, detail=str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if not request.path.startswith(PROGRAMS):
        return defaults.page_not_found(request, exception)
    return _problem(HTTPStatus.NOT_FOUND, detail="Nothing has this address.")


def _problem(status: HTTPStatus, *, detail: str) -> JsonResponse:
    return JsonResponse(document(status, status.phrase, detail=detail), status=status, content_type=PROBLEM)
