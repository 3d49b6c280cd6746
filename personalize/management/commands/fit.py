"""fit: the glass-box on any table, no database."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from personalize import fitting, tabletext
from personalize.decide import score
from personalize.learn import propensity
from personalize.learn.propensity import NothingToLearn, Rows


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
        self, *, file: Path, target: str, drop: str, positive: str | None, method: str | None, **_: Any
    ) -> tuple[str, dict[str, Any]]:
        self.stderr.write(f"Reading {file} …")
        table = tabletext.read(file)
        dropped = [name.strip() for name in drop.split(",") if name.strip()]
        for name in (target, *dropped):
            if name not in table.names:
                raise tabletext.BadTable(f"{file}: there is no column {name!r}; it has {', '.join(table.names)}")
        y, positive = tabletext.outcomes(table.cells[target], positive=positive)
        columns = tabletext.columns(table, without=[target, *dropped])
        if not columns:
            raise tabletext.BadTable(f"{file}: no column is left to learn from")
        x, _ = tabletext.matrix(table, columns)
        rows = Rows(x, y, columns, tuple(range(len(columns))))
        self.stderr.write(f"Fitting {len(y):,} rows, {len(columns)} columns; every fifth is held out once …")
        trained = propensity.fit(rows, seed=fitting.SEED, method=method)
        card = fitting.card(rows, trained, order=np.arange(len(y)))
        model = json.loads(score.dump(trained.model))
        told = {"target": target, "positive": positive, "dropped": dropped, "card": card, "model": model}
        return json.dumps(told, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n", card

    def _show(self, card: dict[str, Any]) -> None:
        lines = [
            f"rows {card['rows']:,} · successes {card['positives']:,} · method {card['method']}",
            f"held out:  AUC {_n(card['auc'])} · log-loss {_n(card['log_loss'])} · ECE {_n(card['ece'])} · "
            f"Brier {_n(card['brier'])} · lift@10% {_n(card['lift'])}",
            f"forward (first 70 % of the rows → the rest, if the file is in time order):  "
            f"AUC {_n(card['forward_auc'])} · ECE {_n(card['forward_ece'])}",
            "what moves it most:  " + ", ".join(f"{one['name']} {one['weight']:.3f}" for one in card["importance"][:8]),
        ]
        self.stdout.write("\n".join([*lines, *card["limitations"]]))


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
