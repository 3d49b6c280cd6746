"""The numbers that decision science must reach, each found here and set beside what others reach.

A module of this folder with `lines(scale) -> list[Line]` is one part of the report; adding the module adds its lines.
`make bench ONLY=anchors` prints the table and keeps the lines in bench.json, one object a line:
{"part", "measure", "found", "aim", "anchor", "met", "why"}.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


class NoData(Exception):
    """The public file that a part needs is not beside this checkout; its name is the message."""


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the report.

    part     "bank", "hillstrom", "simulation" … · measure  what was measured, on what
    found    the number or numbers, as text with the digits that mean something
    aim      what was to be reached · anchor  what others reach, with their name
    met      None where the line is information and has no aim
    why      for a miss: by how much and for what reason; else what a reader should know, or ""
    """

    part: str
    measure: str
    found: str
    aim: str
    anchor: str
    met: bool | None
    why: str = ""


def file(name: str) -> Path:
    """A public data file. Raises NoData."""
    found = DATA / name
    if not found.is_file():
        raise NoData(name)
    return found


def parts() -> dict[str, Callable[[float], list[Line]]]:
    """Every part of the report by name."""
    modules = (importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__))
    return {module.__name__.rpartition(".")[2]: module.lines for module in modules if hasattr(module, "lines")}


def table(lines: list[Line]) -> str:
    """The report as aligned text, a part at a time; a line's remark stands under it."""
    shown = [("", "measure", "found", "aim", "anchors")]
    shown += [({True: "✓", False: "✗", None: "·"}[one.met], one.measure, one.found, one.aim, one.anchor)
              for one in lines]  # fmt: skip
    wide = [max(len(row[column]) for row in shown) for column in range(5)]
    out, last = [], None
    for row, one in zip(shown, [None, *lines], strict=True):
        if one is not None and one.part != last:
            last = one.part
            out.append(f"\n{last}")
        out.append("  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip())
        if one is not None and one.why:
            out.append(f"   {one.why}")
    return "\n".join(out)
