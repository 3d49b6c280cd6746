"""export_disagreements: the texts in which reviewers held a finding to be wrong, as labelled texts for train_words."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance.judging import disagreements


class Command(BaseCommand):
    help = (
        'Writes {"id","text","style","market","topics","lint","must_route_to_review"} a line, labelled by the findings '
        "that nobody disputes. Feed it to train_words together with the texts that were there before."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in disagreements.labelled()]
        part = options["out"].with_suffix(".part")
        try:
            part.write_text("".join(lines), encoding="utf-8")
            part.replace(options["out"])
        except OSError as why:
            raise CommandError(f"cannot write there: {why}") from why
        self.stdout.write(f"{len(lines):,} labelled texts")
