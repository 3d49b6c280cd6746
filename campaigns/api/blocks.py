"""Content blocks for programs."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import blocks, catalogue, desks
from campaigns.models import Audience, Block, BlockVersion, Framing, Knowledge, PerformanceKind, Provenance, Slot
from compliance.api.base import ApiView
from compliance.api.problems import Conflict
from compliance.models import Jurisdiction


class ClaimIn(serializers.Serializer):
    """One claim and what proves it."""

    text = serializers.CharField(max_length=500)
    evidence = serializers.CharField(max_length=500)
    as_of = serializers.CharField(max_length=10, default="", allow_blank=True)
    until = serializers.CharField(max_length=10, required=False, allow_blank=True)


class PeriodIn(serializers.Serializer):
    """One period and its return in percent, before and after fees."""

    start = serializers.CharField(max_length=10)
    end = serializers.CharField(max_length=10)
    gross = serializers.CharField(max_length=10)
    net = serializers.CharField(max_length=10)


class PerformanceIn(serializers.Serializer):
    """What the words show of past performance: whole, or refused."""

    kind = serializers.ChoiceField(choices=PerformanceKind.choices)
    currency = serializers.CharField(max_length=3)
    source = serializers.CharField(max_length=500)
    method = serializers.CharField(max_length=500)
    ended_on = serializers.CharField(max_length=10)
    since = serializers.CharField(max_length=10, required=False, allow_blank=True)
    warning = serializers.CharField(max_length=500)
    periods = PeriodIn(many=True)


class BlockIn(serializers.Serializer):
    """The words of a block: its first version, or its next one."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120, required=False)
    slot = serializers.ChoiceField(choices=Slot.choices)
    body = serializers.CharField(max_length=20_000)
    language = serializers.CharField(max_length=8, default="en")
    framing = serializers.ChoiceField(choices=Framing.choices, default=Framing.NEUTRAL)
    topics = serializers.ListField(child=serializers.CharField(max_length=32), default=list, max_length=20)
    claims = ClaimIn(many=True, default=list)
    url = serializers.CharField(max_length=500, default="", allow_blank=True)
    image = serializers.CharField(max_length=80, default="", allow_blank=True)
    audience = serializers.ChoiceField(choices=Audience.choices, default=Audience.RETAIL)
    markets = serializers.ListField(
        child=serializers.ChoiceField(choices=Jurisdiction.choices), default=list, max_length=8
    )
    knowledge = serializers.ChoiceField(choices=Knowledge.choices, default="", allow_blank=True)
    provenance = serializers.ChoiceField(choices=Provenance.choices, default=Provenance.PERSON)
    figures = serializers.ListField(child=serializers.SlugField(max_length=40), default=list, max_length=8)
    performance = PerformanceIn(required=False)


class PublishIn(serializers.Serializer):
    """Which version to publish: the newest unless one is named."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class BlockOut(serializers.ModelSerializer):
    """One version of a block, and where it stands."""

    slug = serializers.CharField(source="block.slug")
    name = serializers.CharField(source="block.name")
    slot = serializers.CharField(source="block.slot")
    version = serializers.IntegerField(source="number")
    state = serializers.SerializerMethodField()

    class Meta:
        model = BlockVersion
        fields = [
            "slug",
            "name",
            "slot",
            "version",
            "state",
            "body",
            "language",
            "framing",
            "topics",
            "claims",
            "url",
            "image",
            "audience",
            "markets",
            "knowledge",
            "figures",
            "performance",
            "provenance",
            "digest",
            "made_at",
            "published_at",
            "valid_until",
        ]

    def get_state(self, version: BlockVersion) -> str:
        """draft, waiting, approved, rejected, withdrawn, expired, ended or archived."""
        return str(self.context["states"][version.pk])


class Blocks(ApiView, ListAPIView):
    """The newest version of every block, and drafting new ones."""

    needs = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
    needs_to_write = ("compliance.build_campaigns",)
    serializer_class = BlockOut

    def get_queryset(self) -> QuerySet[BlockVersion]:
        """The newest versions; ?slot= and ?topic= narrow them."""
        newest = BlockVersion.objects.order_by("block_id", "-number").distinct("block_id").values("pk")
        asked = {"block__slot": "slot", "framing": "framing", "language": "language"}
        narrowed = {
            field: self.request.query_params[key] for field, key in asked.items() if key in self.request.query_params
        }
        found = BlockVersion.objects.filter(pk__in=newest, block__archived_at=None, **narrowed).select_related("block")
        topic = self.request.query_params.get("topic")
        return found.filter(topics__contains=[topic]) if topic else found

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of them, with their states from one query."""
        listed = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(_out(listed or [], many=True))

    @extend_schema(request=BlockIn, responses={201: BlockOut})
    def post(self, request: Request) -> Response:
        """Keep a wording as the next version of a block; the block is made if it is new. 400 names wrong fields."""
        given = BlockIn(data=request.data)
        given.is_valid(raise_exception=True)
        words = dict(given.validated_data)
        name = words.pop("name", None) or blocks.name_of(words["slug"])
        _check(request, words["slug"])
        try:
            version = blocks.draft(name=name, **words, by=request.user, at=now())
        except blocks.BadBlock as bad:
            raise ValidationError(bad.errors) from None
        return Response(_out(version), status=201)


class Publish(ApiView):
    """Freezing a version and sending it to the editors."""

    needs = ("compliance.build_campaigns",)

    @extend_schema(request=PublishIn, responses={200: BlockOut})
    def post(self, request: Request, slug: str) -> Response:
        """Publish the newest version, or the one named. 409 when it was published before."""
        given = PublishIn(data=request.data or {})
        given.is_valid(raise_exception=True)
        _check(request, slug)
        versions = BlockVersion.objects.filter(block__slug=slug).order_by("-number")
        if number := given.validated_data.get("version"):
            versions = versions.filter(number=number)
        version = versions.first() or get_object_or_404(versions)
        try:
            blocks.publish(version.pk, by=request.user, at=now())
        except blocks.AlreadyPublished:
            raise Conflict("This version was published before.") from None
        return Response(_out(BlockVersion.objects.select_related("block").get(pk=version.pk)))


def _check(request: Request, slug: str) -> None:
    """Refuse to change a block of another desk; one that does not exist yet is anybody's."""
    found = Block.objects.filter(slug=slug).first()
    if found is not None and not desks.may_change(request.user, found):
        raise PermissionDenied("This block is another desk's.")


def _out(found: Any, *, many: bool = False) -> Any:
    versions = list(found) if many else [found]
    states = catalogue.states(versions, at=now())
    return BlockOut(found, many=many, context={"states": states}).data
