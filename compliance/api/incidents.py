"""Incidents for programs: record one, tell whom the law names, and close it."""

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance.api.base import ApiView, Moment
from compliance.api.paging import Cursor
from compliance.api.problems import Conflict
from compliance.incidents import records
from compliance.models import Incident, Jurisdiction, Notice

OVERSEE = ("compliance.oversee",)


class NoticeOut(serializers.ModelSerializer):
    """Whom the law says is told, by when, and whether they were."""

    told_by = serializers.CharField(source="told_by.username", default=None, allow_null=True)
    spared_by = serializers.CharField(source="spared_by.username", default=None, allow_null=True)

    class Meta:
        model = Notice
        fields = ["id", "whom", "place", "due_at", "source", "told_at", "told_by", "how", "why_late", "spare_why",
                  "spared_at", "spared_by"]  # fmt: skip


class IncidentOut(serializers.ModelSerializer):
    """One incident with its clocks; `touched` counts the clients it touches."""

    places = serializers.ListField(child=serializers.ChoiceField(Jurisdiction.choices))
    recorded_by = serializers.CharField(source="recorded_by.username")
    closed_by = serializers.CharField(source="closed_by.username", default=None, allow_null=True)
    touched = serializers.IntegerField(source="touched.count")
    notices = NoticeOut(many=True)

    class Meta:
        model = Incident
        fields = ["id", "kind", "title", "words", "places", "vendor", "vendor_aware_at", "happened_at", "aware_at",
                  "recorded_by", "recorded_at", "lesson", "closed_by", "closed_at", "touched", "notices"]  # fmt: skip


class IncidentIn(serializers.Serializer):
    """What happened. No places is every place; `touched` are the firm's own ids of clients."""

    kind = serializers.ChoiceField(Incident.Kind.choices)
    title = serializers.CharField(max_length=120)
    words = serializers.CharField(max_length=4000)
    aware_at = Moment(help_text="when we knew: the clocks run from here")
    happened_at = Moment(required=False, allow_null=True, default=None)
    vendor = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    vendor_aware_at = Moment(required=False, allow_null=True, default=None)
    places = serializers.ListField(child=serializers.ChoiceField(Jurisdiction.choices), required=False, default=list)
    touched = serializers.ListField(
        child=serializers.CharField(max_length=255), required=False, default=list, max_length=10_000
    )


class Question(serializers.Serializer):
    """What the list may be asked."""

    open = serializers.BooleanField(required=False, default=None, allow_null=True, help_text="only those nobody closed")


class Told(serializers.Serializer):
    """How they were told; late, why."""

    how = serializers.CharField(max_length=300)
    why_late = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class Why(serializers.Serializer):
    """Why the law does not want this notice."""

    why = serializers.CharField(max_length=300)


class Lesson(serializers.Serializer):
    """What was done, and what keeps it from happening again."""

    lesson = serializers.CharField(max_length=4000)


def _rows() -> Any:
    people = Incident.objects.select_related("recorded_by", "closed_by")
    return people.prefetch_related("notices__told_by", "notices__spared_by")


class Incidents(ApiView):
    """Breaches and complaints."""

    needs = OVERSEE
    pagination_class = Cursor

    @extend_schema(parameters=[Question], responses=IncidentOut(many=True))
    def get(self, request: Request) -> Response:
        """Newest first, each with its notices."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = _rows().filter(closed_at=None) if asked.validated_data["open"] else _rows()
        paging = self.pagination_class()
        page = paging.paginate_queryset(found, request, self)
        return paging.get_paginated_response(IncidentOut(page, many=True).data)

    @extend_schema(request=IncidentIn, responses={201: IncidentOut})
    def post(self, request: Request) -> Response:
        """Write an incident down; the law's clocks of its kind and places run from `aware_at`."""
        asked = IncidentIn(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        try:
            made = records.record(facts.pop("kind"), **facts, by=request.user, at=now())
        except records.BadIncident as why:
            raise exceptions.ValidationError({"incident": [str(why)]}) from None
        return Response(IncidentOut(_rows().get(pk=made.pk)).data, status=201)


class Step(ApiView):
    """What the steps share: 404 unknown, 403 not yours, 409 someone was first, 400 what is missing."""

    needs = OVERSEE
    steps_up = True

    def done(self, incident_id: int, verb: Callable[..., None], *about: int, **facts: Any) -> Response:
        """Take one step of `compliance.incidents.records` and answer with the incident as it stands."""
        try:
            verb(*about, **facts, by=self.request.user, at=now())
        except records.NotYours as why:
            raise exceptions.PermissionDenied(str(why)) from None
        except records.BadIncident as why:
            raise exceptions.ValidationError({"incident": [str(why)]}) from None
        except records.AlreadyDone:
            raise Conflict("Someone did this first. Nothing was changed.") from None
        return Response(IncidentOut(_rows().get(pk=incident_id)).data)


class Tell(Step):
    """A notice was given."""

    @extend_schema(request=Told, responses=IncidentOut)
    def post(self, request: Request, notice_id: int) -> Response:
        """Say how they were told; a late notice says why."""
        found = get_object_or_404(Notice, pk=notice_id)
        said = Told(data=request.data)
        said.is_valid(raise_exception=True)
        return self.done(found.incident_id, records.tell, found.pk, **said.validated_data)


class Spare(Step):
    """A notice is not owed: two compliance officers say so."""

    @extend_schema(request=Why, responses=IncidentOut)
    def post(self, request: Request, notice_id: int) -> Response:
        """The first says why; the second call, by another officer, agrees and needs no body."""
        found = get_object_or_404(Notice.objects.select_related("spare_asked_by"), pk=notice_id)
        if records.is_asked(found):
            return self.done(found.incident_id, records.spare, found.pk)
        said = Why(data=request.data)
        said.is_valid(raise_exception=True)
        return self.done(found.incident_id, records.ask_spare, found.pk, **said.validated_data)


class Close(Step):
    """The incident ends."""

    @extend_schema(request=Lesson, responses=IncidentOut)
    def post(self, request: Request, incident_id: int) -> Response:
        """Close it with what was learnt; 400 while a notice is owed."""
        get_object_or_404(Incident, pk=incident_id)
        said = Lesson(data=request.data)
        said.is_valid(raise_exception=True)
        return self.done(incident_id, records.close, incident_id, **said.validated_data)
