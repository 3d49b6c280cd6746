"""Addresses of the `compliance` package."""

from django.urls import URLPattern, URLResolver, path

from compliance.api import consents as consents_api
from compliance.api import ledger as ledger_api
from compliance.api import reviews as reviews_api
from compliance.views import ledger, oversight, reviewers, reviews, rules, sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("", sign_in.home, name="home"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("review/", reviews.queue, name="review_queue"),
    path("review/decided/", reviews.decided, name="review_decided"),
    path("review/<int:item_id>/", reviews.item, name="review_item"),
    path("review/<int:item_id>/invite/", reviewers.invite, name="review_invite"),
    path("review/outside/<str:secret>/", reviewers.outside, name="outside"),
    path("compliance/reviewers/", reviewers.reviewers, name="reviewers"),
    path("review/<int:item_id>/comment/", reviews.comment, name="review_comment"),
    path("review/<int:item_id>/comment/<int:comment_id>/settle/", reviews.settle, name="review_settle"),
    path("review/<int:item_id>/mail/", reviews.mail, name="review_mail"),
    path("review/<int:item_id>/claim/", reviews.claim, name="review_claim"),
    path("review/<int:item_id>/release/", reviews.release, name="review_release"),
    path("review/<int:item_id>/approve/", reviews.approve, name="review_approve"),
    path("review/<int:item_id>/reject/", reviews.reject, name="review_reject"),
    path("review/<int:item_id>/withdraw/", reviews.withdraw, name="review_withdraw"),
    path("review/<int:item_id>/reopen/", reviews.reopen, name="review_reopen"),
    path("compliance/", oversight.oversight, name="oversight"),
    path("compliance/ledger/", ledger.search, name="ledger"),
    path("compliance/ledger/<int:entry_id>/", ledger.entry, name="ledger_entry"),
    path("compliance/ledger/<int:entry_id>/proof/", ledger.proof, name="ledger_proof"),
    path("compliance/ledger/verify/", ledger.verify, name="ledger_verify"),
    path("compliance/packets/", oversight.packets, name="packets"),
    path("compliance/packets/new/", oversight.packet_new, name="packet_new"),
    path("compliance/packets/<int:packet_id>/", oversight.packet_file, name="packet_file"),
    path("compliance/rules/", rules.copy_rules, name="copy_rules"),
    path("api/v1/clients/<str:user_id>/consents", consents_api.Consents.as_view(), name="api_consents"),
    path("api/v1/ledger", ledger_api.Entries.as_view(), name="api_ledger"),
    path("api/v1/ledger/as-of", ledger_api.AsOf.as_view(), name="api_as_of"),
    path("api/v1/ledger/<int:entry_id>/proof", ledger_api.Proof.as_view(), name="api_proof"),
    path("api/v1/ledger/checkpoint", ledger_api.Head.as_view(), name="api_checkpoint"),
    path("api/v1/reviews", reviews_api.Reviews.as_view(), name="api_reviews"),
    path("api/v1/reviews/<int:item_id>/claim", reviews_api.Claim.as_view(), name="api_review_claim"),
    path("api/v1/reviews/<int:item_id>/approve", reviews_api.ApproveItem.as_view(), name="api_review_approve"),
    path("api/v1/reviews/<int:item_id>/reject", reviews_api.RejectItem.as_view(), name="api_review_reject"),
]
