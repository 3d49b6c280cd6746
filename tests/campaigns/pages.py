"""What tests of the marketer's pages share: a firm an hour old, a browser, and a form as a browser sends it."""

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.timezone import now

from compliance.models import Staff
from personalize import features
from tests.campaigns.world import World


@pytest.fixture
def world(marketer: Staff, editor: Staff) -> World:
    """The world an hour ago: pages ask the real clock."""
    at = now() - timedelta(hours=1)
    features.ensure_core(at)
    return World(at, marketer, editor)


@pytest.fixture
def browser(marketer: Staff) -> Browser:
    """The marketer's browser."""
    return signed_in(marketer)


def signed_in(person: Staff) -> Browser:
    browser = Browser()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


class Form(HTMLParser):
    """What a browser would send for the form of a page that has a `name` field."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.select, self.textarea, self.inside = "", "", False
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("method") == "post" and "novalidate" in given
        if not self.inside:
            return
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.sent.setdefault(name, []).append(value)
        if tag == "select":
            self.select = name
        if tag == "option" and "selected" in given and self.select:
            self.sent.setdefault(self.select, []).append(value)
        if tag == "textarea":
            self.textarea = name
            self.sent[name] = [""]

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.sent[self.textarea][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        if tag == "textarea":
            self.textarea = ""


def asked(world: World, **changed: Any) -> dict[str, Any]:
    """A whole campaign as the builder sends it."""
    used = [world.block(name) for name in ("hello", "calm", "bold", "plain", "read")]
    by_slug = {one.block.slug: one.pk for one in used}
    sent = {
        "name": "Plans made clear",
        "use_case": "onboarding",
        "success_metric": "Module Completed",
        "metric_days": "30",
        "hypothesis": "It helps.",
        "w_open": "0.05",
        "w_click": "0.1",
        "w_outcome": "1",
        "w_satisfaction": "0.5",
        "w_unsubscribe": "-4",
        "w_complaint": "-8",
        "match": "all",
        "rule-0-field": "risk_tolerance",
        "rule-0-operator": "in",
        "rule-0-value": "cautious, balanced",
        "rule-1-field": "events:Dashboard Viewed",
        "rule-1-operator": "gte",
        "rule-1-value": "2",
        "rule-1-days": "7",
        "purpose": "marketing",
        "channel": "email",
        "share_control": "20",
        "share_holdout": "5",
        "max_per_week": "3",
        "use": [str(pk) for pk in by_slug.values()],
        "fallback-subject": str(by_slug["hello"]),
        "fallback-body": str(by_slug["plain"]),
        "fallback-call_to_action": str(by_slug["read"]),
        f"for-{by_slug['bold']}-field": "experience",
        f"for-{by_slug['bold']}-operator": "eq",
        f"for-{by_slug['bold']}-value": "experienced",
    }
    return sent | changed
