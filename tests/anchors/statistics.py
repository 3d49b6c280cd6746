"""Statistics of experiments beside what gbstats 0.8.0 gives for the same numbers."""

from dataclasses import asdict

from personalize.learn import effects
from personalize.learn.effects import Sample
from tests.anchors import LEARNING, Found, Job, Line

TREATED, BASE = Sample.of_proportion(1100, 5000), Sample.of_proportion(1000, 5000)
RATIOS = {(5000, 5200): 0.0476703806561615, (10000, 10100, 9900): 0.36787944117144245}
# fixed or sequential, relative or not: p, low, high
DIFFERENCES = {
    ("fixed", True): (0.01929394, 0.0162372126, 0.1837627874),
    ("fixed", False): (0.01407079, 0.0040366883, 0.0359633117),
    ("sequential", True): (0.31251661, -0.0308221911, 0.2308221911),
    ("sequential", False): (0.24072283, -0.0049317803, 0.0449317803),
}
CLOSE = 1e-6


def jobs(scale: float) -> list[Job]:
    """One, whatever the scale."""
    reads = (*LEARNING, "tests/anchors/statistics.py")
    return [Job("statistics", lambda: {"lines": [asdict(one) for one in compared()]}, reads)]


def lines(found: Found) -> list[Line]:
    """Its lines."""
    return [Line(**one) for one in found["statistics"]["lines"]]


def compared() -> list[Line]:
    """A line for each published number, or set of them."""
    told = []
    for counts, wanted in RATIOS.items():
        p = effects.sample_ratio(counts, [1] * len(counts))
        assert p is not None
        told.append(_line(f"sample ratio of {', '.join(map(str, counts))}", [p], [wanted]))
    for (kind, relative), wanted_three in DIFFERENCES.items():
        found = getattr(effects, kind)(TREATED, BASE, relative=relative)
        name = f"{'relative' if relative else 'absolute'} difference of 1,000 and 1,100 in 5,000, {kind}"
        told.append(_line(name, [found.p, found.low, found.high], list(wanted_three)))
    return told


def _line(measure: str, found: list[float], wanted: list[float]) -> Line:
    apart = max(abs(one - other) for one, other in zip(found, wanted, strict=True))
    return Line("statistics", measure, ", ".join(f"{one:.8f}" for one in found), "equal to 1e-6",
                f"gbstats {', '.join(f'{one:.8f}' for one in wanted)}", apart < CLOSE,
                "" if apart < CLOSE else f"Off by {apart:.2g}.")  # fmt: skip
