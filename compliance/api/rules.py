"""The copy rules for programs: which versions held at a moment."""

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import routing
from compliance.api.base import ApiView, Moment
from compliance.copyrules import book
from compliance.models import CopyRule


class RuleOut(serializers.ModelSerializer):
    """One version of one rule; `digest` is what its approval is attached to, null author: shipped."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True)

    class Meta:
        model = CopyRule
        fields = [
            "code", "version", "family", "severity", "styles", "market", "purposes", "text", "citation", "suggestion",
            "match", "also", "unless", "phrases", "structure", "deniable", "trips", "spares", "valid_from", "valid_to",
            "why", "author", "made_at", "enacted_at", "digest",
        ]  # fmt: skip


class RulesOut(serializers.Serializer):
    """The rules in force; `ruleset` is the name that approvals carry."""

    at = serializers.DateTimeField()
    ruleset = serializers.CharField()
    rules = RuleOut(many=True)


class Asked(serializers.Serializer):
    """What may be asked."""

    at = Moment(required=False, help_text="the moment; now when left out")
    code = serializers.RegexField(r"^[A-Z0-9]{1,8}$", required=False, help_text="one rule, with every version of it")


class Rules(ApiView):
    """Copy rules as they held."""

    needs = ("compliance.oversee", "compliance.review_texts", "compliance.build_campaigns")

    @extend_schema(parameters=[Asked], responses=RulesOut)
    def get(self, request: Request) -> Response:
        """Every rule in force at a moment, by code; with `code` every version of that one that had taken effect."""
        asked = Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        at = asked.validated_data.get("at", now())
        rows = CopyRule.objects.filter(enacted_at__lte=at).select_related("author").order_by("code", "version")
        code = asked.validated_data.get("code")
        rows = rows.filter(code=code) if code else rows.in_force(at)
        try:
            ruleset = routing.ruleset(book.in_force(at))
        except book.NoRules:
            ruleset = ""
        return Response(RulesOut({"at": at, "ruleset": ruleset, "rules": rows}).data)
