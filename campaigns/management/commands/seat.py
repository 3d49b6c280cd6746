"""Let a marketer work at a desk, and nowhere else."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.timezone import now

from compliance import desks
from compliance.acting import acting
from compliance.models import Staff


class Command(BaseCommand):
    help = "Says at which desks somebody works from now on: they see those desks' campaigns and no others."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="sign-in of the person")
        parser.add_argument("desks", nargs="+", help="the desks; one that is new is made")
        parser.add_argument("--by", required=True, help="sign-in of whoever decides this, somebody else")

    def handle(self, *args: Any, **options: Any) -> None:
        found = {one.username: one for one in Staff.objects.filter(is_active=True)}
        for name in (options["name"], options["by"]):
            if name not in found:
                raise CommandError(f"Nobody active signs in as {name!r}.", returncode=2)
        person, by = found[options["name"]], found[options["by"]]
        try:
            with transaction.atomic(), acting(f"staff:{by.pk}"):
                desks.seat(person, options["desks"], by=by, at=now())
        except desks.NotYours:
            raise CommandError("Somebody else has to give you a desk.") from None
        self.stdout.write(f"{person.username} works at: {', '.join(desks.of(person))}.")
