"""What takes long to count, as it was a short while ago: kept as JSON, so that no look at a page counts it anew."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache


@dataclass(frozen=True, slots=True)
class Told:
    """A value that JSON can hold, and when it was counted."""

    value: Any
    at: datetime


def told(key: str, count: Callable[[], Any], *, for_s: int, at: datetime) -> Told:
    """What `count` gave at most `for_s` seconds ago; counted now where nobody did."""
    kept = cache.get(f"lately:{key}")
    if kept is not None:
        found = json.loads(kept)
        return Told(found["value"], datetime.fromisoformat(found["at"]))
    value = json.loads(json.dumps(count()))
    cache.set(f"lately:{key}", json.dumps({"value": value, "at": at.isoformat()}), for_s)
    return Told(value, at)
