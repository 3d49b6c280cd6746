"""Figures for programs: what texts state with an end, where each stands, and the next version of one."""

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import figures
from campaigns.api.campaigns import staff
from campaigns.models import Figure, FigureKind
from compliance import review
from compliance.api.base import ApiView


class FigureOut(serializers.ModelSerializer):
    """One version of a figure; texts that show it go out while `is_in_force`. `standing` is its review's."""

    author = serializers.CharField(source="author.username")
    standing = serializers.CharField()
    is_in_force = serializers.BooleanField()

    class Meta:
        model = Figure
        fields = ["code", "version", "name", "kind", "words", "product", "evidence", "as_of", "until", "digest",
                  "author", "made_at", "standing", "is_in_force"]  # fmt: skip


class FigureIn(serializers.Serializer):
    """The next version of a figure: the words as every text shows them, their evidence, and the days it counts."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(FigureKind.choices)
    words = serializers.CharField(max_length=200)
    evidence = serializers.CharField(max_length=500)
    as_of = serializers.DateField()
    until = serializers.DateField()
    product = serializers.CharField(required=False, allow_blank=True, default="", max_length=32)


class Question(serializers.Serializer):
    """What the list may be asked."""

    code = serializers.SlugField(required=False, max_length=40)


class Figures(ApiView):
    """Rates, shares and claims that texts state."""

    needs = ("compliance.build_campaigns", "compliance.review_texts", "compliance.oversee")
    needs_to_write = ("compliance.build_campaigns",)

    @extend_schema(parameters=[Question], responses=FigureOut(many=True))
    def get(self, request: Request) -> Response:
        """Every version, newest first in its code."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = Figure.objects.filter(**asked.validated_data).select_related("author").order_by("code", "-version")
        return Response(FigureOut(_standing(list(found)), many=True).data)

    @extend_schema(request=FigureIn, responses={201: FigureOut})
    def post(self, request: Request) -> Response:
        """Put the next version before the reviewers; in force once somebody else approves it."""
        asked = FigureIn(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            made = figures.propose(**asked.validated_data, by=staff(request), at=now())
        except figures.BadFigure as why:
            raise ValidationError({"figure": [str(why)]}) from None
        return Response(FigureOut(_standing([made])[0]).data, status=201)


def _standing(rows: list[Figure]) -> list[Figure]:
    """The same, each with its `standing` and whether it `is_in_force`."""
    at = now()
    standing = review.standing([one.digest for one in rows], at=at)
    words = figures.in_force({one.code for one in rows}, at=at)
    for one in rows:
        one.standing = standing.get(one.digest, "absent")  # type: ignore[attr-defined]
        one.is_in_force = one.standing == "approved" and words.get(one.code) == one.words  # type: ignore[attr-defined]
    return rows
