"""`manage.py demo`: makes the demo firm, once."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.timezone import now

from campaigns import tracking
from campaigns.demo import alike, firm, people, story
from campaigns.hours import pool
from compliance.bulk import planner
from compliance.models import Client
from compliance.web import acting
from personalize import features, profiles

SEED = 2026


class Command(BaseCommand):
    """Writes staff, clients, six months of events, consents, blocks, campaigns and a review queue."""

    help = "Make the demo firm: staff, clients, history, blocks, campaigns. Does nothing when clients exist."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clients", type=int, default=5_400, help="how many clients (default 5,400)")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("ENV is production: no demonstration people here. Hire staff under Admin instead.")
        with acting("system:demo"):
            at = now()
            firm_staff = firm.staff(at=at)
            source = firm.source(at=at)
            if Client.objects.exists():
                self.stdout.write("demo: clients exist, so only the sign-ins and keys were set")
                return
            # One transaction: a demo that was interrupted leaves nothing behind and starts afresh.
            with transaction.atomic():
                self._tell(firm_staff, source.pk, n=options["clients"], at=at)

    def _tell(self, firm_staff: dict, source_id: int, *, n: int, at: Any) -> None:
        rng = np.random.default_rng(SEED)
        crowd = people.make(n, rng=rng, at=at)
        ids = self._step("clients", lambda: firm.clients(crowd))
        self._step("consents", lambda: firm.consents(crowd, ids, rng=rng))
        self._step("declarations", lambda: firm.declarations(crowd, ids, rng=rng))
        self._step("events", lambda: firm.events(crowd, ids, source_id=source_id, rng=rng))
        self._step("markets and outcomes", lambda: firm.surroundings(crowd, ids, rng=rng))
        firm.wishes(crowd, ids, rng=rng)
        features.ensure_core(at)
        planner.analyse()
        self._step("profiles", lambda: profiles.refresh(at=at))
        told = story.Story(crowd, ids, firm_staff, source_id, at, rng)
        self._step("content blocks", lambda: story.library(told))
        self._step("risk education, twice", lambda: story.education(told))
        self._step("a product campaign", lambda: story.product(told))
        self._step("a running campaign", lambda: story.market_fall(told))
        self._step("drafts and a web place", lambda: story.drafts(told))
        self._step("memberships, volunteered for one use", lambda: alike.volunteered(told))
        self._step("groups compared", lambda: alike.compare(told))
        planner.analyse()
        tracking.count_engagement(at=at)
        self._step("profiles again", lambda: profiles.refresh(at=at))
        self._step("what clients may be about to do", lambda: firm.outlooks(at=at))
        self._step("readings of when clients read", lambda: sum(pool.renew(at=at).counts))

    def _step(self, name: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        made = work()
        size = f"{made:,} " if isinstance(made, int) and made > 1 else ""
        self.stdout.write(f"  demo: {size}{name} ({time.monotonic() - started:.1f} s)")
        self.stdout.flush()
        return made
