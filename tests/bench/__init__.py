"""Benchmarks. A module here with `bench(scale) -> dict` is one; it runs on an empty database of its own.

The answer holds at least `name`, `ratio` (ours to a limit measured in the same run), `target`, `met` and `spread`
(least and most of the pairs). `scale` shrinks or grows the work; 1 is what the target was set for.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any


def known() -> dict[str, Callable[[float], dict[str, Any]]]:
    """Every benchmark by name."""
    modules = (
        importlib.import_module(f"{__name__}.{one.name}")
        for one in pkgutil.iter_modules(__path__)
        if one.name[0] != "_"
    )
    return {module.__name__.rpartition(".")[2]: module.bench for module in modules if hasattr(module, "bench")}
