"""The ledger for programs: entries by range, and the signed checkpoint."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import notes
from compliance.api.base import ApiView
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

    @extend_schema(operation_id="ledger_list", parameters=[Range], responses=EntryOut(many=True))
    def get(self, request: Request) -> Response:
        """Entries by range of numbers, thing or deed."""
        asked = Range(data=request.query_params)
        asked.is_valid(raise_exception=True)
        names = {"first": "id__gte", "last": "id__lte", "about": "about", "kind": "kind"}
        found = LedgerEntry.objects.filter(**{names[key]: value for key, value in asked.validated_data.items()})
        pages = Cursor()
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
