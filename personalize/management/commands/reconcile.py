"""`manage.py reconcile`: do the history tables say what the ledger says?"""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from compliance import history


class Command(BaseCommand):
    help = "Hold every history row against the ledger; exit code 1 when one is missing, added or altered."

    def handle(self, *args: Any, **options: Any) -> None:
        found = history.reconcile(at=now())
        for one in found:
            self.stdout.write(f"DIFFERS {one.about}: {one.fault}")
        if not found:
            self.stdout.write("PASS every history row has its ledger entry, and every entry its history row")
        sys.exit(1 if found else 0)
