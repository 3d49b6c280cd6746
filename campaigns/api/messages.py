"""A client's messages for programs, each with its whole waterfall."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from campaigns import desks, explanations, reasons
from campaigns.models import Interaction, Message
from compliance.api.base import ApiView
from compliance.models import Client


class InteractionOut(serializers.ModelSerializer):
    """One thing that came back."""

    class Meta:
        model = Interaction
        fields = ["kind", "is_human", "actor_class", "link", "at"]


class MessageOut(serializers.ModelSerializer):
    """One message: what was decided, by what chance, why, and how it went."""

    decision_id = serializers.UUIDField(source="id")
    campaign = serializers.CharField(source="campaign.slug")
    subject = serializers.CharField(source="variant.subject", default=None)
    variant = serializers.CharField(source="variant.digest", default=None)
    window = serializers.DictField(allow_null=True, help_text="the cap that held it back, or whom it lost to")
    because = serializers.SerializerMethodField()
    state_sentence = serializers.SerializerMethodField()
    interactions = InteractionOut(many=True)

    class Meta:
        model = Message
        fields = [
            "decision_id",
            "campaign",
            "run",
            "channel",
            "arm",
            "state",
            "reason",
            "state_sentence",
            "window",
            "subject",
            "variant",
            "choice",
            "propensity",
            "slot_propensity",
            "score",
            "policy",
            "consent",
            "decided_at",
            "due_at",
            "intent_at",
            "sent_at",
            "reply",
            "because",
            "interactions",
        ]

    def get_because(self, message: Message) -> list[str]:
        """Sentences the client may read."""
        return explanations.for_client(message)

    def get_state_sentence(self, message: Message) -> str:
        """What the state means."""
        return reasons.told(message)


class ClientMessages(ApiView, ListAPIView):
    """Every message of one client, newest first."""

    needs = ("compliance.build_campaigns", "compliance.oversee")
    serializer_class = MessageOut

    @extend_schema(responses={200: MessageOut(many=True)})
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Messages with their waterfall."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        """The client's messages; 404 when nobody has this userId."""
        if getattr(self, "swagger_fake_view", False):
            return Message.objects.none()
        client = get_object_or_404(Client, user_id=self.kwargs["user_id"])
        found = desks.messages(self.request.user, Message.objects.filter(client=client))
        return found.select_related("campaign", "variant").prefetch_related("interactions")

    def paginate_queryset(self, queryset: Any) -> Any:
        """A page of them, silent about campaigns that the caller may not know of."""
        return desks.veiled(self.request.user, super().paginate_queryset(queryset) or [])
