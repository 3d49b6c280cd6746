"""What a campaign is judged by: client outcomes first. An engagement-only objective is refused, with the reason."""

from typing import Any

WEIGHTS = ("open", "click", "outcome", "satisfaction", "unsubscribe", "complaint")
GAINS, HARMS = ("open", "click", "outcome", "satisfaction"), ("unsubscribe", "complaint")
ENGAGEMENT = ("open", "click")
MOST_ENGAGEMENT = 0.2  # of the positive weight
DEFAULT = {"open": 0.05, "click": 0.1, "outcome": 1.0, "satisfaction": 0.5, "unsubscribe": -4.0, "complaint": -8.0}
ENGAGEMENT_METRICS = ("open", "opens", "opened", "click", "clicks", "clicked", "email opened", "email link clicked")

ONLY_ENGAGEMENT = (
    "This objective rewards attention only. A mail that frightens people is opened more and serves them worse, so a "
    "campaign must reward something that is good for the client: give “outcome” a weight above 0."
)
TOO_MUCH_ENGAGEMENT = (
    "Opens and clicks make up more than a fifth of what this objective rewards. Lower them, or raise the client "
    "outcome: attention is a means here, never the end."
)


def objective_fault(objective: Any) -> str:
    """What is wrong with an objective's weights, as a sentence; empty when nothing is."""
    if not isinstance(objective, dict):
        return "An objective is a set of named weights."
    if unknown := sorted(set(map(str, objective)) - set(WEIGHTS)):
        return f"“{unknown[0]}” is not something an objective can weigh; it can weigh {', '.join(WEIGHTS)}."
    for name, weight in objective.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not abs(weight) <= 1000:
            return f"The weight of “{name}” is a number between -1,000 and 1,000."
        if name in GAINS and weight < 0:
            return f"The weight of “{name}” cannot be negative."
        if name in HARMS and weight > 0:
            return f"“{name}” harms the client; its weight cannot be positive."
    if not objective.get("outcome", 0) > 0:
        return ONLY_ENGAGEMENT
    gained = sum(objective.get(name, 0) for name in GAINS)
    if sum(objective.get(name, 0) for name in ENGAGEMENT) > MOST_ENGAGEMENT * gained + 1e-12:
        return TOO_MUCH_ENGAGEMENT
    return ""


def metric_fault(metric: str) -> str:
    """What is wrong with a success metric, as a sentence; empty when nothing is."""
    if not metric.strip():
        return "Name what success is before anything else: an event or an outcome of the client."
    if metric.strip().lower().replace("_", " ") in ENGAGEMENT_METRICS:
        return "Opens and clicks are not success. Name something the client gains, such as a module completed."
    if len(metric) > 80:
        return "A success metric has at most 80 characters."
    return ""
