"""The campaign builder's form: what a browser sends becomes fields, a rule and candidates, and back again."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify

from campaigns import audiences, objectives
from campaigns.audiences import BadRule
from campaigns.conditions import OPERATORS, Condition, shown
from campaigns.models import Campaign
from compliance.models import Channel, Purpose

MOST_CONDITIONS = 12
# Words for the weights of an objective, in the order they are asked for.
WEIGHTS = (
    ("outcome", "Success metric reached"),
    ("satisfaction", "One point more satisfaction"),
    ("click", "A click"),
    ("open", "An open"),
    ("unsubscribe", "An unsubscribe"),
    ("complaint", "A complaint"),
)
TEXTS = ("name", "use_case", "success_metric", "hypothesis", "purpose", "channel", "placement", "when_capped",
         "send_hour")  # fmt: skip
NUMBERS = ("metric_days", "max_per_week", "priority", "latest_hours")
MAY_BE_EMPTY = ("latest_hours",)
NOT_SENT = {"when_capped": "dropped", "send_hour": "now", "priority": "10"}  # what a shorter form means
SHARES = ("share_control", "share_holdout")


@dataclass(slots=True)
class Chosen:
    """A block version picked for the campaign. `written` is its rule as text, where one line cannot say it."""

    version: int
    is_fallback: bool = False
    condition: Condition = field(default_factory=Condition)
    written: str = ""


@dataclass(slots=True)
class Builder:
    """Everything on the builder's page.

    written  a rule as text, used where lines cannot say it · touched  id of the control the hand was on
    """

    values: dict[str, str]
    match: str = "all"
    conditions: list[Condition] = field(default_factory=list)
    written: str = ""
    chosen: dict[int, Chosen] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    touched: str = ""

    @classmethod
    def blank(cls) -> "Builder":
        """A new campaign's page."""
        values = dict.fromkeys(TEXTS, "") | {"purpose": Purpose.MARKETING, "channel": Channel.EMAIL}
        values |= {**NOT_SENT, "latest_hours": ""}
        values |= {"metric_days": "30", "max_per_week": "3", "share_control": "20", "share_holdout": "5"}
        return cls(values | {f"w_{name}": shown(objectives.DEFAULT[name]) for name, _ in WEIGHTS})

    @classmethod
    def of(cls, campaign: Campaign) -> "Builder":
        """A campaign as it stands."""
        said = {name: getattr(campaign, name) for name in (*TEXTS, *NUMBERS)}
        values = {name: "" if value is None else str(value) for name, value in said.items()}
        values |= {name: shown(round(100 * getattr(campaign, name), 4)) for name in SHARES}
        values |= {f"w_{name}": shown(campaign.objective.get(name, 0)) for name, _ in WEIGHTS}
        built = cls(values)
        built._read_rule(campaign.audience)
        for one in campaign.candidates.order_by("position", "pk"):
            condition = Condition.of(one.rule) if "field" in one.rule else Condition()
            written = json.dumps(one.rule, ensure_ascii=False) if one.rule and condition.is_empty else ""
            built.chosen[one.version_id] = Chosen(one.version_id, one.is_fallback, condition, written)
        return built

    @classmethod
    def read(cls, post: QueryDict) -> "Builder":
        """What the browser sent, tolerant of anything; `parsed` judges it."""
        names = [*TEXTS, *NUMBERS, *SHARES, *(f"w_{name}" for name, _ in WEIGHTS)]
        built = cls({name: post.get(name, NOT_SENT.get(name, "")).strip()[:2000] for name in names})
        built.match = "any" if post.get("match") == "any" else "all"
        built.written = post.get("written", "").strip()[:20_000]
        numbers = sorted(int(found[1]) for key in post if (found := re.fullmatch(r"rule-(\d{1,3})-field", key)))
        built.conditions = [_condition(post, f"rule-{number}") for number in numbers[:MOST_CONDITIONS]]
        fallbacks = {value for key, value in post.items() if key.startswith("fallback-")}
        for text in post.getlist("use"):
            if text.isdigit() and len(text) < 19:
                written = post.get(f"for-{text}-written", "").strip()[:20_000]
                condition = _condition(post, f"for-{text}")
                built.chosen[int(text)] = Chosen(int(text), text in fallbacks, condition, written)
        return built

    def step(self, post: QueryDict) -> None:
        """Add or take away a line of the rule, as the pressed button says."""
        if "add" in post and len(self.conditions) < MOST_CONDITIONS:
            self.conditions.append(Condition())
        taken = post.get("remove", "")
        if taken.isdigit() and int(taken) < len(self.conditions):
            del self.conditions[int(taken)]

    def _read_rule(self, rule: dict[str, Any]) -> None:
        lines = [rule] if "field" in rule else rule.get("all", rule.get("any", [])) if len(rule) == 1 else []
        if rule and not (isinstance(lines, list) and lines and all("field" in one for one in lines)):
            self.written = json.dumps(rule, indent=1, ensure_ascii=False)
            return
        self.match = "any" if "any" in rule else "all"
        self.conditions = [Condition.of(one) for one in lines]

    def rule(self) -> dict[str, Any]:
        """The audience as a rule tree; {} is everybody. Raises BadRule, and marks the line that is wrong."""
        if self.written:
            return _read(self.written)
        leaves = []
        for one in self.conditions:
            if one.is_empty:
                continue
            try:
                leaves.append(one.leaf())
            except BadRule as bad:
                one.error = str(bad)
                raise
        return {self.match: leaves} if leaves else {}

    def objective(self) -> dict[str, float]:
        """The weights; one that is not a number is left out and named in `errors`."""
        found = {}
        for name, words in WEIGHTS:
            try:
                found[name] = float(self.values[f"w_{name}"] or 0)
            except ValueError:
                self.errors["objective"] = f"The weight of “{words.lower()}” is not a number."
        return found

    def fields(self) -> dict[str, Any]:
        """Fields for `plans`, typed; what cannot be read is left out and named in `errors`."""
        found: dict[str, Any] = {name: self.values[name] for name in TEXTS}
        for name in NUMBERS:
            if name in MAY_BE_EMPTY and not self.values[name]:
                found[name] = None
            elif self.values[name].isdigit() and len(self.values[name]) < 6:
                found[name] = int(self.values[name])
            else:
                self.errors[name] = "Write a whole number."
        for name in SHARES:
            try:
                found[name] = round(float(self.values[name]) / 100, 6)
            except ValueError:
                self.errors[name] = "Write a percentage, such as 20."
        found["objective"] = self.objective()
        try:
            found["audience"] = self.rule()
        except BadRule as bad:
            self.errors["audience"] = str(bad)
        return found

    def candidate_rules(self) -> dict[int, tuple[bool, dict[str, Any]]]:
        """Version → (is the fallback, its own rule); what is wrong is named in `errors`."""
        found = {}
        for one in self.chosen.values():
            rule: dict[str, Any] = {}
            try:
                if one.written and not one.is_fallback:
                    rule = _read(one.written)
                elif not one.condition.is_empty and not one.is_fallback:
                    rule = one.condition.leaf()
            except BadRule as bad:
                one.condition.error = self.errors["blocks"] = str(bad)
            found[one.version] = (one.is_fallback, rule)
        return found


def free_slug(name: str) -> str:
    """An address for a campaign of this name that no campaign has yet; "" when the name has no letters."""
    stem = slugify(name).replace("_", "-")[:70].strip("-")
    if not stem:
        return ""
    taken = set(Campaign.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    return next(one for one in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)


def sentence(weights: Mapping[str, float]) -> list[str]:
    """What an objective means, in sentences, by comparing its weights."""
    outcome, opened, clicked = (weights.get(one, 0.0) for one in ("outcome", "open", "click"))
    harm, complaint = -weights.get("unsubscribe", 0.0), -weights.get("complaint", 0.0)
    if outcome <= 0:
        return []
    said = []
    if opened > 0:
        said.append(f"One client who reaches the success metric is worth {_times(outcome / opened)} opens.")
    if clicked > 0:
        said.append(f"It is worth {_times(outcome / clicked)} clicks.")
    if harm > 0:
        said.append(f"One unsubscribe costs as much as {_times(harm / outcome)} successes bring.")
    if complaint > 0:
        said.append(f"One complaint costs as much as {_times(complaint / outcome)} successes bring.")
    gained = sum(max(weights.get(one, 0.0), 0.0) for one in objectives.GAINS)
    engaged = max(opened, 0.0) + max(clicked, 0.0)
    said.append(f"Attention makes up {engaged / gained:.0%} of what is rewarded; at most 20% is allowed.")
    return said


def _condition(post: QueryDict, prefix: str) -> Condition:
    operator = post.get(f"{prefix}-operator", "eq")
    return Condition(
        post.get(f"{prefix}-field", "")[:120],
        operator if operator in dict(OPERATORS) else "eq",
        post.get(f"{prefix}-value", "").strip()[:2000],
        post.get(f"{prefix}-days", "30").strip()[:5],
    )


def _read(written: str) -> dict[str, Any]:
    try:
        found = json.loads(written)
    except ValueError:
        raise BadRule("The written rule is not JSON.") from None
    audiences.check(found)
    return found


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}".rstrip("0").rstrip(".")
