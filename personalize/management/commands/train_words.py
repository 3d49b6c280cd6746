"""train_words: fit the second look of the copy rules on labelled texts, and say what it adds."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from scipy import sparse

from compliance import routing
from compliance.words import lint, normalise, second, topics
from personalize.learn import wording

FOLDS, INNER = 5, 4
MAX_FALSE = 0.25  # of the texts that need nobody, how many the second look may send, out of fold


class Command(BaseCommand):
    help = (
        'Fits the second look on JSON lines {"text","style","market","must_route_to_review"} and writes its weights. '
        "Figures are out of fold: each text is judged by a model that saw neither it nor a text like it; "
        "with --nested, by a threshold that did not see them either."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("files", metavar="CASES.jsonl", type=Path, nargs="+")
        parser.add_argument("--out", type=Path, default=second.WEIGHTS)
        parser.add_argument("--nested", action="store_true", help="choose each threshold within its fold; slower")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            read = [path.read_text(encoding="utf-8") for path in options["files"]]
            cases = [json.loads(line) for one in read for line in one.splitlines() if line.strip()]
            asked = [(case["text"], case["style"], case["market"]) for case in cases]
            folded = [normalise.fold(text, lint.shipped().known).text for text, _, _ in asked]
            texts = texts_of(folded, np.array([bool(case["must_route_to_review"]) for case in cases]))
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise CommandError(f"these are not labelled texts: {why!r}") from why
        groups = wording.group([frozenset(second.WORD.findall(one)) for one in folded])
        scores = wording.out_of_fold(texts, groups, folds=FOLDS)
        threshold = _threshold(scores, texts.y)
        _write(options["out"], wording.fit(texts), vocabulary(folded), threshold)
        alone = scores >= threshold
        if options["nested"]:
            alone = wording.nested(texts, groups, _threshold, outer=FOLDS, inner=INNER)
        ruled = np.array(
            [routing.by_rules(text, style=style, market=market, book=lint.shipped()) for text, style, market in asked]
        )
        y = texts.y
        self.stdout.write(
            f"{len(y)} texts in {len(set(groups.tolist()))} groups, {y.sum()} for a person; threshold {threshold:.3f}"
        )
        for name, routed in (("phrases and rules", ruled), ("second look alone", alone), ("both", ruled | alone)):
            recall, precision = (routed & y).sum() / y.sum(), (routed & y).sum() / max(1, routed.sum())
            self.stdout.write(f"{name}: recall {recall:.3f}, precision {precision:.3f}")
        for code in topics.POLICY:
            about = np.array([code in case.get("topics", ()) for case in cases]) & y
            self.stdout.write(f"{code}: {(about & (ruled | alone)).sum()} of {about.sum()}, out of fold")


def texts_of(folded: list[str], y: np.ndarray) -> wording.Texts:
    """Folded texts and whether each needs a person, (n,) bool, as the model reads them."""
    place = {word: at for at, word in enumerate(vocabulary(folded))}
    said = [[place[word] for word in second.spoken(one)] for one in folded]
    return wording.Texts(
        counted=_rows([second.counts(one) for one in folded], second.SIZE),
        said=_rows([np.unique(np.asarray(one, dtype=np.intp), return_counts=True) for one in said], len(place)),
        y=y,
    )


def vocabulary(folded: list[str]) -> list[str]:
    """Every word of these texts once, in order of the alphabet."""
    return sorted({word for one in folded for word in second.spoken(one)})


def _rows(found: list[tuple[np.ndarray, np.ndarray]], width: int) -> sparse.csr_array:
    ends = np.cumsum([0, *(len(places) for places, _ in found)])
    places, values = (np.concatenate(side) for side in zip(*found, strict=True))
    return sparse.csr_array((values.astype(np.float64), places, ends), shape=(len(found), width))


def _threshold(scores: np.ndarray, y: np.ndarray) -> float:
    return float(np.quantile(scores[~y], 1 - MAX_FALSE))


def _write(path: Path, made: wording.Fit, words: list[str], threshold: float) -> None:
    scale = np.maximum(np.abs(made.weight).max(axis=0), 1e-9) / 127  # eight bits for each, by column
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            idf=made.idf.astype(np.float16),
            weight=np.rint(made.weight / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            words="\n".join(words),
            vectors=made.vectors.astype(np.float16),
            centre=made.centre.astype(np.float32),
            bias=made.bias,
            threshold=threshold,
            made_with=second.kinds_digest(),
        )
