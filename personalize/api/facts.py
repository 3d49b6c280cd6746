"""What other systems tell us: market signals and downstream outcomes."""

import math

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import ledger
from compliance.api.base import ApiView, Moment
from compliance.web import acting
from personalize import facts

MOST = 2_500


class Number(serializers.FloatField):
    """A finite number; true and false are none."""

    def to_internal_value(self, value: object) -> float:
        """The number, or a refusal."""
        if isinstance(value, bool):
            self.fail("invalid")
        try:
            number = super().to_internal_value(value)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class MarketIn(serializers.Serializer):
    """One signal; the same kind and moment again corrects the value."""

    kind = serializers.SlugField(max_length=40)
    value = Number()
    effective_at = Moment()


class OutcomeIn(serializers.Serializer):
    """What happened to a client; a past moment."""

    userId = serializers.CharField(max_length=255)  # noqa: N815 - the contract's name
    # A campaign's success metric may be an outcome, so its name may be written like an event's.
    kind = serializers.RegexField(r"^[A-Za-z][\w .:-]*$", max_length=40)
    value = Number()
    at = Moment()

    def validate_at(self, value: object) -> object:
        """The future has no outcomes."""
        if value > now():  # type: ignore[operator]
            raise serializers.ValidationError("is in the future")
        return value


class Counted(serializers.Serializer):
    """How many were new."""

    kept = serializers.IntegerField()
    repeated = serializers.IntegerField()


class Market(ApiView):
    """Market signals."""

    needs = ("compliance.build_campaigns",)

    @extend_schema(request=MarketIn, responses={201: MarketIn})
    def post(self, request: Request) -> Response:
        """Keep one signal."""
        given = MarketIn(data=request.data)
        given.is_valid(raise_exception=True)
        by = ledger.actor(request.user)
        told = given.validated_data
        with acting(by):
            facts.signal(told["kind"], told["value"], effective_at=told["effective_at"], source=by)
        return Response(given.data, status=201)


class Outcomes(ApiView):
    """Downstream outcomes."""

    needs = ("compliance.build_campaigns",)

    @extend_schema(request=OutcomeIn(many=True), responses={201: Counted})
    def post(self, request: Request) -> Response:
        """Keep one outcome, or a list of up to 2,500; all or none."""
        given = request.data if isinstance(request.data, list) else [request.data]
        if len(given) > MOST:
            raise serializers.ValidationError({"": f"at most {MOST} at a time"})
        checked = OutcomeIn(data=given, many=True)
        checked.is_valid(raise_exception=True)
        told = [facts.Told(one["userId"], one["kind"], one["value"], one["at"]) for one in checked.validated_data]
        by = ledger.actor(request.user)
        try:
            with acting(by):
                kept = facts.outcomes(told, source=by, at=now())
        except facts.NobodyHas as error:
            unknown = {f"[{position}].userId": ["names nobody"] for position in error.positions}
            raise serializers.ValidationError(unknown) from None
        return Response(Counted({"kept": kept, "repeated": len(told) - kept}).data, status=201)
