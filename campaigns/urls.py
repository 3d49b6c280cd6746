"""Addresses of the `campaigns` package."""

from django.urls import URLPattern, URLResolver, path

from campaigns.api import blocks as blocks_api
from campaigns.api import campaigns as campaigns_api
from campaigns.api import decisions, messages
from campaigns.api import schedules as schedules_api
from campaigns.views import (
    asof,
    blocks,
    builder,
    combinations,
    console,
    fairness,
    hooks,
    lab,
    learning,
    outbox,
    pressure,
    previews,
    public,
    results,
    schedules,
    stops,
)
from campaigns.views import campaigns as campaign_pages
from campaigns.views import clients as client_pages
from campaigns.views import messages as message_pages
from campaigns.views import models as model_pages
from campaigns.views import runs as run_pages
from campaigns.views.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("metrics", metrics, name="metrics"),
    path("compliance/as-of/", asof.as_of, name="as_of"),
    path("compliance/pressure/", pressure.pressure, name="pressure"),
    path("compliance/pressure/caps/", pressure.cap_keep, name="cap_keep"),
    path("compliance/pressure/caps/<int:cap_id>/take-away/", pressure.cap_take_away, name="cap_take_away"),
    path("compliance/pressure/paces/", pressure.pace_keep, name="pace_keep"),
    path("compliance/pressure/paces/<int:pace_id>/take-away/", pressure.pace_take_away, name="pace_take_away"),
    path("compliance/stops/", stops.stop_list, name="stops"),
    path("compliance/stops/new/", stops.stop_throw, name="stop_throw"),
    path("compliance/stops/<int:stop_id>/release/", stops.stop_release, name="stop_release"),
    path("console/", console.console, name="console"),
    path("console/campaigns/", campaign_pages.campaigns, name="campaigns"),
    path("console/campaigns/new/", builder.campaign_new, name="campaign_new"),
    path("console/builder/objective/", builder.campaign_part, {"part": "objective"}, name="campaign_objective"),
    path("console/builder/audience/", builder.campaign_part, {"part": "audience"}, name="campaign_audience"),
    path("console/builder/blocks/", builder.campaign_part, {"part": "blocks"}, name="campaign_blocks"),
    path("console/campaigns/<slug:slug>/", campaign_pages.campaign, name="campaign"),
    path("console/campaigns/<slug:slug>/edit/", builder.campaign_edit, name="campaign_edit"),
    path("console/campaigns/<slug:slug>/launch/", campaign_pages.campaign_launch, name="campaign_launch"),
    path("console/campaigns/<slug:slug>/schedule/", schedules.campaign_schedule, name="campaign_schedule"),
    path("console/campaigns/<slug:slug>/schedule/cancel/", schedules.campaign_unschedule, name="campaign_unschedule"),
    path("console/campaigns/<slug:slug>/combinations/", combinations.combinations, name="campaign_combinations"),
    path(
        "console/campaigns/<slug:slug>/combinations/ask/",
        combinations.combinations_ask,
        name="campaign_combinations_ask",
    ),
    path("console/combination-rules/", combinations.combination_rules, name="combination_rules"),
    path("console/campaigns/<slug:slug>/copy/", campaign_pages.campaign_copy, name="campaign_copy"),
    path("console/campaigns/<slug:slug>/preview/", previews.campaign_preview, name="campaign_preview"),
    path("console/campaigns/<slug:slug>/preview/<int:client_id>/", previews.campaign_preview_mail, name="preview_mail"),
    path("console/campaigns/<slug:slug>/results/", results.campaign_results, name="results"),
    path("console/runs/<int:run_id>/", run_pages.run, name="run"),
    path("console/runs/<int:run_id>/stop/", run_pages.run_stop, name="run_stop"),
    path("console/runs/<int:run_id>/resume/", run_pages.run_resume, name="run_resume"),
    path("console/messages/<uuid:message_id>/", message_pages.message, name="message"),
    path("console/messages/<uuid:message_id>/mail/", message_pages.message_mail, name="message_mail"),
    path("console/messages/<uuid:message_id>/resolve/", message_pages.message_resolve, name="message_resolve"),
    path("console/clients/", client_pages.clients, name="clients"),
    path("console/clients/<path:user_id>/", client_pages.client, name="client"),
    path("console/blocks/", blocks.library, name="blocks"),
    path("console/blocks/new/", blocks.block_new, name="block_new"),
    path("console/builder/words/", blocks.block_check, name="block_check"),
    path("console/blocks/<slug:slug>/", blocks.block, name="block"),
    path("console/blocks/<slug:slug>/edit/", blocks.block_edit, name="block_edit"),
    path("console/blocks/<slug:slug>/archive/", blocks.block_archive, name="block_archive"),
    path("console/blocks/<slug:slug>/<int:number>/preview/", blocks.block_preview, name="block_preview"),
    path("console/blocks/<slug:slug>/<int:number>/publish/", blocks.block_publish, name="block_publish"),
    path("console/blocks/<slug:slug>/<int:number>/end/", blocks.block_withdraw, name="block_withdraw"),
    path("console/readiness/", model_pages.readiness, name="readiness"),
    path("console/lab/", lab.lab, name="lab"),
    path("console/lab/ask/", lab.lab_ask, name="lab_ask"),
    path("console/lab/<int:question_id>/", lab.lab_question, name="lab_question"),
    path("console/learning/", learning.learning, name="learning"),
    path("console/learning/reward/", learning.reward_propose, name="reward_propose"),
    path("console/models/", model_pages.models, name="models"),
    path("console/models/<int:artefact_id>/", model_pages.model, name="model"),
    path("console/models/<int:artefact_id>/live/", model_pages.model_live, name="model_live"),
    path("console/models/<int:artefact_id>/own/", model_pages.model_own, name="model_own"),
    path("console/models/<int:artefact_id>/validate/", model_pages.model_validate, name="model_validate"),
    path("console/models/<int:artefact_id>/retire/", model_pages.model_retire, name="model_retire"),
    # What a client's mail leads to.
    path("o/<str:token>.gif", public.opened, name="opened"),
    path("c/<str:token>", public.clicked, name="clicked"),
    path("u/<str:token>", public.unsubscribe, name="unsubscribe"),
    path("w/<str:token>", public.why, name="why"),
    # Where mail providers tell what became of mails.
    path("hooks/mail/", hooks.mail_notices, name="mail_notices"),
    path("hooks/anymail/<slug:provider>/", hooks.anymail_notices, name="anymail_notices"),
    # For programs.
    path("api/v1/decisions", decisions.Decisions.as_view()),
    path("api/v1/blocks", blocks_api.Blocks.as_view()),
    path("api/v1/blocks/<slug:slug>/publish", blocks_api.Publish.as_view()),
    path("api/v1/campaigns", campaigns_api.Campaigns.as_view()),
    path("api/v1/campaigns/<slug:slug>/launch", campaigns_api.Launch.as_view()),
    path("api/v1/campaigns/<slug:slug>/stop", campaigns_api.Stop.as_view()),
    path("api/v1/campaigns/<slug:slug>/schedule", schedules_api.ScheduleOf.as_view()),
    path("api/v1/runs/<int:run_id>", campaigns_api.OneRun.as_view()),
    path("api/v1/clients/<str:user_id>/messages", messages.ClientMessages.as_view()),
    path("ofrep/v1/evaluate/flags", decisions.Flags.as_view()),
    path("ofrep/v1/evaluate/flags/<slug:key>", decisions.Flag.as_view()),
    # For those who answer for what was sent.
    path("compliance/messages/", outbox.messages, name="messages"),
    path("compliance/fairness/", fairness.fairness, name="fairness"),
    path("compliance/fairness/measure/", fairness.fairness_measure, name="fairness_measure"),
    path("compliance/fairness/<int:report_id>/", fairness.fairness_report, name="fairness_report"),
    path("compliance/fairness/<int:report_id>/stop/", fairness.fairness_stop, name="fairness_stop"),
    path("compliance/fairness/<int:report_id>/offer/", fairness.fairness_offer, name="fairness_offer"),
]
