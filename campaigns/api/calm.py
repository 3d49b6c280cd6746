"""Calm for programs: whether it holds and what it closes, one who begins it, and two who lift it."""

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.campaigns import staff
from campaigns.models import Calm
from campaigns.wellbeing import calm
from compliance.api.base import ApiView
from compliance.api.paging import Cursor
from compliance.api.problems import Conflict

REVIEWS = ("compliance.oversee", "compliance.review_texts")


class CalmOut(serializers.ModelSerializer):
    """One time of calm; it holds while `lifted_at` is null. Null begun_by: a market signal began it."""

    signal = serializers.DictField(allow_null=True)
    begun_by = serializers.CharField(source="begun_by.username", default=None, allow_null=True)
    lift_asked_by = serializers.CharField(source="lift_asked_by.username", default=None, allow_null=True)
    lifted_by = serializers.CharField(source="lifted_by.username", default=None, allow_null=True)
    closes_pressing = serializers.BooleanField(source="policy.closes_pressing", default=True)
    topics = serializers.ListField(child=serializers.CharField(), source="policy.topics", default=list)

    class Meta:
        model = Calm
        fields = ["id", "began_at", "signal", "reason", "begun_by", "lift_asked_by", "lift_asked_at", "lifted_by",
                  "lifted_at", "closes_pressing", "topics"]  # fmt: skip


class CalmIn(serializers.Serializer):
    """Why; whoever lifts it reads it."""

    reason = serializers.CharField(max_length=300)


class Calms(ApiView):
    """Times of calm."""

    needs = ("compliance.build_campaigns", *REVIEWS)
    needs_to_write = REVIEWS
    pagination_class = Cursor

    @extend_schema(responses=CalmOut(many=True))
    def get(self, request: Request) -> Response:
        """Newest first."""
        people = ("policy", "begun_by", "lift_asked_by", "lifted_by")
        paging = self.pagination_class()
        page = paging.paginate_queryset(Calm.objects.select_related(*people), request, self)
        return paging.get_paginated_response(CalmOut(page, many=True).data)

    @extend_schema(request=CalmIn, responses={201: CalmOut})
    def post(self, request: Request) -> Response:
        """Close what presses, alone and at once; 409 when calm holds already."""
        asked = CalmIn(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            made = calm.begin(**asked.validated_data, by=staff(request), at=now())
        except calm.NoReason:
            raise ValidationError({"reason": ["Say why."]}) from None
        except calm.AlreadyCalm:
            raise Conflict("Calm holds already.") from None
        return Response(CalmOut(made).data, status=201)


class Lift(ApiView):
    """Calm ends by two people."""

    needs = REVIEWS
    steps_up = True

    @extend_schema(request=None, responses=CalmOut)
    def post(self, request: Request, calm_id: int) -> Response:
        """The first says that it may end; the second call, by another person, opens what was closed."""
        found = get_object_or_404(Calm.objects.select_related("lift_asked_by"), pk=calm_id)
        act = calm.lift if calm.asked_by(found) else calm.ask_lift
        try:
            act(found.pk, by=staff(request), at=now())
        except calm.NotYours as why:
            raise PermissionDenied(str(why)) from None
        except calm.NotCalm:
            raise Conflict("It was lifted, or somebody was first. Nothing was changed.") from None
        return Response(CalmOut(Calm.objects.get(pk=found.pk)).data)
