"""train_words: fit the second look of the copy rules on labelled texts, and say what it adds."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from compliance import routing
from compliance.words import lint, normalise, second, topics
from personalize.learn import wording

STRENGTH, FOLDS, SEED = 10.0, 10, 20261123
MAX_FALSE = 0.30  # of the texts that need nobody, how many the second look may add, out of fold


class Command(BaseCommand):
    help = (
        'Fits the second look on JSON lines {"text","style","market","must_route_to_review"} and writes its weights. '
        "Figures are out of fold: each text is judged by a model that never saw it."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("files", metavar="CASES.jsonl", type=Path, nargs="+")
        parser.add_argument("--out", type=Path, default=second.WEIGHTS)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            raw = [path.read_bytes() for path in options["files"]]
            cases = [json.loads(line) for one in raw for line in one.decode("utf-8").splitlines() if line.strip()]
            y = np.array([bool(case["must_route_to_review"]) for case in cases])
            texts = [normalise.fold(case["text"], lint.shipped().known).text for case in cases]
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise CommandError(f"these are not labelled texts: {why!r}") from why
        counted = np.zeros((len(texts), second.SIZE), dtype=np.float32)
        for row, text in enumerate(texts):
            buckets, value = second.counts(text)
            counted[row, buckets] = value
        made = wording.fit(counted, y, strength=STRENGTH, folds=FOLDS, seed=SEED)
        threshold = float(np.quantile(made.out_of_fold[~y], 1 - MAX_FALSE))
        digest = hashlib.sha256(b"".join(raw)).hexdigest()
        with options["out"].open("wb") as file:
            np.savez_compressed(
                file,
                idf=made.idf.astype(np.float16),
                weight=made.weight.astype(np.float16),
                bias=made.bias,
                threshold=threshold,
                digest=digest,
            )
        alone = made.out_of_fold >= threshold
        asked = [(case["text"], case["style"], case["market"]) for case in cases]
        ruled = np.array(
            [routing.by_rules(text, style=style, market=market, book=lint.shipped()) for text, style, market in asked]
        )
        self.stdout.write(f"{len(y)} texts, {y.sum()} for a person; threshold {threshold:.3f}")
        for name, routed in (("phrases and rules", ruled), ("second look alone", alone), ("both", ruled | alone)):
            recall, precision = (routed & y).sum() / y.sum(), (routed & y).sum() / max(1, routed.sum())
            self.stdout.write(f"{name}: recall {recall:.3f}, precision {precision:.3f}")
        for code in topics.POLICY:
            about = np.array([code in case.get("topics", ()) for case in cases]) & y
            self.stdout.write(f"{code}: {(about & (ruled | alone)).sum()} of {about.sum()}, out of fold")
