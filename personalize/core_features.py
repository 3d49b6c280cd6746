"""The features that every installation has, in position order. Append only: a position is never reused."""

from typing import Any

from compliance.models import Purpose
from personalize.models import Feature

ORDINARY, PERSONAL = Feature.Sensitivity.ORDINARY, Feature.Sensitivity.PERSONAL
FORBIDDEN = Feature.Sensitivity.FORBIDDEN


def _declared(code: str, meaning: str, words: str, **spec: Any) -> dict[str, Any]:
    """What the client told us in order to be served well; used under the purpose it was given for."""
    return {
        "code": code, "spec": {"attribute": code, **spec}, "meaning": meaning, "client_words": words,
        "purpose": Purpose.MARKETING, "sensitivity": PERSONAL,
    }  # fmt: skip


def _seen(code: str, meaning: str, words: str, **spec: Any) -> dict[str, Any]:
    """What we saw the client do; needs the client's consent to profiling."""
    return {
        "code": code, "spec": spec, "meaning": meaning, "client_words": words, "purpose": Purpose.PROFILING,
        "sensitivity": ORDINARY,
    }  # fmt: skip


def _counted(code: str, event: str, days: int, meaning: str, words: str) -> dict[str, Any]:
    return _seen(f"{code}_{days}d", f"{meaning} in the last {days} days", words, events=event, days=days)


def _forbidden(code: str) -> dict[str, Any]:
    """Kept in the registry so that its use is refused by name; its column is never filled."""
    return {
        "code": code, "spec": {"attribute": code}, "meaning": f"Protected attribute: {code}",
        "client_words": "of a protected attribute", "purpose": Purpose.SENSITIVE, "sensitivity": FORBIDDEN,
    }  # fmt: skip


DASHBOARD, MODULES = "you looked at your portfolio", "you completed learning modules"
CORE: tuple[dict[str, Any], ...] = (
    _declared(
        "risk_tolerance", "How the client feels about investment risk",
        "you told us how you feel about investment risk",
        categories=["cautious", "balanced", "growth"],
        same={"very_cautious": "cautious", "conservative": "cautious", "low": "cautious", "risk_averse": "cautious",
              "moderate": "balanced", "medium": "balanced", "adventurous": "growth", "aggressive": "growth",
              "high": "growth"},
    ),
    _declared(
        "goal", "What the client is saving or investing for", "you told us what you are investing for",
        categories=["retirement", "growth", "income", "house", "education", "security", "legacy"],
    ),
    _declared(
        "experience", "The client's own view of their investing experience",
        "you told us how much you have invested before",
        categories=["new", "some", "experienced"],
        same={"none": "new", "novice": "new", "beginner": "new", "low": "new", "intermediate": "some", "medium": "some",
              "advanced": "experienced", "expert": "experienced", "high": "experienced"},
    ),
    _declared("horizon_years", "Years until the client wants to use the money",
              "you told us when you will need the money"),
    _declared(
        "life_stage", "Where the client is in life, in their own words", "you told us about your stage of life",
        categories=["starting_out", "building", "family", "pre_retirement", "retired"],
    ),
    _declared(
        "content_depth", "How much detail the client wishes", "you told us how much detail you like",
        categories=["brief", "standard", "detailed"],
    ),
    _counted("dashboard", "Dashboard Viewed", 7, "Portfolio page views", DASHBOARD),
    _counted("dashboard", "Dashboard Viewed", 30, "Portfolio page views", DASHBOARD),
    _counted("dashboard", "Dashboard Viewed", 90, "Portfolio page views", DASHBOARD),
    _counted("modules", "Module Completed", 30, "Learning modules completed", MODULES),
    _counted("modules", "Module Completed", 90, "Learning modules completed", MODULES),
    _counted("contributions", "Contribution Changed", 90, "Changes of regular contribution",
             "you changed what you pay in"),
    _counted("statements", "Statement Downloaded", 30, "Statements downloaded", "you downloaded statements"),
    _counted("fees_views", "Adviser Fees Viewed", 30, "Views of the adviser's fees", "you looked at fees"),
    _counted("transfer_views", "Transfer Out Viewed", 30, "Views of the page for moving money away",
             "you looked at moving money"),
    _counted("events", "*", 7, "Everything the client did with us", "of how often you visited lately"),
    _counted("events", "*", 30, "Everything the client did with us", "of how often you visited lately"),
    _counted("events", "*", 90, "Everything the client did with us", "of how often you visited lately"),
    _seen("active_days_30d", "Days with any activity in the last 30",
          "of how often you visited lately", active_days=30),
    _seen("days_since_visit", "Days since the client last did anything", "of when you last visited", days_since="*"),
    _seen("days_since_module", "Days since the last learning module", "of when you last completed a learning module",
          days_since="Module Completed"),
    _seen("days_since_contribution", "Days since the regular contribution last changed",
          "of when you last changed what you pay in", days_since="Contribution Changed"),
    {
        "code": "tenure_days", "spec": {"tenure": True}, "meaning": "Days since we first met the client",
        "client_words": "of how long you have been with us", "purpose": Purpose.MARKETING, "sensitivity": ORDINARY,
    },
    # Campaigns keeps the two counts as inferred attributes; (opens + 2) / (sends + 10) until there are enough.
    _seen("open_rate_90d", "Share of our messages of the last 90 days that the client opened, shrunk to 0.2",
          "of which of our messages you opened", rate=["opens_90d", "sends_90d"], prior=[2, 10]),
    _seen("sends_90d", "Messages we sent in the last 90 days", "of how often we wrote to you", attribute="sends_90d"),
    {
        "code": "volatility", "spec": {"signal": "volatility"}, "meaning": "How unsettled markets are, newest signal",
        "client_words": "of how markets moved", "purpose": Purpose.SERVICE, "sensitivity": ORDINARY,
    },
    _forbidden("gender"),
    _forbidden("ethnicity"),
    _forbidden("disability"),
)  # fmt: skip
