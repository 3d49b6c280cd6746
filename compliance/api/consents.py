"""A client's consents for programs: the matrix with its proof, and changes the client made elsewhere."""

from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import consent
from compliance.api.base import ApiView
from compliance.models import Channel, Client, Purpose


class LineOut(serializers.Serializer):
    """One question and its answer now, with the proof."""

    purpose = serializers.ChoiceField(Purpose.choices)
    channel = serializers.ChoiceField(Channel.choices)
    allowed = serializers.BooleanField(source="ok")
    reason = serializers.ChoiceField(consent.REASONS)
    because = serializers.CharField(source="sentence")
    event = serializers.UUIDField(source="event.id", default=None, allow_null=True)
    occurred_at = serializers.DateTimeField(source="event.occurred_at", default=None, allow_null=True)
    source = serializers.CharField(source="event.surface", default=None, allow_null=True)
    wording_version = serializers.CharField(source="event.wording.version", default=None, allow_null=True)
    evidence = serializers.JSONField(source="event.evidence", default=dict)


class ChangeIn(serializers.Serializer):
    """One answer the client gave elsewhere. A yes names the words that were shown."""

    purpose = serializers.ChoiceField(Purpose.choices)
    channel = serializers.ChoiceField(Channel.choices)
    granted = serializers.BooleanField()
    source = serializers.CharField(max_length=80)
    wording_version = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")


class Consents(ApiView):
    """What one client allows."""

    needs = ("compliance.build_campaigns", "compliance.oversee")

    @extend_schema(operation_id="client_consents", responses=LineOut(many=True))
    def get(self, request: Request, user_id: str) -> Response:
        """The whole matrix."""
        return self._matrix(get_object_or_404(Client, user_id=user_id))

    @extend_schema(operation_id="client_consents_put", request=ChangeIn(many=True), responses=LineOut(many=True))
    def put(self, request: Request, user_id: str) -> Response:
        """Keep the answers, all or none, in force when this returns. The same answer again changes nothing."""
        client = get_object_or_404(Client, user_id=user_id)
        asked = ChangeIn(data=request.data, many=True, allow_empty=False)
        asked.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                for number, one in enumerate(asked.validated_data):
                    self._keep(client, one, number, request)
        except (consent.NoConsent, consent.NoSuchWording) as error:
            raise exceptions.ValidationError({"wording_version": [str(error)]}) from None
        return self._matrix(client)

    def _keep(self, client: Client, one: dict[str, Any], number: int, request: Request) -> None:
        at = now()
        question = {"purpose": one["purpose"], "channel": one["channel"]}
        told = {**question, "surface": one["source"], "mechanism": "api", "by": request.user, "at": at}
        standing = consent.may_send(client.pk, **question, at=at)
        if one["granted"]:
            same = standing.event and self._words(client, question) == one["wording_version"] and standing.ok
            if not same:
                consent.grant(client.pk, **told, wording=one["wording_version"], evidence={"api": number})
        elif standing.reason not in ("withdrawn", "refused", "objected"):
            (consent.withdraw if standing.event else consent.refuse)(client.pk, **told)

    def _words(self, client: Client, question: dict[str, str]) -> str:
        state = client.consent_states.select_related("since__wording").filter(**question).first()
        return state.since.wording.version if state and state.since.wording else ""

    def _matrix(self, client: Client) -> Response:
        return Response(LineOut(consent.matrix(client.pk, now()), many=True).data)
