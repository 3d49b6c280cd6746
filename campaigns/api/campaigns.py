"""Campaigns and runs for programs."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import desks, plans, runs, tasks
from campaigns.models import BlockVersion, Campaign, CampaignBlock, Run, SendHour, UseCase, WhenCapped
from compliance.api.base import ApiView
from compliance.api.problems import problem
from compliance.models import Channel, Purpose, Staff


class CandidateIn(serializers.Serializer):
    """One block for one of the campaign's slots; the newest published version unless one is named."""

    block = serializers.SlugField(max_length=80)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    is_fallback = serializers.BooleanField(default=False)
    rule = serializers.DictField(default=dict)


class CapIn(serializers.Serializer):
    """At most so many messages to one client in the last so many days; empty channel and topic mean all."""

    days = serializers.ChoiceField(choices=[1, 7, 30])
    most = serializers.IntegerField(min_value=0, max_value=50)
    channel = serializers.ChoiceField(choices=Channel.choices, default="", allow_blank=True)
    topic = serializers.CharField(max_length=40, default="", allow_blank=True)
    urgent = serializers.BooleanField(default=False)


class CampaignIn(serializers.Serializer):
    """A campaign to be drafted."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    use_case = serializers.ChoiceField(choices=UseCase.choices)
    success_metric = serializers.CharField(max_length=80)
    metric_days = serializers.IntegerField(default=30, min_value=1, max_value=365)
    hypothesis = serializers.CharField(max_length=300, default="", allow_blank=True)
    objective = serializers.DictField(child=serializers.FloatField())
    purpose = serializers.ChoiceField(choices=Purpose.choices, default=Purpose.MARKETING)
    channel = serializers.ChoiceField(choices=Channel.choices, default=Channel.EMAIL)
    placement = serializers.SlugField(max_length=64, default="", allow_blank=True)
    audience = serializers.DictField(default=dict)
    share_control = serializers.FloatField(default=0.2, min_value=0, max_value=1)
    share_holdout = serializers.FloatField(default=0.05, min_value=0, max_value=1)
    max_per_week = serializers.IntegerField(default=3, min_value=1, max_value=50)
    caps = CapIn(many=True, default=list)
    when_capped = serializers.ChoiceField(choices=WhenCapped.choices, default=WhenCapped.DROPPED)
    latest_hours = serializers.IntegerField(default=None, allow_null=True, min_value=1, max_value=2160)
    send_hour = serializers.ChoiceField(choices=SendHour.choices, default=SendHour.NOW)
    priority = serializers.IntegerField(default=10, min_value=1, max_value=100)
    blocks = CandidateIn(many=True)


class CandidateOut(serializers.ModelSerializer):
    """A candidate as it stands."""

    block = serializers.CharField(source="version.block.slug")
    version = serializers.IntegerField(source="version.number")

    class Meta:
        model = CampaignBlock
        fields = ["slot", "block", "version", "is_fallback", "rule"]


class CampaignOut(serializers.ModelSerializer):
    """A campaign as it stands."""

    blocks = CandidateOut(source="candidates", many=True)
    owner = serializers.CharField(source="owner.username")

    class Meta:
        model = Campaign
        fields = [
            "slug",
            "name",
            "use_case",
            "success_metric",
            "metric_days",
            "hypothesis",
            "objective",
            "purpose",
            "channel",
            "placement",
            "audience",
            "share_control",
            "share_holdout",
            "max_per_week",
            "caps",
            "when_capped",
            "latest_hours",
            "send_hour",
            "priority",
            "state",
            "owner",
            "made_at",
            "blocks",
        ]


class RunOut(serializers.Serializer):
    """A run's numbers: audience = sent + all suppressed + held + failed + pending + unconfirmed."""

    id = serializers.IntegerField()
    campaign = serializers.CharField()
    state = serializers.CharField()
    audience = serializers.IntegerField()
    sent = serializers.IntegerField()
    suppressed = serializers.DictField(child=serializers.IntegerField())
    held = serializers.IntegerField()
    failed = serializers.IntegerField()
    pending = serializers.IntegerField()
    unconfirmed = serializers.IntegerField()


class Campaigns(ApiView, ListAPIView):
    """List campaigns, or draft one."""

    needs = ("compliance.build_campaigns", "compliance.oversee")
    serializer_class = CampaignOut

    def get_queryset(self) -> QuerySet[Campaign]:
        """The campaigns of the caller's desks."""
        found = desks.campaigns(self.request.user)
        return found.select_related("owner").prefetch_related("candidates__version__block")

    @extend_schema(request=CampaignIn, responses={201: CampaignOut})
    def post(self, request: Request) -> Response:
        """Draft a campaign; every fault is named by its field and nothing is written."""
        ask = CampaignIn(data=request.data)
        ask.is_valid(raise_exception=True)
        fields = dict(ask.validated_data)
        fields["caps"] = [dict(one) for one in fields["caps"]]
        candidates = [_candidate(index, one) for index, one in enumerate(fields.pop("blocks"))]
        if Campaign.objects.filter(slug=fields["slug"]).exists():
            raise ValidationError({"slug": "A campaign of this name exists already."})
        try:
            campaign = plans.draft(**fields, candidates=candidates, by=request.user, at=now())
        except plans.BadPlan as error:
            raise ValidationError(error.errors) from None
        return Response(CampaignOut(campaign).data, status=201)


class Launch(ApiView):
    """Launch a campaign."""

    needs = ("compliance.build_campaigns",)

    @extend_schema(request=None, responses={201: RunOut})
    def post(self, request: Request, slug: str) -> Response:
        """What the console's button does; 409 with the named blockers when it is not ready."""
        campaign = get_object_or_404(desks.campaigns(request.user), slug=slug)
        try:
            run = runs.launch(campaign, by=staff(request), at=now())
        except runs.LaunchRefused as refused:
            runs.ask(campaign, refused.blockers, by=staff(request), at=now())
            named = [{"reason": one.sentence, "where": one.url} for one in refused.blockers]
            return problem(409, "The campaign is not ready", detail=named[0]["reason"] if named else "", blockers=named)
        tasks.kick(run.pk)
        return Response(run_body(run), status=201)


class Stop(ApiView):
    """Stop a campaign's run."""

    needs = ("compliance.build_campaigns", "compliance.oversee")

    @extend_schema(request=None, responses={200: RunOut})
    def post(self, request: Request, slug: str) -> Response:
        """Stop the newest run: nothing more is handed over than what a worker already holds."""
        run = get_object_or_404(
            desks.within(request.user, Run.objects.filter(campaign__slug=slug)).order_by("-number")[:1]
        )
        runs.stop(run.pk, by=staff(request), at=now())
        run.refresh_from_db()
        return Response(run_body(run))


class OneRun(ApiView):
    """One run's numbers."""

    needs = ("compliance.build_campaigns", "compliance.oversee")

    @extend_schema(responses={200: RunOut})
    def get(self, request: Request, run_id: int) -> Response:
        """State and conservation counts; they add up at every moment."""
        return Response(
            run_body(get_object_or_404(desks.within(request.user, Run.objects.select_related("campaign")), pk=run_id))
        )


def run_body(run: Run) -> dict[str, Any]:
    """A run's numbers as the API shows them."""
    counts = runs.counts(run.pk)
    return {
        "id": run.pk,
        "campaign": run.campaign.slug,
        "state": run.state,
        "audience": counts.audience,
        "sent": counts.sent,
        "suppressed": counts.suppressed,
        "held": counts.held,
        "failed": counts.failed,
        "pending": counts.pending,
        "unconfirmed": counts.unconfirmed,
    }


def staff(request: Request) -> Staff:
    """The signed-in person behind a session or token."""
    return request.user


def _candidate(index: int, asked: dict[str, Any]) -> tuple[BlockVersion, bool, dict[str, Any]]:
    versions = BlockVersion.objects.select_related("block").filter(block__slug=asked["block"])
    versions = versions.filter(number=asked["version"]) if "version" in asked else versions.exclude(published_at=None)
    version = versions.order_by("-number").first()
    if version is None:
        wanted = f"version {asked['version']}" if "version" in asked else "published version"
        raise ValidationError({f"blocks[{index}].block": f"“{asked['block']}” has no {wanted}."})
    return version, asked["is_fallback"], asked["rule"]
