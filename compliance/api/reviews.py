"""The review queue for programs."""

from typing import Any

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import review
from compliance.api.base import ApiView
from compliance.api.paging import Cursor
from compliance.api.problems import Conflict
from compliance.models import HANDED_IN, ReviewItem, ReviewState


class ReviewOut(serializers.ModelSerializer):
    """One item of the queue."""

    parts = serializers.JSONField(source="snapshot.parts", default=dict, help_text="the very words, by part")
    campaign = serializers.CharField(source="snapshot.campaign", default="")
    claimed_by = serializers.CharField(source="claimed_by.username", default=None, allow_null=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    submitted_by = serializers.CharField(source="handed_in_by.username")

    class Meta:
        model = ReviewItem
        fields = [
            "id", "digest", "kind", "title", "state", "reason", "topics", "findings", "parts", "campaign", "reach",
            "approvals_needed", "officers_needed", "submitted_by", "submitted_at", "due_at", "claimed_by", "decided_by",
            "decided_at", "decision_reason", "valid_until",
        ]  # fmt: skip


class Question(serializers.Serializer):
    """What the list may be asked."""

    state = serializers.ChoiceField(choices=["open", *ReviewState.values], required=False)
    topic = serializers.CharField(required=False, max_length=32)
    campaign = serializers.CharField(required=False, max_length=80)
    digest = serializers.RegexField(r"^[0-9a-f]{64}$", required=False)


class Approve(serializers.Serializer):
    """`seen` is the sha256 of the words that were shown: the item's digest."""

    seen = serializers.RegexField(r"^[0-9a-f]{64}$")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class Reject(serializers.Serializer):
    """A rejection is better with what has to change."""

    seen = serializers.RegexField(r"^[0-9a-f]{64}$")
    reason = serializers.CharField(required=False, default="No reason was given.", max_length=2000)


class Reviews(ApiView):
    """The queue, newest first."""

    needs = ("compliance.review_texts", "compliance.oversee", "compliance.build_campaigns")
    pagination_class = Cursor

    @extend_schema(parameters=[Question], responses=ReviewOut(many=True))
    def get(self, request: Request) -> Response:
        """Items by state (`open` is waiting and claimed), topic, campaign or digest; authors see their own."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        items = ReviewItem.objects.select_related("claimed_by", "decided_by", *HANDED_IN)
        if not (request.user.has_perm("compliance.review_texts") or request.user.has_perm("compliance.oversee")):
            items = items.written_by(request.user)
        items = items.asked(**asked.validated_data)
        paging = self.pagination_class()
        return paging.get_paginated_response(ReviewOut(paging.paginate_queryset(items, request, self), many=True).data)


class Verb(ApiView):
    """What the three deeds share: 404 unknown, 403 not yours, 409 someone was first, 422 a reason is missing."""

    needs = ("compliance.review_texts",)

    def done(self, verb: Any, item_id: int, **facts: Any) -> Response:
        """Run one verb of `compliance.review` and answer with the item as it stands."""
        try:
            item = verb(item_id, by=self.request.user, at=now(), **facts)
        except ReviewItem.DoesNotExist:
            raise exceptions.NotFound from None
        except review.NotYours as why:
            raise exceptions.PermissionDenied(str(why)) from None
        except review.NoReason as why:
            raise exceptions.ValidationError({"reason": [str(why)]}) from None
        except review.AlreadyDecided:
            raise Conflict("Someone was first, or the words are not the ones you saw. Nothing was changed.") from None
        return Response(ReviewOut(item).data)


class Claim(Verb):
    """Take an item."""

    @extend_schema(request=None, responses=ReviewOut)
    def post(self, request: Request, item_id: int) -> Response:
        """Tell the others that you are reading it."""
        return self.done(review.claim, item_id)


class ApproveItem(Verb):
    """Say yes."""

    steps_up = True

    @extend_schema(request=Approve, responses=ReviewOut)
    def post(self, request: Request, item_id: int) -> Response:
        """Let the exact words you saw go out; with a quorum the item waits for the next person."""
        said = Approve(data=request.data)
        said.is_valid(raise_exception=True)
        return self.done(review.approve, item_id, **said.validated_data)


class RejectItem(Verb):
    """Say no."""

    @extend_schema(request=Reject, responses=ReviewOut)
    def post(self, request: Request, item_id: int) -> Response:
        """Refuse the exact words you saw, for good."""
        said = Reject(data=request.data)
        said.is_valid(raise_exception=True)
        return self.done(review.reject, item_id, **said.validated_data)
