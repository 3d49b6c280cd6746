"""What a client may be shown: suitability, language, topics and wellbeing, as one code per client and candidate."""

from enum import IntEnum

import numpy as np

from personalize.decide.features import word
from personalize.decide.values import Candidates, Circumstances


class Closed(IntEnum):
    """Why a candidate is closed to a client; OPEN when it is not. Stored one byte each in `Message.closed`."""

    OPEN = 0
    RULE = 1
    FRAMING = 2
    TOPIC = 3
    LANGUAGE = 4
    EXPIRED = 5
    UNAPPROVED = 6
    VULNERABLE = 7
    FATIGUE = 8
    FALLBACK = 9
    COMBINATION = 10
    AUDIENCE = 11
    MARKET = 12
    KNOWLEDGE = 13
    CALM = 14
    CERTIFICATE = 15


SENTENCES = {
    Closed.OPEN: "Open to this client.",
    Closed.RULE: "The campaign's rule for this block leaves the client out.",
    Closed.FRAMING: "The way it speaks of risk does not suit what the client told us about risk.",
    Closed.TOPIC: "The client asked not to hear about this topic.",
    Closed.LANGUAGE: "It is not in the client's language.",
    Closed.EXPIRED: "It is past the end of its validity.",
    Closed.UNAPPROVED: "No editor's approval stands for these exact words.",
    Closed.VULNERABLE: "It presses for time, and this client is to be given time.",
    Closed.FATIGUE: "The client has had as many messages as caps or wishes allow.",
    Closed.COMBINATION: "A combination rule keeps it apart from another block of the message.",
    Closed.AUDIENCE: "It was approved for professional clients, and this client is not recorded as one.",
    Closed.MARKET: "It was not approved for the market the client is in.",
    Closed.KNOWLEDGE: "It asks for more investing experience than the client told us of.",
    Closed.CERTIFICATE: "It is about a non-mass-market investment, and the client holds no certificate in date for it.",
    Closed.CALM: "Markets are unsettled, and it presses or speaks of what calm closes.",
    Closed.FALLBACK: "It is kept for clients to whom nothing else is open.",
}

# Told alike to whoever may not know that a client is to be spared: what depends on the client, or what is left over
# when all else is ruled out would tell it.
SPARING = frozenset({
    Closed.RULE, Closed.FRAMING, Closed.TOPIC, Closed.LANGUAGE, Closed.VULNERABLE, Closed.FATIGUE, Closed.AUDIENCE,
    Closed.MARKET, Closed.KNOWLEDGE, Closed.CERTIFICATE,
})  # fmt: skip
UNSUITED = "It does not suit what we know of the client."


def sentence(code: Closed, *, is_veiled: bool) -> str:
    """Why a candidate was closed. is_veiled: for a reader who may not know that a client is to be spared."""
    return UNSUITED if is_veiled and code in SPARING else SENTENCES[code]


CAUTIOUS, BALANCED, GROWTH = 0, 1, 2
RISK_WORDS = {
    "very_cautious": CAUTIOUS, "cautious": CAUTIOUS, "conservative": CAUTIOUS, "low": CAUTIOUS, "risk_averse": CAUTIOUS,
    "balanced": BALANCED, "moderate": BALANCED, "medium": BALANCED,
    "growth": GROWTH, "adventurous": GROWTH, "aggressive": GROWTH, "high": GROWTH,
}  # fmt: skip
EXPERIENCED_WORDS = frozenset({"experienced", "expert", "advanced", "high", "extensive"})
SOME_WORDS = frozenset({"some", "intermediate", "medium"})
PROFESSIONAL, CERTIFIED = "professional", "certified"
NON_MASS_MARKET = "non_mass_market"  # the topic of what COBS 4.12B keeps from ordinary retail clients
KNOWS, MOST = {"": 0, "some": 1, "experienced": 2}, 3  # a level nobody has heard of is beyond everybody
# FCA COBS 4.2.1R and PRIN 2A.5: fair, clear, and understood by the person who gets it. Unknown is treated with care.
FRAMINGS = {
    None: frozenset({"neutral", "conservative", "balanced"}),
    CAUTIOUS: frozenset({"neutral", "conservative"}),
    BALANCED: frozenset({"neutral", "conservative", "balanced"}),
    GROWTH: frozenset({"neutral", "conservative", "balanced", "growth"}),
}
# Words that suit someone in a vulnerable situation: no upside talk, whatever they once told us about risk.
GENTLE = frozenset({"neutral", "conservative", "balanced"})


def framings(risk: str, experience: str, *, vulnerable: bool) -> frozenset[str]:
    """The framings that suit one client, from what they declared. Unknown or unheard-of answers get the careful set."""
    suits = FRAMINGS[RISK_WORDS.get(word(risk))]
    if word(experience) in EXPERIENCED_WORDS and RISK_WORDS.get(word(risk)) in (BALANCED, GROWTH):
        suits = suits | {"experienced"}
    return suits & GENTLE if vulnerable else suits


def open_arms(clients: Circumstances, candidates: Candidates, *, rules: np.ndarray | None = None) -> np.ndarray:
    """Which candidates of one slot each client may be shown: (n, K) uint8 codes of `Closed`, 0 where open.

    rules  (n, K) bool  True where the campaign's own rule for the candidate takes the client in; None: all

    Where several reasons close a candidate the gravest is told: unapproved, expired, audience, certificate, market,
    knowledge, rule, framing, topic, vulnerable, calm, language, fatigue.
    """
    n, k = len(clients.risk), len(candidates.framing)
    codes = np.zeros((n, k), np.uint8)
    if n == 0 or k == 0:
        return codes

    def close(where: np.ndarray, why: Closed) -> None:
        codes[where & (codes == Closed.OPEN)] = why

    close(np.broadcast_to(~np.asarray(candidates.approved, bool), (n, k)), Closed.UNAPPROVED)
    close(np.broadcast_to(~np.asarray(candidates.in_date, bool), (n, k)), Closed.EXPIRED)
    for why, suits in _meant_for(clients, candidates).items():
        close(~suits, why)
    if rules is not None:
        close(~np.asarray(rules, bool), Closed.RULE)
    vulnerable = np.asarray(clients.vulnerable, bool)
    close(~_framing_suits(clients, candidates, vulnerable), Closed.FRAMING)
    close(_declined(clients, candidates), Closed.TOPIC)
    close(vulnerable[:, None] & np.asarray(candidates.urgent, bool)[None, :], Closed.VULNERABLE)
    close(np.broadcast_to(np.asarray(candidates.calmed, bool), (n, k)), Closed.CALM)
    close(~_language_suits(clients, candidates), Closed.LANGUAGE)
    close(np.broadcast_to(np.asarray(clients.fatigued, bool)[:, None], (n, k)), Closed.FATIGUE)
    return codes


def _meant_for(clients: Circumstances, candidates: Candidates) -> dict[Closed, np.ndarray]:
    """For each reason whether a candidate was approved for the client (n, K); whoever is unknown is a retail client."""
    said = list(zip(clients.category, clients.market, clients.experience, strict=True))
    kinds, rows = _groups(said)
    tables = {
        Closed.AUDIENCE: [
            [one != PROFESSIONAL or who == PROFESSIONAL for one in candidates.audience] for who, _, _ in kinds
        ],
        Closed.CERTIFICATE: [
            [NON_MASS_MARKET not in one or who in (PROFESSIONAL, CERTIFIED) for one in candidates.topics]
            for who, _, _ in kinds
        ],
        Closed.MARKET: [[not one or where in one for one in candidates.markets] for _, where, _ in kinds],
        Closed.KNOWLEDGE: [
            [KNOWS.get(one, MOST) <= _knows(told) for one in candidates.knowledge] for _, _, told in kinds
        ],
    }
    return {why: np.array(table, bool).reshape(len(kinds), -1)[rows] for why, table in tables.items()}


def _knows(experience: str) -> int:
    """How much the client knows by their own word: 0 nothing or not known, 1 some, 2 much."""
    told = word(experience)
    return 2 if told in EXPERIENCED_WORDS else 1 if told in SOME_WORDS else 0


def _groups(keys: list[tuple]) -> tuple[list[tuple], np.ndarray]:
    """The distinct keys and, for each row, which of them it has."""
    seen: dict[tuple, int] = {}
    rows = np.fromiter((seen.setdefault(key, len(seen)) for key in keys), np.intp, len(keys))
    return list(seen), rows


def _framing_suits(clients: Circumstances, candidates: Candidates, vulnerable: np.ndarray) -> np.ndarray:
    kinds, rows = _groups(list(zip(clients.risk, clients.experience, vulnerable.tolist(), strict=True)))
    table = np.array([[one in framings(r, e, vulnerable=v) for one in candidates.framing] for r, e, v in kinds], bool)
    return table[rows]


def _declined(clients: Circumstances, candidates: Candidates) -> np.ndarray:
    kinds, rows = _groups([(one,) for one in clients.declined])
    return np.array([[bool(no & topics) for topics in candidates.topics] for (no,) in kinds], bool)[rows]


def _language_suits(clients: Circumstances, candidates: Candidates) -> np.ndarray:
    kinds, rows = _groups([(one,) for one in clients.language])
    base = [one.split("-")[0].lower() for one in candidates.language]
    return np.array([[mine.split("-")[0].lower() == one for one in base] for (mine,) in kinds], bool)[rows]
