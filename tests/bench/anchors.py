"""anchors: decision science in one table: every number found here beside its aim and what others reach."""

from dataclasses import asdict
from typing import Any

from tests import anchors
from tests.anchors import Line, NoData


def bench(scale: float) -> dict[str, Any]:
    """Every part's lines, and the table; met when no line that has an aim misses it and no data was missing."""
    lines: list[Line] = []
    for name, part in sorted(anchors.parts().items()):
        try:
            lines += part(scale)
        except NoData as missing:
            lines.append(Line(name, "not measured", "–", "–", "–", False, f"{missing} is not beside this checkout."))
    aims = [one for one in lines if one.met is not None]
    met = sum(1 for one in aims if one.met)
    return {
        "name": "anchors",
        "ratio": round(met / max(len(aims), 1), 3),
        "spread": [met, len(aims)],
        "target": "every line that can be computed here",
        "met": met == len(aims),
        "lines": [asdict(one) for one in lines],
        "table": anchors.table(lines),
    }
