"""What a careful Django developer writes for a batch of events: json, one query each for what is known, bulk_create."""

import base64
import hashlib
import json
from datetime import datetime

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt

from compliance.models import Client
from personalize.models import Event, Source
from personalize.urls import urlpatterns as ours


@csrf_exempt
@login_not_required
def batch(request: HttpRequest) -> JsonResponse:
    """POST a batch; durable and without repeats when this answers."""
    key = base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode().partition(":")[0]
    source = Source.objects.get(key_sha256=hashlib.sha256(key.encode()).digest())
    calls, at = json.loads(request.body)["batch"], now()
    with transaction.atomic():
        ids = [one["messageId"] for one in calls]
        known = set(Event.objects.filter(source=source, message_id__in=ids).values_list("message_id", flat=True))
        users = {one["userId"] for one in calls}
        clients = dict(Client.objects.filter(user_id__in=users).values_list("user_id", "pk"))
        Event.objects.bulk_create(
            Event(
                source=source,
                message_id=one["messageId"],
                client_id=clients[one["userId"]],
                type=one["type"],
                name=one["event"],
                properties=one["properties"],
                context=one["context"],
                occurred_at=datetime.fromisoformat(one["timestamp"]),
                received_at=at,
            )
            for one in calls
            if one["messageId"] not in known
        )
    return JsonResponse({"success": True})


urlpatterns = [path("plain/v1/batch", batch), *ours]
