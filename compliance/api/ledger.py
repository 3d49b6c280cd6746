"""The ledger for programs: entries by range, and the signed checkpoint."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import asof, notes, tree
from compliance.api.base import ApiView, Moment
from compliance.api.paging import Cursor
from compliance.models import Checkpoint, LedgerEntry


class EntryOut(serializers.ModelSerializer):
    """One entry; `leaf` is its place in the signed tree, null until it is sealed."""

    digest = serializers.SerializerMethodField(help_text="sha256 hex of the entry's canonical bytes")
    leaf = serializers.SerializerMethodField()

    class Meta:
        model = LedgerEntry
        fields = [
            "id",
            "xid",
            "at",
            "kind",
            "actor",
            "request",
            "about",
            "facts",
            "recorded_at",
            "login",
            "digest",
            "leaf",
        ]

    def get_digest(self, entry: LedgerEntry) -> str:
        """Hex of the digest."""
        return bytes(entry.digest).hex()

    def get_leaf(self, entry: LedgerEntry) -> int | None:
        """The leaf's index."""
        return entry.leaf.index if hasattr(entry, "leaf") else None


class Range(serializers.Serializer):
    """What the list may be asked."""

    first = serializers.IntegerField(required=False, min_value=0, help_text="lowest number")
    last = serializers.IntegerField(required=False, min_value=0, help_text="highest number")
    about = serializers.CharField(required=False, max_length=120)
    kind = serializers.CharField(required=False, max_length=48)


class CheckpointOut(serializers.Serializer):
    """The newest signed tree head: a C2SP checkpoint, and the key that verifies it."""

    size = serializers.IntegerField()
    root = serializers.CharField(help_text="hex")
    at = serializers.DateTimeField()
    note = serializers.CharField(help_text="C2SP signed note")
    key = serializers.CharField(help_text="C2SP verifier key")


class Entries(ApiView):
    """Entries, newest first."""

    needs = ("compliance.oversee",)
    pagination_class = Cursor

    @extend_schema(operation_id="ledger_list", parameters=[Range], responses=EntryOut(many=True))
    def get(self, request: Request) -> Response:
        """Entries by range of numbers, thing or deed."""
        asked = Range(data=request.query_params)
        asked.is_valid(raise_exception=True)
        names = {"first": "id__gte", "last": "id__lte", "about": "about", "kind": "kind"}
        found = LedgerEntry.objects.filter(**{names[key]: value for key, value in asked.validated_data.items()})
        pages = self.pagination_class()
        rows = pages.paginate_queryset(found.select_related("leaf"), request, view=self)
        return pages.get_paginated_response(EntryOut(rows, many=True).data)


class Head(ApiView):
    """The signed checkpoint."""

    needs = ("compliance.oversee",)

    @extend_schema(operation_id="ledger_checkpoint", responses=CheckpointOut)
    def get(self, request: Request) -> Response:
        """The newest one; 404 before the first seal."""
        head = Checkpoint.objects.order_by("-size").first()
        if head is None:
            raise Http404
        told = {"size": head.size, "root": bytes(head.root).hex(), "at": head.at, "note": head.note}
        return Response(CheckpointOut({**told, "key": notes.verifier()}).data)


class Instant(serializers.Serializer):
    """Which row, at which instant."""

    about = serializers.CharField(max_length=120, help_text="the row as the ledger names it: compliance_topic:pensions")
    at = Moment()


class ThenOut(serializers.Serializer):
    """A row as it was; `whole` is false where the image leaves columns out and keeps their hash (`row_hash`)."""

    about = serializers.CharField()
    row = serializers.JSONField()
    whole = serializers.BooleanField()
    entry = serializers.IntegerField(help_text="the ledger entry that says so")
    since = serializers.DateTimeField()
    by = serializers.CharField()


class AsOf(ApiView):
    """Any recorded row at any past instant."""

    needs = ("compliance.oversee",)

    @extend_schema(operation_id="ledger_as_of", parameters=[Instant], responses=ThenOut)
    def get(self, request: Request) -> Response:
        """The row as it was; 404 when it was not there."""
        asked = Instant(data=request.query_params)
        asked.is_valid(raise_exception=True)
        table, _, key = asked.validated_data["about"].partition(":")
        found = asof.record(table, key, at=asked.validated_data["at"])
        if found is None:
            raise Http404
        return Response(ThenOut(found).data)


class Proof(ApiView):
    """The proof of one entry."""

    needs = ("compliance.oversee",)

    @extend_schema(operation_id="ledger_proof", responses={200: OpenApiResponse(description="a C2SP .tlog-proof")})
    def get(self, request: Request, entry_id: int) -> HttpResponse:
        """A .tlog-proof against the newest checkpoint; 404 while the entry is not sealed."""
        opened = get_object_or_404(LedgerEntry.objects.select_related("leaf"), pk=entry_id)
        try:
            return HttpResponse(tree.proof(opened), content_type="text/plain; charset=utf-8")
        except tree.Unsealed:
            raise Http404 from None
