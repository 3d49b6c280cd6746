"""Who is to be spared, and certificates, for programs: what the officers' pages may, for officers' tokens alone.

Whatever a note says is given to a reading only, never in the answer to a change: those answers are kept for a day.
"""

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from compliance import certificates, ledger, vulnerability
from compliance.api.base import ApiView
from compliance.api.paging import Cursor
from compliance.api.problems import Conflict
from compliance.models import Certificate, Client, Vulnerability
from compliance.rights import joined

ALONE = "Compliance officers alone read and write what keeps clients safe."


class NoteOut(serializers.ModelSerializer):
    """One note that a client is to be spared, without what it says. It protects until `ended_at`, also past its day."""

    client = serializers.CharField(source="client.user_id", default=None, allow_null=True)
    noted_by = serializers.CharField(source="noted_by.username")
    end_asked_by = serializers.CharField(source="end_asked_by.username", default=None, allow_null=True)
    ended_by = serializers.CharField(source="ended_by.username", default=None, allow_null=True)

    class Meta:
        model = Vulnerability
        fields = ["id", "client", "noted_on", "review_on", "noted_by", "noted_at", "end_asked_by", "end_asked_at",
                  "ended_by", "ended_at"]  # fmt: skip


class OpenedOut(serializers.Serializer):
    """One note as an officer reads it; kind and words are empty where the client's secret is gone."""

    note = NoteOut()
    kind = serializers.CharField(allow_blank=True)
    words = serializers.CharField(allow_blank=True)
    source = serializers.ChoiceField(Vulnerability.Source.choices, source="note.source")
    ground = serializers.ChoiceField(Vulnerability.Ground.choices, source="note.ground")


class CertificateOut(serializers.ModelSerializer):
    """What lets a client be told of investments that are not for everybody."""

    recorded_by = serializers.CharField(source="recorded_by.username")
    ended_by = serializers.CharField(source="ended_by.username", default=None, allow_null=True)

    class Meta:
        model = Certificate
        fields = ["id", "kind", "signed_on", "until", "evidence", "recorded_by", "recorded_at", "ended_on", "ended_by"]


class SafeguardsOut(serializers.Serializer):
    """Everything that keeps one client safe."""

    notes = OpenedOut(many=True)
    certificates = CertificateOut(many=True)


class NoteIn(serializers.Serializer):
    """Why a client is to be spared; `review_on` is within a year."""

    kind = serializers.ChoiceField(list(vulnerability.KINDS.items()))
    words = serializers.CharField(max_length=2000)
    source = serializers.ChoiceField(Vulnerability.Source.choices)
    ground = serializers.ChoiceField(Vulnerability.Ground.choices)
    review_on = serializers.DateField()


class CertificateIn(serializers.Serializer):
    """Which certificate, from when, and until the first day on which it counts no longer."""

    kind = serializers.ChoiceField(Certificate.Kind.choices)
    signed_on = serializers.DateField()
    until = serializers.DateField()
    evidence = serializers.CharField(max_length=300)


class Day(serializers.Serializer):
    """When it is looked at next, within a year."""

    review_on = serializers.DateField()


class WhyEnded(serializers.Serializer):
    """Why it need not protect any more; asked of the first of two officers only."""

    why = serializers.ChoiceField(Vulnerability.Why.choices)


class Question(serializers.Serializer):
    """What the list may be asked."""

    due = serializers.BooleanField(required=False, default=False, help_text="only those whose day of review has come")


class OfficersView(ApiView):
    """Lets compliance officers in, and nobody else: an administrator oversees, but reads nothing that is sealed."""

    needs = ("compliance.oversee",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After sign-in and permission: the role."""
        super().initial(request, *args, **kwargs)
        is_offered = hasattr(self, (request.method or "").lower())  # what nobody is offered is 405 to everybody
        if is_offered and not vulnerability.may(request.user):
            raise exceptions.PermissionDenied(ALONE)

    def done(self, verb: Callable[..., Any], *about: Any, **facts: Any) -> Any:
        """Run one verb: 400 what is missing, 403 not yours, 409 someone was first."""
        try:
            return verb(*about, **facts, by=self.request.user, at=now())
        except (vulnerability.BadNote, certificates.BadCertificate) as why:
            raise exceptions.ValidationError({"safeguard": [str(why)]}) from None
        except vulnerability.NotYours as why:
            raise exceptions.PermissionDenied(str(why)) from None
        except vulnerability.AlreadyDone:
            raise Conflict("Someone did this first. Nothing was changed.") from None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Nobody between us and the officer keeps it."""
        made = super().finalize_response(request, response, *args, **kwargs)
        made["Cache-Control"] = "private, no-store"
        return made


def _client(user_id: str) -> Client:
    found = get_object_or_404(Client, user_id=user_id, erased_at=None)
    return Client.objects.get(pk=joined.survivor(found.pk))


def _notes() -> Any:
    return Vulnerability.objects.select_related("client", "noted_by", "end_asked_by", "ended_by")


class Notes(OfficersView):
    """Notes that clients are to be spared."""

    pagination_class = Cursor

    @extend_schema(parameters=[Question], responses=NoteOut(many=True))
    def get(self, request: Request) -> Response:
        """Those that protect, newest first, without what they say."""
        asked = Question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = _notes().filter(ended_at=None)
        if asked.validated_data["due"]:
            found = found.filter(review_on__lte=now().date())
        paging = self.pagination_class()
        page = paging.paginate_queryset(found, request, self)
        return paging.get_paginated_response(NoteOut(page, many=True).data)


class Safeguards(OfficersView):
    """What keeps one client safe."""

    @extend_schema(operation_id="client_safeguards", responses=SafeguardsOut)
    def get(self, request: Request, user_id: str) -> Response:
        """Every note, opened, and every certificate; that an officer looked is in the ledger."""
        client = _client(user_id)
        facts = {"page": "safeguards"}
        ledger.record("client.viewed", by=request.user, at=now(), about=f"client:{client.pk}", facts=facts)  # type: ignore[arg-type]
        held = Certificate.objects.filter(client__in=joined.everyone([client.pk])).order_by("-signed_on", "-pk")
        told = {"notes": vulnerability.told(client.pk), "certificates": held.select_related("recorded_by", "ended_by")}
        return Response(SafeguardsOut(told).data)


class ClientNotes(OfficersView):
    """Notes about one client."""

    @extend_schema(operation_id="client_note", request=NoteIn, responses={201: NoteOut})
    def post(self, request: Request, user_id: str) -> Response:
        """Note that the client is to be spared, in force when this returns; what it says is sealed, not repeated."""
        client = _client(user_id)
        asked = NoteIn(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        made = self.done(vulnerability.note, client.pk, facts.pop("kind"), **facts)
        return Response(NoteOut(_notes().get(pk=made.pk)).data, status=201)


class ReviewNote(OfficersView):
    """A note is looked at again."""

    steps_up = True

    @extend_schema(request=Day, responses=NoteOut)
    def post(self, request: Request, note_id: int) -> Response:
        """It protects on, and is looked at next by that day."""
        found = get_object_or_404(Vulnerability, pk=note_id)
        asked = Day(data=request.data)
        asked.is_valid(raise_exception=True)
        self.done(vulnerability.review, found.pk, **asked.validated_data)
        return Response(NoteOut(_notes().get(pk=found.pk)).data)


class EndNote(OfficersView):
    """A protection ends: two compliance officers say so."""

    steps_up = True

    @extend_schema(request=WhyEnded, responses=NoteOut)
    def post(self, request: Request, note_id: int) -> Response:
        """The first says why; the second call, by another officer, agrees and needs no body."""
        found = get_object_or_404(_notes(), pk=note_id)
        if vulnerability.is_asked(found):
            self.done(vulnerability.end, found.pk)
        else:
            asked = WhyEnded(data=request.data)
            asked.is_valid(raise_exception=True)
            self.done(vulnerability.ask_end, found.pk, **asked.validated_data)
        return Response(NoteOut(_notes().get(pk=found.pk)).data)


class ClientCertificates(OfficersView):
    """Certificates of one client."""

    @extend_schema(operation_id="client_certificate", request=CertificateIn, responses={201: CertificateOut})
    def post(self, request: Request, user_id: str) -> Response:
        """Write a certificate down; it counts for a year at most."""
        client = _client(user_id)
        asked = CertificateIn(data=request.data)
        asked.is_valid(raise_exception=True)
        facts = dict(asked.validated_data)
        made = self.done(certificates.record, client.pk, facts.pop("kind"), **facts)
        return Response(CertificateOut(made).data, status=201)


class EndCertificate(OfficersView):
    """A certificate is taken back."""

    @extend_schema(request=None, responses=CertificateOut)
    def post(self, request: Request, certificate_id: int) -> Response:
        """One officer does, as for everything that stops; once more changes nothing."""
        found = get_object_or_404(Certificate, pk=certificate_id)
        self.done(certificates.end, found.pk)
        people = Certificate.objects.select_related("recorded_by", "ended_by")
        return Response(CertificateOut(people.get(pk=found.pk)).data)
