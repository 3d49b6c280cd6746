"""The record of processing for programs: each purpose's records, and the next version of one."""

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.api.base import ApiView
from compliance.models import LawfulBasis, Purpose, PurposeRecord
from compliance.processing import records


class RecordOut(serializers.ModelSerializer):
    """One version of a purpose's record; it is used while `stands_until` is in the future. Null author: shipped."""

    author = serializers.CharField(source="author.username", default=None, allow_null=True)
    facts = serializers.DictField(help_text="processing (Art. 30), bases by place, interest, impact (Art. 35)")

    class Meta:
        model = PurposeRecord
        fields = ["purpose", "version", "facts", "until", "digest", "author", "made_at", "is_carried", "stands_until"]


class Bases(serializers.Serializer):
    """The lawful ground in each place."""

    UK = serializers.ChoiceField(LawfulBasis.choices)
    EU = serializers.ChoiceField(LawfulBasis.choices)
    US = serializers.ChoiceField(LawfulBasis.choices)


class Processing(serializers.Serializer):
    """What Art. 30(1) asks for."""

    what, people, data, recipients, transfers, kept, security = (
        serializers.CharField(max_length=4000, help_text=words) for words in records.PROCESSING.values()
    )


class Interest(serializers.Serializer):
    """The assessment of a legitimate interest (Art. 6(1)(f))."""

    interest, needed, balance = (
        serializers.CharField(max_length=4000, help_text=words) for words in records.INTEREST.values()
    )


class Impact(serializers.Serializer):
    """The impact assessment (Art. 35(7))."""

    described, needed, risks, measures = (
        serializers.CharField(max_length=4000, help_text=words) for words in records.IMPACT.values()
    )


class RecordIn(serializers.Serializer):
    """The next version; `until` is the day of its review, within a year."""

    purpose = serializers.ChoiceField(Purpose.choices)
    until = serializers.DateField()
    bases = Bases()
    processing = Processing()
    interest = Interest(required=False)
    impact = Impact(required=False)


class Question(serializers.Serializer):
    """What the list may be asked."""

    purpose = serializers.ChoiceField(Purpose.choices, required=False)


class Purposes(ApiView):
    """Records of purposes."""

    needs = ("compliance.oversee", "compliance.build_campaigns")

    @extend_schema(parameters=[Question], responses=RecordOut(many=True))
    def get(self, request: Request) -> Response:
        """Every version, newest first in its purpose."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = PurposeRecord.objects.filter(**asked.validated_data).select_related("author")
        return Response(RecordOut(found.order_by("purpose", "-version"), many=True).data)

    @extend_schema(request=RecordIn, responses={201: RecordOut})
    def post(self, request: Request) -> Response:
        """Write the next version and put it before the reviewers: two people approve it, one of them an officer."""
        asked = RecordIn(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        purpose, until = facts.pop("purpose"), facts.pop("until")
        try:
            made = records.propose(purpose, facts, until=until, by=request.user, at=now())
        except records.BadRecord as why:
            raise exceptions.ValidationError({"record": [str(why)]}) from None
        return Response(RecordOut(made).data, status=201)
