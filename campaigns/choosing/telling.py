"""Whether what a plan chooses tells of a client what is for officers alone: by its rules, its models or its words."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from campaigns import wording
from campaigns.bulk import rules
from campaigns.models import BlockVersion
from personalize import discretion
from personalize.models import Artefact

UNREADABLE = frozenset({"attribute:score"})  # a model that cannot be read may have read anything


class _Input(msgspec.Struct):
    code: str


class _Model(msgspec.Struct):
    inputs: list[_Input]


_model = msgspec.json.Decoder(_Model)


def tells(plan: dict[str, Any]) -> bool:
    """Whether what this plan chooses, that it chooses anything, or what its words state may tell it."""
    slots = [slot["candidates"] for slot in plan["slots"]]
    read = {field for slot in slots for one in slot for field in rules.fields(one["rule"])}
    read.update(rules.fields(plan["audience"]), *map(read_by, models(plan)))
    return discretion.reads_sensitive(read | stated(one["version"] for slot in slots for one in slot))


def models(plan: dict[str, Any]) -> list[str]:
    """The sha256 of every model that may choose under this plan."""
    return [one["artefact_sha256"] for one in (plan, plan.get("canary") or {}) if one.get("artefact_sha256")]


@lru_cache(maxsize=1024)
def read_by(sha256: str) -> frozenset[str]:
    """The features that a model reads, named as rules name them; a model never changes under its hash."""
    body = Artefact.objects.filter(sha256=sha256).values_list("body", flat=True).first()
    try:
        return frozenset(f"feature:{one.code}" for one in _model.decode(body or "").inputs)
    except msgspec.DecodeError:
        return UNREADABLE


def stated(versions: Iterable[int]) -> set[str]:
    """The values of a client that the words of these block versions state, named as rules name them."""
    bodies = BlockVersion.objects.filter(pk__in=list(versions)).values_list("body", flat=True)
    return {f"attribute:{one.field.name}" for body in bodies for one in wording.parse(body).opens}
