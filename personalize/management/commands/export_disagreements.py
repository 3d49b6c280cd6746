"""export_disagreements: texts that reviewers saw differently from a finding or each other, labelled for train_words."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance.judging import disagreements
from compliance.reviewing import secondreadings


class Command(BaseCommand):
    help = (
        'Writes {"id","text","style","market","topics","lint","must_route_to_review"} a line, labelled by the findings '
        "that nobody disputes, or by a third reader where two saw a text differently. Feed it to train_words together "
        "with the texts that were there before."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("out", metavar="OUT.jsonl", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        told = (*disagreements.labelled(), *secondreadings.labelled())
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in told]
        part = options["out"].with_suffix(".part")
        try:
            part.write_text("".join(lines), encoding="utf-8")
            part.replace(options["out"])
        except OSError as why:
            raise CommandError(f"cannot write there: {why}") from why
        self.stdout.write(f"{len(lines):,} labelled texts")
