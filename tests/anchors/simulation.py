"""Simulated firms of several kinds and sizes under our engine, a segmented campaign, oracles and Vowpal Wabbit."""

import math

import numpy as np

from tests.anchors import LEARNING, Found, Job, Line, miss, over
from tests.anchors._firms import ENGAGEMENT, PACED, VALUE, firm, wabbit

SEEDS = 5
SIZES = (300, 1_000, 10_000, 40_000)  # of the medium kind, every seed
OTHERS = (("low", 10_000), ("high", 10_000), ("odd", 3_000), ("plain", 3_000))
OTHER_SEEDS = 2
WABBIT = (1_000, 10_000)  # clients of the firms that Vowpal Wabbit, which decides some 3,000 times a second, runs too
READS = (*LEARNING, "tests/anchors/_firms.py", "tests/bench/firm_world.py", "tests/bench/policy_adaptor.py",
         "tests/bench/vw.py")  # fmt: skip
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}  # Student's t, 97.5 %, n - 1 degrees
STABLE = 10.0  # no weight may grow past it


def jobs(scale: float) -> list[Job]:
    """A firm each: one kind, size and seed, for the whole 90 days under every policy."""
    seeds = max(2, round(SEEDS * min(1.0, scale * 2)))
    asked = [("medium", n, seed) for n in SIZES for seed in range(1, seeds + 1) if n <= max(1_000, 40_000 * scale)]
    asked += [(kind, n, seed) for kind, n in OTHERS for seed in range(1, OTHER_SEEDS + 1) if scale >= 1]
    told = [Job(_name(*one), lambda one=one: firm(*one), READS) for one in asked]
    beside = [n for n in WABBIT if n <= max(1_000, 40_000 * scale)]
    return told + [Job(f"wabbit {n} 1", lambda n=n: wabbit(n), READS) for n in beside]


def _name(kind: str, n: int, seed: int) -> str:
    return f"firm {kind} {n} {seed}"


class _Firms:
    """The kept firms of one kind and size, asked for a figure."""

    def __init__(self, found: Found, kind: str, n: int) -> None:
        self.runs = [one for name, one in found.items() if name.startswith(f"firm {kind} {n} ")]
        self.where = f"{kind}, {n:,} clients, {len(self.runs)} seeds"

    def of(self, policy: str, figure: str) -> np.ndarray:
        return np.array([one["policies"][policy][figure] for one in self.runs])

    def world(self) -> str:
        """What this world lets anybody reach: the anchors were taken in another, so compare by the gap closed."""
        whose = (("the rotating campaign", "segmented"), ("an oracle of value that always sends", "oracle of value"))
        told = (
            f"{words} has opt-outs {self.of(policy, 'opt-outs').mean():.2f}, quality "
            f"{self.of(policy, 'quality').mean():.3f}, urgent {self.of(policy, 'urgent').mean():.0%}, opens "
            f"{self.of(policy, 'opens').mean():+.0%}"
            for words, policy in whose
        )
        return f"This world is not the anchors': here {'; '.join(told)}."

    def said(self, policy: str, figure: str, *, share: bool = True) -> tuple[float, str]:
        """The mean, and how it is told with a 95 % interval over the seeds."""
        each = self.of(policy, figure)
        mean = float(each.mean())
        half = T_95[len(each)] * float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) in T_95 else math.nan
        told = f"{mean:.1%} ± {half:.1%}" if share else f"{mean:.3f} ± {half:.3f}"
        return mean, told if len(each) > 1 else (f"{mean:.1%}" if share else f"{mean:.3f}")


def lines(found: Found) -> list[Line]:
    """What was to be reached, then every kind and size as it came out."""
    firms = {(kind, n): _Firms(found, kind, n) for kind, n in (*(("medium", n) for n in SIZES), *OTHERS)}
    told: list[Line] = []
    if firms["medium", 10_000].runs:
        told += _middle(firms["medium", 10_000])
    if firms["medium", 40_000].runs:
        told += _large(firms["medium", 40_000])
    for n, least, anchor in ((300, 0.15, "17.9 %"), (1_000, 0.30, "33.5 %")):
        if firms["medium", n].runs:
            told += _small(firms["medium", n], least, anchor)
    told += _wabbits(found)
    return told + [line for one in firms.values() if one.runs for line in _as_it_came(one)]


def _line(firms: _Firms, measure: str, policy: str, figure: str, aim: float, anchor: str, *, most: bool = False,
          share: bool = True) -> Line:  # fmt: skip
    mean, said = firms.said(policy, figure, share=share)
    met = mean <= aim if most else mean >= aim
    bound = f"{aim:+.0%}" if figure.startswith(("opens", "accesses")) else (f"{aim:.0%}" if share else f"{aim:g}")
    unit = " (1 is the whole)" if share else ""
    why = over(mean, aim) if most else miss(mean, aim, unit=unit)
    if why and not figure.startswith(("engagement", "value")):
        why += f" {firms.world()}"
    return Line("simulation", f"{measure} ({firms.where})", said, f"{'<=' if most else '>='} {bound}", anchor, met, why)


def _middle(firms: _Firms) -> list[Line]:
    last = ", last 30 days"
    return [
        _line(firms, "engagement gap closed, content only", ENGAGEMENT, "engagement", 0.30, "VW 19 %, MABWiser 5 %"),
        _line(firms, "value gap closed, full design", VALUE, "value", 0.45, "48.8 %; VW 23 % at 4,000"),
        _line(firms, "value gap closed, last 30 days", VALUE, "value" + last, 0.60, "65.4 %"),
        _line(firms, "opens a mail v segmented, value", VALUE, "opens", 0.22, "+22.6 %"),
        _line(firms, "accesses a mail v segmented, value", VALUE, "accesses", 0.25, "+27.4 %"),
        _line(firms, "opens a mail, engagement and pace, last 30 days", PACED, "opens" + last, 0.34, "+35.6 %"),
        _line(firms, "accesses a mail, engagement and pace, last 30 days", PACED, "accesses" + last, 0.21, "+74.8 %"),
        _line(firms, "opt-outs of 1,000 mails, value", VALUE, "opt-outs", 1.5, "1.39", most=True, share=False),
        _line(firms, "outcome quality, value", VALUE, "quality", 0.25, ".301", share=False),
        _line(firms, "share of urgent words, value", VALUE, "urgent", 0.20, "8 %; 60 % by engagement", most=True),
    ]  # fmt: skip


def _large(firms: _Firms) -> list[Line]:
    largest = max(one["largest"] for one in firms.runs)
    return [
        _line(firms, "engagement gap closed, content only", ENGAGEMENT, "engagement", 0.33, "undamped -25 %; 35.6 %"),
        _line(firms, "value gap closed, full design", VALUE, "value", 0.50, "56.4 %"),
        Line("simulation", f"largest weight ({firms.where})", f"{largest:.2f}", f"< {STABLE:g}", "undamped 900",
             largest < STABLE, over(largest, STABLE)),
    ]  # fmt: skip


def _small(firms: _Firms, least: float, anchor: str) -> list[Line]:
    worst = float(firms.of(VALUE, "value").min())
    return [
        _line(firms, "value gap closed, full design", VALUE, "value", least, anchor),
        Line("simulation", f"value gap closed on the worst seed ({firms.where})", f"{worst:.1%}", "> 0",
             "never below 0", worst > 0, miss(worst, 0.0)),
    ]  # fmt: skip


def _wabbits(found: Found) -> list[Line]:
    told = []
    for n in WABBIT:
        theirs, ours = found.get(f"wabbit {n} 1"), found.get(_name("medium", n, 1))
        if theirs and ours:
            gap = ours["policies"][ENGAGEMENT]["engagement"]
            told.append(Line(
                "simulation", f"engagement gap closed beside Vowpal Wabbit (medium, {n:,} clients, seed 1)",
                f"{gap:.1%}", f"> {theirs['engagement']:.1%}", f"Vowpal Wabbit here {theirs['engagement']:.1%}",
                gap > theirs["engagement"], "It learns a week later, from one reward; ours from opens the next day.",
            ))  # fmt: skip
    return told


def _as_it_came(firms: _Firms) -> list[Line]:
    told = []
    for policy in firms.runs[0]["policies"]:
        gap, value, late = (firms.said(policy, one)[1] for one in ("engagement", "value", "value, last 30 days"))
        mean = {figure: float(firms.of(policy, figure).mean()) for figure in firms.runs[0]["policies"][policy]}
        moved = ("opens", "accesses", "mails", "all opens", "all accesses")
        rates = ", ".join(f"{figure} {mean[figure]:+.1%}" for figure in moved)
        rest = f"opt-outs {mean['opt-outs']:.2f}, quality {mean['quality']:.3f}, urgent {mean['urgent']:.0%}"
        gaps = f"engagement gap {gap}, value gap {value}, last 30 days {late}"
        told.append(Line("simulation", f"{policy} ({firms.where})", gaps, "–", "–", None, f"{rates}; {rest}."))
    return told
