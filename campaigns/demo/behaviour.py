"""What the demo firm's clients did in six months, and how they answer a message. Arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np

from campaigns.demo.people import People

DAYS = 182
# Event name: (times a month for an average client, which taste drives it, properties)
HABITS: dict[str, tuple[float, str, dict[str, object]]] = {
    "Session Started": (2.2, "curiosity", {"surface": "app"}),
    "Dashboard Viewed": (2.0, "curiosity", {"page": "portfolio"}),
    "Statement Downloaded": (0.35, "thrift", {}),
    "Calculator Used": (0.30, "thrift", {"tool": "retirement"}),
    "Module Started": (0.40, "curiosity", {"module": "risk-basics"}),
    "Contribution Changed": (0.12, "thrift", {}),
    "Deposit Made": (0.55, "thrift", {}),
    "Adviser Fees Viewed": (0.14, "thrift", {}),
    "Transfer Out Viewed": (0.05, "thrift", {}),
    "Support Contacted": (0.10, "warmth", {"by": "chat"}),
}
HOURS = np.array([1, 1, 1, 1, 1, 2, 5, 9, 9, 7, 6, 6, 8, 7, 6, 6, 6, 7, 9, 11, 11, 8, 4, 2], float)
STRESS = (62, 47)  # days ago: the weeks when the market fell


@dataclass(frozen=True, slots=True)
class Deeds:
    """Events as columns: whose (index into People), what (index into `names`), how many seconds before now."""

    who: np.ndarray
    what: np.ndarray
    ago: np.ndarray
    names: tuple[str, ...]


def deeds(people: People, *, rng: np.random.Generator) -> Deeds:
    """Six months of events; more of them in the weeks of a falling market, most in the evening."""
    who, what, ago = [], [], []
    drifting = people.warmth < 0.16  # they come less and less, and look at leaving
    tenure = np.array([(people.at - since).days for since in people.since])
    for index, (_name, (rate, taste, _)) in enumerate(HABITS.items()):
        pull = 0.25 + 1.5 * getattr(people, taste)
        if _name == "Transfer Out Viewed":
            pull = np.where(drifting, 9.0, 0.4)
        times = rng.poisson(rate * DAYS / 30 * pull * np.minimum(tenure, DAYS) / DAYS)
        owner = np.repeat(np.arange(len(people)), times)
        days = rng.random(len(owner)) * np.minimum(tenure, DAYS)[owner]
        faded = drifting[owner] & (_name in ("Session Started", "Dashboard Viewed")) & (rng.random(len(owner)) < 0.7)
        days = np.where(faded, np.maximum(days, 0.5 * np.minimum(tenure, DAYS)[owner]), days)
        who.append(owner)
        what.append(np.full(len(owner), index))
        ago.append(_at_hour(days, rng))
    extra = _stress_visits(people, rng)
    who.append(extra)
    what.append(np.full(len(extra), 1))
    ago.append(_at_hour(STRESS[1] + rng.random(len(extra)) * (STRESS[0] - STRESS[1]), rng))
    return Deeds(np.concatenate(who), np.concatenate(what), np.concatenate(ago), tuple(HABITS))


def completed_modules(found: Deeds, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Who completed a module they had started, and how many seconds ago: about six in ten, within two days."""
    started = found.what == found.names.index("Module Started")
    finished = started & (rng.random(len(found.who)) < 0.6)
    ago = found.ago[finished] - rng.random(finished.sum()) * 2 * 86_400
    return found.who[finished], np.maximum(ago, 60.0)


def volatility(*, rng: np.random.Generator) -> np.ndarray:
    """A volatility index for each of the last DAYS days, newest last, in [0.1, 0.5]."""
    ago = np.arange(DAYS)[::-1]
    calm = 0.16 + 0.02 * np.cumsum(rng.normal(0, 0.3, DAYS)) / 6
    stress = 0.22 * np.exp(-(((ago - STRESS[1] - 8) / 7.0) ** 2))
    return np.clip(calm + stress + rng.normal(0, 0.006, DAYS), 0.1, 0.5)


def answers(
    *,
    warmth: np.ndarray,
    curiosity: np.ndarray,
    risk: np.ndarray,
    framing: np.ndarray,
    appeal: np.ndarray,
    written_to: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Who opened, clicked, did the thing, unsubscribed, complained: bool arrays (n,).

    framing  0 conservative … 3 experienced, -1 neutral; a framing bolder than the client costs good will
    appeal   how much the very blocks speak to this client, in log-odds, 0 on average
    """
    gap = np.where(framing < 0, 0.3, np.clip(framing - risk * 1.2, -1.5, 2.5))
    too_bold, too_tame = np.maximum(gap, 0), np.maximum(-gap, 0)
    fit = 0.25 + appeal - 0.55 * too_bold - 0.25 * too_tame
    open_chance = _sigmoid(-1.35 + 1.8 * (warmth - 0.45) + 0.5 * fit) * written_to
    opened = rng.random(len(warmth)) < open_chance
    clicked = opened & (rng.random(len(warmth)) < _sigmoid(-1.5 + 1.6 * (curiosity - 0.45) + 0.9 * fit))
    base = -3.2 + 1.3 * (curiosity - 0.45)
    moved = written_to * (0.35 + 0.9 * fit) + 0.9 * opened + 1.2 * clicked
    did = rng.random(len(warmth)) < _sigmoid(base + moved)
    left = written_to & (rng.random(len(warmth)) < 0.0022 * np.exp(1.1 * too_bold))
    complained = left & (rng.random(len(warmth)) < 0.18)
    return {"opened": opened, "clicked": clicked, "did": did, "left": left, "complained": complained}


def _stress_visits(people: People, rng: np.random.Generator) -> np.ndarray:
    anxious = np.flatnonzero((people.risk == 0) & (np.array([(people.at - s).days for s in people.since]) > STRESS[0]))
    return np.repeat(anxious, rng.poisson(3.0, len(anxious)))


def _at_hour(days: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Seconds ago: whole days moved to a likely hour of the day."""
    hour = rng.choice(24, len(days), p=HOURS / HOURS.sum()) + rng.random(len(days))
    return np.maximum(np.floor(days) * 86_400 + (24 - hour) * 3600, 60.0)


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))
