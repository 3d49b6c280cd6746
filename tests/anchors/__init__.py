"""The numbers that decision science must reach, each found here and set beside what others reach.

A module of this folder with `jobs(scale) -> list[Job]` and `lines(found) -> list[Line]` is one part of the report:
what has to run, and what the answers of the jobs that have run add up to. `make report` runs what has not run yet.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
LEARNING = ("personalize/learn", "personalize/decide")

Found = Mapping[str, dict[str, Any]]


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


@dataclass(frozen=True, slots=True)
class Job:
    """Something that runs in a process of its own and whose answer is kept.

    name     says all that its answer depends on, but for the code · run  gives the answer, as JSON can hold it
    reads    files and folders of code under which a change makes the answer old
    """

    name: str
    run: Callable[[], dict[str, Any]]
    reads: tuple[str, ...] = field(default=LEARNING)


def file(name: str) -> Path:
    """A public data file. Raises NoData."""
    found = DATA / name
    if not found.is_file():
        raise NoData(name)
    return found


def parts() -> dict[str, ModuleType]:
    """Every part of the report by name."""
    modules = (importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)
               if one.name[0] != "_" and one.name != "report")  # fmt: skip
    return {module.__name__.rpartition(".")[2]: module for module in modules if hasattr(module, "jobs")}


def miss(found: float, least: float, *, unit: str = "") -> str:
    """By how much a number that should be at least `least` is short of it; empty where it is not."""
    return "" if found >= least else f"Short by {least - found:.4g}{unit}."


def over(found: float, most: float) -> str:
    """By how much a number that should be at most `most` passes it; empty where it does not."""
    return "" if found <= most else f"Over by {found - most:.4g}."
