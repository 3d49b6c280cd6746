"""What stood at a past instant: profile, consents, rules, content and models, as the ledger kept them."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, localtime, make_aware, now
from django.views.decorators.http import require_http_methods

from compliance import asof, searches
from compliance.models import Channel, Client, Purpose
from compliance.web import needs, page
from personalize import profiles

MOST = 200  # rows of one kind that the page lists


@require_http_methods(["GET", "POST"])
@needs("compliance.oversee")
def as_of(request: HttpRequest) -> HttpResponse:
    """Everything that governed a message at one instant, for one client or for the firm alone."""
    if sealed := searches.moved(request, ("client",)):
        return sealed
    asked = searches.asked(request, ("client",))
    at, named = _instant(asked.get("at", "")), asked.get("client", "").strip()
    person = _client(named) if named else None
    when = at or now()
    context = {
        "asked": {"at": asked.get("at") or f"{localtime(when):%Y-%m-%dT%H:%M}", "client": named},
        "at": when,
        "wrong_time": bool(asked.get("at")) and at is None,
        "unknown": bool(named) and person is None,
        "client": person,
        **_firm(when),
        **(_person(person, when) if person else {}),
    }
    return page(request, "compliance/as_of.html", context, part="then", status=422 if context["wrong_time"] else 200)


def _firm(at: datetime) -> dict[str, Any]:
    """What held for everybody."""
    versions = [one for one in asof.records("campaigns_blockversion", at=at) if _in_force(one.row, at)]
    rules = asof.records("compliance_copyrule", at=at)
    return {
        "models": [one for one in asof.records("personalize_artefact", at=at) if one.row["stage"] == "live"],
        "campaigns": asof.records("campaigns_campaign", at=at)[:MOST],
        "versions": versions[:MOST],
        "version_count": len(versions),
        "topics": asof.records("compliance_topic", at=at),
        "rules": sorted(rules, key=lambda one: str(one.row.get("code"))),
    }


def _person(client: Client, at: datetime) -> dict[str, Any]:
    """What held for one client."""
    purposes, channels = dict(Purpose.choices), {**dict(Channel.choices), "any": "any channel"}
    answers = asof.records("compliance_consentstate", at=at, client_id=client.pk)
    return {
        "record": asof.record("compliance_client", client.pk, at=at),
        "answers": [
            (purposes.get(one.row["purpose"]), channels.get(one.row["channel"]), one.row["state"], one)
            for one in sorted(answers, key=lambda one: (one.row["purpose"], one.row["channel"]))
        ],
        "preferences": asof.records("compliance_preference", at=at, client_id=client.pk),
        "features": profiles.as_of(client.pk, at=at),
    }


def _in_force(row: dict[str, Any], at: datetime) -> bool:
    published, ends = (
        datetime.fromisoformat(row[name]) if row[name] else None for name in ("published_at", "valid_until")
    )
    return published is not None and published <= at and (ends is None or ends > at)


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
        return make_aware(found) if found and is_naive(found) else found
    except (ValueError, OverflowError):
        return None


def _client(named: str) -> Client | None:
    wanted = Q(user_id=named) | (Q(pk=int(named)) if named.isdecimal() and len(named) < 19 else Q(pk=None))
    return Client.objects.filter(wanted).first()
