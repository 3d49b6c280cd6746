"""learn: what came back since the last time moves the policies of campaigns; each is registered with its card."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from campaigns.learning import renewal, rewards
from campaigns.models import Campaign
from compliance.acting import acting


class Command(BaseCommand):
    help = (
        "Learns from opens, clicks, opt-outs and outcomes that matured since the last time, for one campaign or all. "
        "A first policy waits for its steps to be approved; a later day of a live one takes its place if it passes "
        "every gate. A worker does the same every night."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("campaign", nargs="?", default="", metavar="SLUG", help="only this campaign")

    def handle(self, *args: Any, campaign: str, **options: Any) -> None:
        found = Campaign.objects.filter(slug=campaign).first() if campaign else None
        if campaign and found is None:
            raise CommandError(f"There is no campaign “{campaign}”.")
        with acting(renewal.BY):
            try:
                rewards.in_force(at=now())
                learnt = {campaign: renewal.learn(found, at=now())} if found else renewal.every(at=now())
            except rewards.NoReward as why:
                raise CommandError(f"{why} Nothing was learnt.") from why
        for slug, one in learnt.items():
            made = f" (model {one.artefact.pk}, {one.artefact.sha256[:16]}…)" if one.artefact else ""
            self.stdout.write(f"{slug}: {one.outcome}{made}. {one.why}")
        if not learnt:
            self.stdout.write("No campaign was ever launched.")
