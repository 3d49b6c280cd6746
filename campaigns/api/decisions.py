"""Decisions for programs: our own endpoint, and OpenFeature's OFREP."""

import hashlib
import json
from typing import Any

from django.db import IntegrityError
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import desks, serving
from campaigns.live import deciding, flags, lane
from campaigns.models import Campaign, CampaignState
from compliance import acting
from compliance.api.base import ApiView
from compliance.api.problems import PROBLEM, Conflict, Problem
from compliance.models import ApiToken, Channel, Client

ASKS = tuple(f"compliance.{one}" for one in serving.ASKERS)


class DecisionAsk(serializers.Serializer):
    """For whom, and where: a placement or a campaign."""

    userId = serializers.CharField(max_length=255)  # noqa: N815 - the contract's spelling
    placement = serializers.SlugField(max_length=64, required=False)
    campaign = serializers.SlugField(max_length=80, required=False)
    channel = serializers.ChoiceField(choices=Channel.choices, default=Channel.WEB)
    context = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of placement and campaign."""
        if ("placement" in attrs) == ("campaign" in attrs):
            raise serializers.ValidationError({"placement": "Give a placement or a campaign, not both."})
        return attrs


class BlockUsed(serializers.Serializer):
    """One block of the answer."""

    slot = serializers.CharField()
    block = serializers.CharField()
    version = serializers.IntegerField()
    provenance = serializers.CharField()


class Withheld(serializers.Serializer):
    """Why nothing may be shown."""

    rule = serializers.CharField()
    because = serializers.CharField()


class Decision(serializers.Serializer):
    """What was decided for one client."""

    decision_id = serializers.UUIDField(source="decision")
    campaign = serializers.CharField()
    blocks = BlockUsed(many=True)
    content = serializers.DictField(allow_null=True)
    propensity = serializers.FloatField()
    policy = serializers.CharField()
    phase = serializers.CharField()
    fallback = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    withheld = Withheld(many=True, allow_null=True)


class FlagFailure(serializers.Serializer):
    """OFREP's own word for why a flag has no value."""

    key = serializers.CharField(allow_blank=True)
    errorCode = serializers.CharField()  # noqa: N815 - OFREP's spelling
    errorDetails = serializers.CharField()  # noqa: N815


KINDS = (("application/json", FlagFailure), (PROBLEM, Problem))
FLAG_ANSWERS = {200: OpenApiTypes.OBJECT} | {(code, kind): body for code in (400, 404) for kind, body in KINDS}


class Decisions(ApiView):
    """Decide and assemble for one client, now."""

    needs = ASKS

    @extend_schema(request=DecisionAsk, responses={200: Decision})
    def post(self, request: Request) -> Response:
        """Choose blocks for a client and return their words, with the probability and the reasons."""
        ask = DecisionAsk(data=request.data)
        ask.is_valid(raise_exception=True)
        wanted = ask.validated_data
        client = Client.objects.filter(user_id=wanted["userId"], erased_at=None).first()
        if client is None:
            raise NotFound("No client has this userId.")
        slug = wanted.get("campaign", "")
        try:
            if slug and not desks.campaigns(request.user).filter(slug=slug).exists():
                raise serving.NoCampaign
            campaign = serving.running(placement=wanted.get("placement", ""), slug=slug)
        except serving.NoCampaign:
            raise NotFound("No running campaign fills this placement.") from None
        try:
            served = serving.fill(client, campaign, channel=wanted["channel"], at=now(), is_veiled=_is_veiled(request))
        except serving.NoClient:
            raise NotFound("No client has this userId.") from None
        except IntegrityError as error:
            if "one_message_per_run_and_client" not in str(error):
                raise
            raise Conflict("This run has decided about this client before; only a page is filled again.") from None
        return Response(Decision(served).data)


class Flag(ApiView):
    """OFREP: one placement for one targeting key."""

    needs = ASKS

    @extend_schema(operation_id="ofrep_evaluate_one", request=OpenApiTypes.OBJECT, responses=FLAG_ANSWERS)
    def post(self, request: Request, key: str) -> Response:
        """Evaluate one placement as an OpenFeature flag (OFREP 0.3.0)."""
        try:
            context = _context(request.data)
        except ParseError as error:
            return Response(_failure(key, "PARSE_ERROR", str(error.detail)), status=400)
        body, status = evaluate(key, context, is_veiled=_is_veiled(request))
        return Response(body, status=status, headers=flags.UNSAVED)


class Flags(ApiView):
    """OFREP: every placement for one targeting key."""

    needs = ASKS

    @extend_schema(operation_id="ofrep_evaluate_all", request=OpenApiTypes.OBJECT, responses=FLAG_ANSWERS)
    def post(self, request: Request) -> Response:
        """Evaluate all placements; answers 304 when nothing changed since the ETag."""
        try:
            context = _context(request.data)
        except ParseError as error:
            return Response(_failure("", "PARSE_ERROR", str(error.detail)), status=400)
        if not _targeting_key(context):
            return Response(_failure("", "TARGETING_KEY_MISSING", "The context has no targetingKey."), status=400)
        places = (
            Campaign.objects.filter(state=CampaignState.RUNNING, channel=Channel.WEB)
            .exclude(placement="")
            .order_by("placement")
            .values_list("placement", flat=True)
            .distinct()
        )
        is_veiled = _is_veiled(request)
        found = [
            _shortly(request, place, context) or evaluate(place, context, is_veiled=is_veiled)[0] for place in places
        ]
        stable = [{**flag, "metadata": None} for flag in found]
        etag = f'"{hashlib.sha256(json.dumps(stable, sort_keys=True).encode()).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == etag:
            return Response(status=304, headers={"ETag": etag})
        return Response({"flags": found}, headers={"ETag": etag})


def _shortly(request: Request, key: str, context: dict[str, Any]) -> dict[str, Any] | None:
    """One flag's answer as `live.deciding` has it for a program with a token; None for everything unusual."""
    words, who = get_authorization_header(request).split(), _targeting_key(context)
    if not isinstance(request.auth, ApiToken) or len(words) != 2 or not lane.is_plain(who):
        return None
    block = acting.current()
    number = block.request_id if block else ""
    served = deciding.decide(words[1], user_id=who, placement=key, request=number, at=now())
    return None if served is None else flags.said(key, served)


def _is_veiled(request: Request) -> bool:
    """Whether the caller, or the token they call with, is told nothing that may follow from what is sensitive."""
    held = {one for one in serving.READERS if request.user.has_perm(f"compliance.{one}")}
    return not (held.intersection(request.auth.scopes) if isinstance(request.auth, ApiToken) else held)


def evaluate(key: str, context: dict[str, Any], *, is_veiled: bool) -> tuple[dict[str, Any], int]:
    """One flag's OFREP answer and its HTTP status."""
    who = _targeting_key(context)
    if not who:
        return _failure(key, "TARGETING_KEY_MISSING", "The context has no targetingKey."), 400
    try:
        campaign = serving.running(placement=key)
    except serving.NoCampaign:
        return _failure(key, "FLAG_NOT_FOUND", "No running campaign fills this placement."), 404
    client = Client.objects.filter(user_id=who, erased_at=None).first()
    try:
        served = serving.fill(client, campaign, channel=Channel.WEB, at=now(), is_veiled=is_veiled) if client else None
    except serving.NoClient:
        served = None
    return flags.said(key, served), 200


def _context(body: Any) -> dict[str, Any]:
    context = body.get("context") if isinstance(body, dict) else None
    return context if isinstance(context, dict) else {}


def _targeting_key(context: dict[str, Any]) -> str:
    key = context.get("targetingKey")
    return key if isinstance(key, str) else ""


def _failure(key: str, code: str, details: str) -> dict[str, str]:
    return {"key": key, "errorCode": code, "errorDetails": details}
