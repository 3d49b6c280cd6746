"""A small world for campaigns: clients with consents and declarations, approved blocks, and a campaign over them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns import blocks, coverage, plans
from campaigns.combinations import pairs
from campaigns.models import BlockVersion, Campaign
from compliance import consent, review
from compliance.models import Channel, Client, Purpose, ReviewItem, ReviewState, Role, Staff
from personalize import declarations, features
from tests.people import reviewer

WORDS: dict[str, dict[str, Any]] = {
    "hello": {"slot": "subject", "body": "A short guide to your plan"},
    "hello-goal": {"slot": "subject", "body": "Two minutes on what you are saving for"},
    "calm": {"slot": "body", "body": "Here is how your plan works, step by step.", "framing": "conservative"},
    "bold": {"slot": "body", "body": "Here is how to look further ahead with your plan.", "framing": "growth"},
    "pushy": {"slot": "body", "body": "Here is how your plan works. Act now.", "framing": "conservative"},
    "plain": {"slot": "body", "body": "Here is what your plan does for you."},
    "read": {"slot": "call_to_action", "body": "Read the guide", "url": "https://www.harbourwell.example/guide"},
}
OBJECTIVE = {"open": 0.05, "click": 0.1, "outcome": 1.0, "unsubscribe": -4.0, "complaint": -8.0}


@dataclass(slots=True)
class World:
    """What the tests of runs start from."""

    at: datetime
    marketer: Staff
    editor: Staff

    def client(self, number: int, *, email: str = "", consented: bool = True, **declared: Any) -> Client:
        """One client with an address, a consent to marketing by e-mail, and what they declared."""
        made = Client.objects.create(
            user_id=f"u{number}",
            email=email or f"client{number}@mail.example",
            first_name=f"Client{number}",
            first_seen_at=self.at - timedelta(days=400),
        )
        if consented:
            self.consent(made)
        for key, value in declared.items():
            declarations.declare(made.pk, key, value, source="test", at=self.at - timedelta(days=2))
        return made

    def consent(self, client: Client) -> None:
        """Their yes to marketing by e-mail."""
        consent.grant(
            client.pk,
            purpose=Purpose.MARKETING,
            channel=Channel.EMAIL,
            wording="portal-marketing-email-1",
            surface="portal",
            mechanism="checkbox",
            by=f"client:{client.pk}",
            at=self.at - timedelta(days=3),
        )

    def withdraw(self, client: Client, *, at: datetime | None = None) -> None:
        """Their no."""
        consent.withdraw(
            client.pk,
            purpose=Purpose.MARKETING,
            channel=Channel.EMAIL,
            surface="portal",
            mechanism="button",
            by=f"client:{client.pk}",
            at=at or self.at,
        )

    def block(self, slug: str, *, approved: bool = True, **words: Any) -> BlockVersion:
        """A published block; approved by the editor unless asked not to be. One named alone is the one made before."""
        if not words and slug not in WORDS:
            return BlockVersion.objects.select_related("block").get(block__slug=slug)
        asked = {**WORDS.get(slug, {}), **words}
        version = blocks.draft(slug=slug, name=slug.title(), by=self.marketer, at=self.at, **asked)
        if version.published_at is None:
            version = blocks.publish(version.pk, by=self.marketer, at=self.at)
        if approved:
            self.approve()
        return BlockVersion.objects.select_related("block").get(pk=version.pk)

    def approve(self) -> None:
        """The editor says yes to all that waits."""
        for item in ReviewItem.objects.filter(state=ReviewState.WAITING):
            review.approve(item.pk, by=self.editor, seen=item.digest, reason="fine", at=self.at)

    def reject(self) -> None:
        """The editor says no to all that waits."""
        for item in ReviewItem.objects.filter(state=ReviewState.WAITING):
            review.reject(item.pk, by=self.editor, seen=item.digest, reason="no", at=self.at)

    def policy(self) -> None:
        """Two people have approved that plain words need no reading side by side."""
        item = pairs.propose(by=self.marketer, at=self.at)
        if item.state == ReviewState.WAITING:
            for by in (self.editor, reviewer("officer", Role.OFFICER)):
                review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=self.at)

    def read_together(self, campaign: Campaign) -> ReviewItem | None:
        """The editor, and the officer where two must, approve what of the campaign was not read side by side."""
        item = coverage.ask(campaign, plans.snapshot(campaign, at=self.at), by=campaign.owner, at=self.at)
        for by in (self.editor, reviewer("officer", Role.OFFICER)):
            if item is not None and item.state == ReviewState.WAITING:
                item = review.approve(item.pk, by=by, seen=item.digest, reason="Agreed.", at=self.at)
        return item

    def campaign(self, slug: str = "guide", *, parts: tuple[tuple[str, bool], ...] = (), **fields: Any) -> Campaign:
        """A campaign ready for launch: one subject, three bodies, one button."""
        self.policy()
        parts = parts or (("hello", True), ("calm", False), ("bold", False), ("plain", True), ("read", True))
        candidates = [(self.block(name), is_fallback, {}) for name, is_fallback in parts]
        asked = {
            "name": "A guide",
            "use_case": "onboarding",
            "success_metric": "Module Completed",
            "objective": OBJECTIVE,
            "share_control": 0.0,
            "share_holdout": 0.0,
            **fields,
        }
        return plans.draft(slug=slug, candidates=candidates, by=self.marketer, at=self.at, **asked)


@pytest.fixture
def world(at: datetime, marketer: Staff, editor: Staff) -> World:
    """An empty firm with its staff and the feature registry."""
    features.ensure_core(at)
    return World(at, marketer, editor)
