"""predict: score any table with a model that `fit` wrote, no database."""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from personalize import tabletext, tabular
from personalize.decide import modeltext, score
from personalize.decide.score import Model
from personalize.tabular import Derived


class Command(BaseCommand):
    help = (
        "Writes row (from 0), probability for every row of a CSV file (plain or gzip), in its order. With --explain "
        "also base and one column a term: base + the terms = the log-odds. Needs no database."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL.json", type=Path)
        parser.add_argument("file", metavar="FILE.csv", type=Path)
        parser.add_argument("out", metavar="OUT.csv", type=Path)
        parser.add_argument("--explain", action="store_true", help="add the exact part of every term")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        beside = out.with_name(out.name + ".part")
        try:
            model, derived = _loaded(options["model"])
            with beside.open("w", newline="", encoding="utf-8") as text:
                rows, strange = self._written(csv.writer(text), model, derived, options)
            beside.replace(out)
        except (tabletext.BadTable, score.BadModel) as why:
            beside.unlink(missing_ok=True)
            raise CommandError(str(why)) from why
        except OSError as why:
            beside.unlink(missing_ok=True)
            raise CommandError(f"{why.filename}: {why.strerror}") from why
        for name, n in sorted(strange.items()):
            self.stderr.write(f"{name}: {n:,} values the model has not met count as not known")
        self.stdout.write(f"{rows:,} rows written to {out}")

    def _written(
        self, lines: Any, model: Model, derived: tuple[Derived, ...], options: dict[str, Any]
    ) -> tuple[int, Counter[str]]:
        rows, strange, explain = 0, Counter[str](), options["explain"]
        lines.writerow(["row", "probability", *(["base", *map(_own, model.names())] if explain else [])])
        for x, lost in _blocks(model, derived, options["file"]):
            strange.update(lost)
            parts = model.parts(x)
            probability = score.probability(model.base + parts.sum(axis=1))
            numbers = np.arange(rows, rows + len(x)).tolist()
            if explain:
                base = [repr(model.base)] * len(x)
                lines.writerows(
                    (row, repr(p), b, *map(repr, part))
                    for row, p, b, part in zip(numbers, probability.tolist(), base, parts.tolist(), strict=True)
                )
            else:
                lines.writerows((row, repr(p)) for row, p in zip(numbers, probability.tolist(), strict=True))
            rows += len(x)
            if rows % 200_000 == 0:
                self.stderr.write(f"{rows:,} rows …")
        return rows, strange


def _own(name: str) -> str:
    """A term's name, where a column of the table is called like one of ours."""
    return f"{name} (column)" if name in ("row", "probability", "base") else name


def _loaded(path: Path) -> tuple[Model, tuple[Derived, ...]]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        derived = tuple(Derived(one["code"], one["kind"], tuple(one["sources"]), one["form"])
                        for one in told.get("derived", []))  # fmt: skip
        return modeltext.load(json.dumps(told["model"]), None), derived
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        raise score.BadModel(f"{path}: this is not a model written by fit ({why})") from why


def _blocks(model: Model, derived: tuple[Derived, ...], file: Path) -> Iterator[tuple[np.ndarray, dict[str, int]]]:
    """Matrices in the model's order of columns, whatever the order in the file."""
    columns = [one.column for one in model.inputs]
    width = max((one.position for one in model.inputs), default=-1) + 1
    seen = False
    for table in tabletext.read_blocks(file):
        seen = True
        lacking = [name for name in tabular.needed(columns, derived) if name not in table.names]
        if lacking:
            raise tabletext.BadTable(f"{file}: the model reads columns that are not there: {', '.join(lacking)}")
        values, strange = tabular.matrix(table, columns, derived)
        x = np.full((table.n, width), np.nan)
        x[:, [one.position for one in model.inputs]] = values
        yield x, strange
    if not seen:
        raise tabletext.BadTable(f"{file}: there is a header but no row")
