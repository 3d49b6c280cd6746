"""What one client told us, as the statement of a decision reads it."""

from typing import Any

from campaigns.assembly import TOLD
from personalize.decide.limits import CERTIFIED, PROFESSIONAL

ASKED = ("risk_tolerance", "experience", "vulnerable", "goal", "client_category")
DECLARED, INFERRED = "declared", "inferred"
NOT_SO = ("false", "0", "", "no")


def circumstances(row: Any) -> tuple[Any, ...]:
    """The row of `bulk.circumstances` of this client, from a row of `bulk.live.READ`.

    Declared beats inferred, which come in this order; nobody is a professional client by what they did on a page.
    """
    known: dict[str, str] = {}
    category = ""
    for key, origin, _, text, _ in row.told:
        if key in ASKED and key not in known:
            known[key] = text or ""
            if key == "client_category" and origin == DECLARED:
                category = text or ""
    return (
        row.client, known.get("risk_tolerance", ""), known.get("experience", ""),
        row.is_spared or known.get("vulnerable", "false") not in NOT_SO, known.get("goal", ""), row.language,
        row.declined, row.tenure, CERTIFIED if row.is_certified and category != PROFESSIONAL else category,
        row.jurisdiction,
    )  # fmt: skip


def values(row: Any) -> list[tuple[str, bool, str]]:
    """(key, inferred?, JSON text) of what may be put into a text, as `assembly.merge_of_one` takes it."""
    return [(key, origin == INFERRED, text) for key, origin, text, _, is_true in row.told if is_true and key in TOLD]
