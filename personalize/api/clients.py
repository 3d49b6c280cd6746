"""A client's profile for programs: declared beside inferred, each with source and date."""

from typing import Any

from django.http import Http404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import ledger
from compliance.api.base import ApiView
from personalize import declarations, discretion, identity, profiles


class KnownOut(serializers.Serializer):
    """One value: from whom, since when, whether it is used and whether it is too old to rely on."""

    key = serializers.CharField()
    value = serializers.JSONField()
    origin = serializers.ChoiceField(["declared", "inferred"])
    source = serializers.CharField()
    at = serializers.DateTimeField()
    is_used = serializers.BooleanField()
    is_withheld = serializers.BooleanField(help_text=f"The value is null. {discretion.SENTENCE}")
    is_stale = serializers.BooleanField()


class ClientOut(serializers.Serializer):
    """Who the client is, and everything they told us or showed us."""

    user_id = serializers.CharField()
    email = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    language = serializers.CharField()
    timezone = serializers.CharField()
    jurisdiction = serializers.CharField()
    first_seen_at = serializers.DateTimeField()
    attributes = KnownOut(many=True)


class OneClient(ApiView):
    """Profile of one client; a former user id leads to the client it became. Every look is in the ledger."""

    needs = ("compliance.build_campaigns", "compliance.oversee")

    @extend_schema(responses={200: ClientOut})
    def get(self, request: Request, user_id: str) -> Response:
        """The profile."""
        person = identity.find(user_id) if "\x00" not in user_id else None
        if person is None or person.erased_at is not None:
            raise Http404
        at = now()
        known: list[dict[str, Any]] = [
            {
                "key": one.key,
                "value": one.value,
                "origin": one.origin,
                "source": one.source,
                "at": one.at,
                "is_used": one.is_used,
                "is_withheld": one.is_withheld,
                "is_stale": one.origin == "declared" and declarations.is_stale(one.key, one.at, at=at),
            }
            for one in profiles.known(person.pk, whole=discretion.may_read_all(request.user))  # type: ignore[arg-type]
        ]
        ledger.record("client.viewed", by=request.user, at=at, about=f"client:{person.pk}", facts={"page": "api"})
        names = ("user_id", "email", "first_name", "last_name", "language", "timezone", "jurisdiction", "first_seen_at")
        fields = {name: getattr(person, name) for name in names}
        return Response(ClientOut({**fields, "attributes": known}).data)
