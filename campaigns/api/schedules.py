"""A campaign's schedule for programs."""

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import desks, schedules
from campaigns.api.campaigns import staff
from campaigns.models import Occurrence, Repeat, Schedule
from compliance.api.base import ApiView
from compliance.api.problems import problem

LISTED = 100


class ScheduleIn(serializers.Serializer):
    """When the campaign is launched: local day and time in an IANA zone, how often, until when, how late at most."""

    first_on = serializers.DateField()
    local_time = serializers.TimeField()
    zone = serializers.CharField(max_length=64)
    repeat = serializers.ChoiceField(choices=Repeat.choices, default=Repeat.ONCE)
    until = serializers.DateField(default=None, allow_null=True)
    latest_min = serializers.IntegerField(default=schedules.LATEST_MIN, min_value=1, max_value=1440)


class OccurrenceOut(serializers.ModelSerializer):
    """One time and what became of it; `local` carries its offset, `run` is the run it launched."""

    class Meta:
        model = Occurrence
        fields = ["local_date", "due_at", "local", "state", "reason", "sentence", "run"]


class ScheduleOut(serializers.ModelSerializer):
    """A schedule and its times so far, newest first."""

    made_by = serializers.CharField(source="made_by.username")
    occurrences = serializers.SerializerMethodField()

    class Meta:
        model = Schedule
        fields = ["first_on", "local_time", "zone", "repeat", "until", "latest_min", "state", "made_by", "made_at",
                  "ended_at", "occurrences"]  # fmt: skip

    @extend_schema_field(OccurrenceOut(many=True))
    def get_occurrences(self, schedule: Schedule) -> list[dict[str, object]]:
        """The newest LISTED of them."""
        rows = schedule.occurrences.order_by("-due_at", "-pk")[:LISTED]
        return list(OccurrenceOut(rows, many=True).data)


class ScheduleOf(ApiView):
    """The schedule of a campaign."""

    needs = ("compliance.build_campaigns",)

    @extend_schema(responses={200: ScheduleOut(many=True)})
    def get(self, request: Request, slug: str) -> Response:
        """The newest ten schedules, on or off, with what became of each time."""
        campaign = get_object_or_404(desks.campaigns(request.user), slug=slug)
        rows = campaign.schedules.select_related("made_by").order_by("-pk")[:10]
        return Response(ScheduleOut(rows, many=True).data)

    @extend_schema(request=ScheduleIn, responses={201: ScheduleOut})
    def post(self, request: Request, slug: str) -> Response:
        """Schedule launches in the caller's name; 409 while another schedule is on."""
        campaign = get_object_or_404(desks.campaigns(request.user), slug=slug)
        ask = ScheduleIn(data=request.data)
        ask.is_valid(raise_exception=True)
        try:
            made = schedules.make(campaign, schedules.Asked(**ask.validated_data), by=staff(request), at=now())
        except schedules.BadSchedule as bad:
            raise ValidationError(bad.errors) from None
        except schedules.AlreadyScheduled:
            return problem(409, "The campaign has a schedule", detail="Cancel that one first.")
        return Response(ScheduleOut(made).data, status=201)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Cancel the schedule that is on; a run that it launched goes on. 409 when there is none."""
        campaign = get_object_or_404(desks.campaigns(request.user), slug=slug)
        try:
            schedules.cancel(campaign, by=staff(request), at=now())
        except schedules.NotScheduled:
            return problem(409, "Nothing is scheduled")
        return Response(status=204)
