"""Which sensitive topics a text touches, and by which words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from compliance.words.normalise import Folded
from compliance.words.phrases import Hit, Lexicon, Phrase, Token, read, tokens

LEXICON = Path(__file__).parent / "lexicon"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who must look at a topic, and who may be sent it. `officers` of the approvals are a compliance officer's."""

    code: str
    name: str
    covers: str
    approvals: int
    officers: int
    audience: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A topic in a text. start and end count characters of the original."""

    rule: str
    topic: str
    severity: str
    start: int
    end: int
    quote: str
    citation: str
    why: str
    suggestion: str


_CATEGORISED = "Categorised and appropriateness-checked clients only; none from an inference."
_ON_REQUEST = (
    "On the client's own request or declaration only; never a propensity target; no urgency or incentive allowed."
)
_SUPPORT = "Support content may be broadcast; product offers never to people flagged in difficulty."
_DECLARED = "Age and product eligibility from declared data."
_NO_FIGURE = "No personal shortfall or loss figure in an exposed surface."

POLICY = {
    one.code: one
    for one in (
        Policy("debt", "Debt", "owing more than is comfortable: arrears, consolidation, balance transfers, collections, charge-offs, judgments, insolvency, minimum payments, money worry", 2, 1, _SUPPORT),  # noqa: E501
        Policy("high_cost_credit", "High-cost credit", "payday and short-term loans, overdraft as a bridge, buy-now-pay-later, wage advances, pawn, title, rent-to-own, guarantor loans", 2, 1, _SUPPORT),  # noqa: E501
        Policy("credit_refusal", "Credit refusal", "being declined, low or thin credit files, offers to people who were refused", 2, 1, _SUPPORT),  # noqa: E501
        Policy("housing_distress", "Housing distress", "mortgage or rent difficulty, repossession, foreclosure, eviction, negative equity", 2, 1, _SUPPORT),  # noqa: E501
        Policy("equity_release", "Equity release", "lifetime or reverse mortgages, home reversion, home-equity agreements", 2, 1, _DECLARED),  # noqa: E501
        Policy("retirement_adequacy", "Retirement adequacy", "whether someone has, or will have, enough to stop working or to last", 1, 0, _NO_FIGURE),  # noqa: E501
        Policy("pension_access", "Pension access", "transfers, rollovers, consolidation, drawdown, annuity choice, early or tax-free cash, pension sharing orders", 2, 1, _DECLARED),  # noqa: E501
        Policy("investment_loss", "Investment loss", "falling values, losses made, market falls, suspensions, write-downs, tax loss harvesting", 1, 0, _NO_FIGURE),  # noqa: E501
        Policy("performance_figures", "Performance figures", "any past, simulated or projected return of a product, strategy, portfolio or index, in digits or words", 1, 0, "Market and product rules decide; every figure is checked at its source."),  # noqa: E501
        Policy("crypto", "Cryptoassets", "cryptoassets, tokens, staking, wallets for them, crypto exchange-traded products", 2, 1, _CATEGORISED),  # noqa: E501
        Policy("leverage_cfd", "Leverage and CFDs", "CFDs, spread bets, margin, options, futures, forex, leveraged or inverse funds", 2, 1, _CATEGORISED),  # noqa: E501
        Policy("high_risk_investment", "High-risk investments", "P2P lending, crowdfunding, mini-bonds, loan notes, EIS/SEIS/VCT, unlisted or pre-IPO shares, private credit or equity, long-term asset funds, fractional property", 2, 1, _CATEGORISED),  # noqa: E501
        Policy("bereavement", "Bereavement", "death, dying, funerals, probate, inheriting, grief, the reader's own death, wills and estate planning", 2, 1, _ON_REQUEST),  # noqa: E501
        Policy("health", "Health", "illness, disability, mental health, pregnancy, care needs, caring for someone who is ill", 2, 1, _ON_REQUEST),  # noqa: E501
        Policy("job_loss", "Job loss", "redundancy, layoff, unemployment, cut hours, wages that stop", 2, 1, _ON_REQUEST),  # noqa: E501
        Policy("relationship_breakdown", "Relationship breakdown", "separation, divorce, economic abuse, a partner who controls money", 2, 1, _ON_REQUEST),  # noqa: E501
        Policy("vulnerability", "Vulnerability", "hardship, benefits, gambling harm, addiction, isolation, low confidence or language, scam victims, coercion, support needs", 2, 1, _ON_REQUEST),  # noqa: E501
        Policy("protected_characteristic", "Protected characteristic", "race, religion, sex, sexual orientation, gender identity, nationality or immigration status, family status, or a stereotype of age, used to choose or address the reader", 2, 2, "Declared preference only."),  # noqa: E501
    )
}  # fmt: skip


def find(folded: Folded, words: Sequence[Token] | None = None) -> list[Finding]:
    """Every topic the text touches: its first three places for each topic, in order."""
    words = tokens(folded.text) if words is None else words
    shows, spares = lexicons()
    hits = list(shows.hits(words))
    spared = list(spares.hits(words, {hit.phrase.tag for hit in hits})) if hits else []
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        code = hit.phrase.tag
        if not any(one.phrase.tag == code and one.first <= hit.last and hit.first <= one.last for one in spared):
            found.setdefault(code, []).append(hit)
    return [_finding(code, hit, folded) for code in sorted(found) for hit in _places(found[code])]


@lru_cache(maxsize=1)
def vocabulary() -> tuple[tuple[Phrase, ...], tuple[Phrase, ...]]:
    """The phrases that show a topic, and those that only look like one, as the package ships them."""
    shows: list[Phrase] = []
    spares: list[Phrase] = []
    for code in POLICY:
        these, those = read((LEXICON / f"{code}.txt").read_text(encoding="utf-8"), code)
        shows += these
        spares += those
    return tuple(shows), tuple(spares)


@lru_cache(maxsize=1)
def lexicons() -> tuple[Lexicon, Lexicon]:
    """The same, ready to search."""
    shows, spares = vocabulary()
    return Lexicon(shows), Lexicon(spares)


def _places(hits: list[Hit]) -> list[Hit]:
    """The longest hit of each overlapping group, at most three."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda one: (one.start, -one.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept[:3]


def _finding(code: str, hit: Hit, folded: Folded) -> Finding:
    start, end = folded.span(hit.start, hit.end)
    policy = POLICY[code]
    return Finding(
        rule=f"topic:{code}",
        topic=code,
        severity="REVIEW",
        start=start,
        end=end,
        quote=folded.original[start:end],
        citation=f"Sensitive topics: {policy.name.lower()}",
        why=f"About {policy.name.lower()} ({policy.covers}).",
        suggestion=policy.audience,
    )
