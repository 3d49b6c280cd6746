"""Run one benchmark on an empty database of its own and print its answer as JSON."""

import gc
import json
import pkgutil
import resource
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection


class Command(BaseCommand):
    help = "Runs one benchmark of tests/bench and prints JSON. Exit code 1 when it missed its target."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="module of tests/bench")
        parser.add_argument("--scale", type=float, default=1.0, help="size of the work; 1 is what the target is for")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            known = pkgutil.resolve_name("tests.bench:known")()
        except ImportError as missing:
            raise CommandError(f"Benchmarks need the development packages and the tests folder: {missing}") from None
        name = options["name"]
        if name not in known:
            raise CommandError(f"No such benchmark: {name}. There are: {', '.join(sorted(known))}.", returncode=2)
        # Never the firm's own rows: a database beside it, gone afterwards.
        before = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            gc.collect()
            begun = time.monotonic()
            found = known[name](options["scale"])
        finally:
            connection.creation.destroy_test_db(before, verbosity=0)
        found |= {
            "scale": options["scale"],
            "seconds": round(time.monotonic() - begun, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        self.stdout.write(json.dumps(found))
        if not found.get("met"):
            raise SystemExit(1)
