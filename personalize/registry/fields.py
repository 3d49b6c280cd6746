"""What a card must say before a model may decide. One list: the gate reads it, the page shows it.

Source: SR 26-2 (model risk), AI Act Annex III and Art. 6(3), GDPR 5, 6 and 35; compliance specification 6.5.
"""

from collections.abc import Mapping
from typing import Any

from personalize.models import Artefact

# field of the card: what a person reads when it is missing
FIELDS = {
    "identity": "identity: version, code, training data and seed",
    "materiality": "materiality tier",
    "purpose": "purpose",
    "permitted_uses": "permitted uses",
    "forbidden_uses": "forbidden uses",
    "legal.purposes": "registered purposes",
    "legal.lawful_basis": "lawful basis",
    "legal.dpia": "data protection impact assessment",
    "legal.lia": "legitimate-interest assessment, or why none is needed",
    "legal.ai_act_class": "class under the AI Act",
    "data.sources": "data sources",
    "data.window": "data period",
    "data.exclusions": "data exclusions",
    "data.consent_filter": "consent filter of the data",
    "data.sensitive": "declaration of sensitive features",
    "data.lineage": "lineage of the data",
    "method_words": "method",
    "soundness": "conceptual soundness",
    "alternatives": "alternatives considered",
    "auc": "ranking on unseen rows",
    "auc_interval": "interval of the ranking",
    "log_loss": "log-loss on unseen rows",
    "brier": "Brier score on unseen rows",
    "reliability": "calibration on unseen rows",
    "by_group": "performance by group",
    "out_of_time": "performance out of time",
    "limitations": "limitations",
    "fairness.protected": "fairness report",
    "fairness.search": "search for a less discriminatory alternative",
    "explainability": "explainability and its faithfulness test",
    "robustness": "robustness",
    "oversight": "human oversight and override",
    "monitoring": "monitoring plan",
    "changes": "change log",
    "retirement": "retirement plan",
    "incidents": "incidents",
}
SIGNED = {
    "owner": "owner",
    "validator": "validator",
    "findings": "validator's findings",
    "expires_at": "expiry",
    "sha256": "hash",
}


def missing(artefact: Artefact) -> list[str]:
    """What the card of a model does not say, in words; empty when it is complete. Unknown is missing."""
    lacking = [words for path, words in FIELDS.items() if not _said(_at(artefact.card, path))]
    return lacking + [words for name, words in SIGNED.items() if not getattr(artefact, name)]


def _at(card: Mapping[str, Any], path: str) -> Any:
    found: Any = card
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _said(value: Any) -> bool:
    """Whether something is said at all: 0 and False are answers, None and empty are not."""
    return value is not None and value not in ("", [], {}, ())
