"""`launch CAMPAIGN`: what the console's button does, from the shell; waits and shows where everybody is."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from campaigns import reasons, runs, tasks
from campaigns.models import Campaign, Run, RunState
from campaigns.sending import delivery
from compliance.models import Staff
from compliance.web import acting

EVERY_S = 1.0
NOT_READY, NOT_ENDED = 1, 2


class Command(BaseCommand):
    help = (
        "Launch a campaign and wait until nobody is left to be written to. Exit code 0: ended; 1: not ready, with "
        "every reason; 2: something still waits (an editor, a later try) when the time was up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="the campaign's slug")
        parser.add_argument("--by", help="user name of who launches it; its owner when not given")
        parser.add_argument("--wait", type=float, default=600.0, help="seconds to wait for the end (default 600)")
        parser.add_argument("--here", action="store_true", help="do the workers' work in this process")
        parser.add_argument("--json", action="store_true", help="print the last counts as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = Campaign.objects.select_related("owner").filter(slug=options["campaign"]).first()
        if campaign is None:
            raise CommandError(f"There is no campaign “{options['campaign']}”.", returncode=NOT_READY)
        by = self._person(campaign, options["by"])
        with acting(f"staff:{by.pk}"):
            try:
                run = runs.launch(campaign, by=by, at=now())
            except runs.LaunchRefused as refused:
                runs.ask(campaign, refused.blockers, by=by, at=now())
                named = "\n".join(f"- {one.sentence}" for one in refused.blockers)
                raise CommandError(f"The campaign is not ready:\n{named}", returncode=NOT_READY) from None
        tasks.kick(run.pk)
        self.stdout.write(f"Run {run.number} of “{campaign.slug}”: {run.audience:,} clients, run id {run.pk}.")
        self._wait(run, seconds=options["wait"], here=options["here"])
        self._tell(run, as_json=options["json"])

    def _person(self, campaign: Campaign, username: str | None) -> Staff:
        if username is None:
            return campaign.owner
        found = Staff.objects.filter(username=username, is_active=True).first()
        if found is None or not found.has_perm("compliance.build_campaigns"):
            raise CommandError(f"“{username}” may not launch campaigns.", returncode=NOT_READY)
        return found

    def _wait(self, run: Run, *, seconds: float, here: bool) -> None:
        """Show the counts each time they change, until the run ends or the time is up."""
        until, last = time.monotonic() + seconds, None
        while time.monotonic() < until:
            if here:
                with acting("system:launch"):
                    for chunk_id in runs.waiting(limit=1, at=now()):
                        runs.assemble(chunk_id, at=now())
                    delivery.send(limit=tasks.MANY, at=now(), seconds=EVERY_S)
                    runs.finish(at=now())
            counts = runs.counts(run.pk)
            if counts != last:
                self.stdout.write(
                    f"  waiting {counts.pending:,} · sent {counts.sent:,} · held {counts.held:,} · "
                    f"not sent {sum(counts.suppressed.values()):,} · failed {counts.failed:,} · "
                    f"unconfirmed {counts.unconfirmed:,}"
                )
                last = counts
            run.refresh_from_db(fields=["state"])
            if run.state not in (RunState.ASSEMBLING, RunState.SENDING):
                return
            if not here:
                time.sleep(EVERY_S)
            elif not counts.pending:
                return

    def _tell(self, run: Run, *, as_json: bool) -> None:
        counts = runs.counts(run.pk)
        if as_json:
            self.stdout.write(json.dumps({"run": run.pk, "state": run.state, **counts.facts()}))
        for reason, n in counts.suppressed.items():
            self.stdout.write(f"  {n:>8,}  {reasons.because(reason)}")
        if not counts.adds_up:
            said = f"{counts.accounted:,} are accounted for, not {counts.audience:,}."
            raise CommandError(said, returncode=NOT_ENDED)
        if run.state in (RunState.ASSEMBLING, RunState.SENDING):
            raise CommandError("The run has not ended: see the counts above.", returncode=NOT_ENDED)
        self.stdout.write(f"{run.get_state_display()}. All {counts.audience:,} are accounted for.")
