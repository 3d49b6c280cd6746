"""How this process is, for load balancers."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from compliance import fence, privileges, restores
from compliance.web import open_to_all


@require_safe
@open_to_all(reason="A load balancer asks whether this process answers; it tells nothing else.")
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when this process answers. Asks nobody else, so a slow database does not restart the web server."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@open_to_all(reason="A load balancer asks whether to send work here; it names parts, never their contents.")
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when work may come: the database answers and every migration is applied; else 503 and which is not.

    `privileges`, `sending` and `backup` warn and never stop work: "too many" when the application's own login owns its
    tables, why nothing is sent where sending is not armed, and that no restored backup was verified for too long.
    """
    parts = {"database": "ok", "migrations": "ok"}
    warned = {"privileges": "ok", "sending": "armed", "backup": "ok"}
    try:
        if privileges.application_owns():
            warned["privileges"] = "too many: the application's login owns its tables"
        if not (stands := fence.state()).is_armed:
            warned["sending"] = stands.why
        warned["backup"] = restores.overdue(at=now()) or "ok"
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            parts["migrations"] = "behind"
    except DatabaseError:
        parts, warned = {"database": "no answer", "migrations": "unknown"}, dict.fromkeys(warned, "unknown")
    return JsonResponse({**parts, **warned}, status=200 if set(parts.values()) == {"ok"} else 503)
