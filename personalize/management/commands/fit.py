"""fit: the glass-box on any table, no database."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from personalize import fitting, tabletext, tabular
from personalize.decide import modeltext
from personalize.learn.propensity import NothingToLearn
from personalize.learn.rows import Rows


class Command(BaseCommand):
    help = (
        "Fits an explainable model of a yes-or-no column of a CSV file (plain or gzip) and writes it as JSON, with a "
        "card of scores on rows it had not seen. Needs no database."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.csv", type=Path)
        parser.add_argument("model", metavar="MODEL.json", type=Path)
        parser.add_argument("--target", required=True, help="the column to predict; two values")
        parser.add_argument("--drop", default="", help="columns not to read, with commas between")
        parser.add_argument("--positive", help="the value of the target that counts as success")
        parser.add_argument("--rising", default="", help="number columns with which the answer may only rise")
        parser.add_argument("--falling", default="", help="number columns with which the answer may only fall")
        parser.add_argument(
            "--newest", action="store_true",
            help="the file is in time order and new rows follow it: let old rows count less if that helps later ones",
        )  # fmt: skip
        parser.add_argument("--method", choices=["linear", "tables"], help="by default what the number of rows carries")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            body, card = self._fitted(**options)
        except (tabletext.BadTable, NothingToLearn) as why:
            raise CommandError(str(why)) from why
        beside = options["model"].with_name(options["model"].name + ".part")
        try:
            beside.write_text(body, encoding="utf-8")
            beside.replace(options["model"])
        except OSError as why:
            raise CommandError(f"{options['model']}: {why.strerror or why}") from why
        self._show(card)

    def _fitted(
        self, *, file: Path, target: str, drop: str, positive: str | None, method: str | None, rising: str,
        falling: str, newest: bool, **_: Any,
    ) -> tuple[str, dict[str, Any]]:  # fmt: skip
        self.stderr.write(f"Reading {file} …")
        table = tabletext.read(file)
        dropped = _names(drop)
        for name in (target, *dropped, *_names(rising), *_names(falling)):
            if name not in table.names:
                raise tabletext.BadTable(f"{file}: there is no column {name!r}; it has {', '.join(table.names)}")
        y, positive = tabletext.outcomes(table.cells[target], positive=positive)
        reading = tabular.reading(table, without=[target, *dropped])
        if not reading.columns:
            raise tabletext.BadTable(f"{file}: no column is left to learn from")
        for name, why in reading.left_out.items():
            self.stderr.write(f"{name} is not read: {why}")
        x, _ = tabular.matrix(table, reading.columns, reading.derived)
        rows = Rows(x, y, reading.columns, tuple(range(len(reading.columns))))
        self.stderr.write(f"Fitting {len(y):,} rows, {len(reading.columns)} columns; {positive!r} is the success …")
        monotone = tuple([(name, 1) for name in _names(rising)] + [(name, -1) for name in _names(falling)])
        judged = fitting.judge(
            rows, np.arange(len(y)), method=method, monotone=monotone, seasonal=reading.seasonal, adapt=newest
        )
        told = {
            "target": target, "positive": positive, "dropped": dropped, "left_out": reading.left_out,
            "derived": [asdict(one) for one in reading.derived], "card": judged.card,
            "model": json.loads(modeltext.dump(judged.trained.model)),
        }  # fmt: skip
        return json.dumps(told, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n", judged.card

    def _show(self, card: dict[str, Any]) -> None:
        lines = [
            f"rows {card['rows']:,} · successes {card['positives']:,} · method {card['method']}",
            f"held out:  AUC {_n(card['auc'])} · log-loss {_n(card['log_loss'])} · ECE {_n(card['ece'])} · "
            f"Brier {_n(card['brier'])} · lift@10% {_n(card['lift'])}",
            *_walked(card),
            "what moves it most:  " + ", ".join(f"{one['name']} {one['weight']:.3f}" for one in card["importance"][:8]),
        ]
        self.stdout.write("\n".join([*lines, *card["limitations"]]))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _walked(card: dict[str, Any]) -> list[str]:
    """How the model lives with time, if the file is in time order."""
    walk = card["walk"]
    if walk is None:
        return ["forward in time: too few rows to walk through"]
    ways = [
        ("static", "fitted once on the first 70 % of the rows"), ("kept", "fitted again on everything so far"),
        ("adapted", f"old rows count less (half after {walk['half_life'] or '∞'} rows), calibrated on the newest"),
    ]  # fmt: skip
    lines = ["forward, on the last 30 %, if the file is in time order:"]
    lines += [f"  {name:8} AUC {_n(walk[name]['auc'])} · ECE {_n(walk[name]['ece'])}  {words}" for name, words in ways]
    return lines


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
