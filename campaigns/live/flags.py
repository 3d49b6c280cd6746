"""A decision as OpenFeature's OFREP answers it: one placement is one flag (protocol 0.3.0)."""

from typing import Any

from campaigns.serving import Served

UNSAVED = {"Cache-Control": "private, no-store"}


def said(key: str, served: Served | None) -> dict[str, Any]:
    """The flag's answer; None is a stranger, who gets the page's own default: no value, by OFREP's rule."""
    if served is None:
        return {"key": key, "reason": "UNKNOWN"}
    metadata = {
        "decision_id": str(served.decision),
        "policy": served.policy,
        "because": " ".join(served.reasons) or (served.withheld or [{"because": ""}])[0]["because"],
    }
    if served.content is None:
        return {"key": key, "reason": "DISABLED", "metadata": metadata}
    combination = "+".join(f"{one['block']}.{one['version']}" for one in served.blocks)
    return {
        "key": key,
        "value": served.content,
        "reason": "TARGETING_MATCH",
        "variant": combination,
        "metadata": metadata,
    }
