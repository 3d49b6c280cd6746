"""Who and what the demo firm's story is told with."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from campaigns.demo.people import People
from compliance.models import Staff


@dataclass(frozen=True, slots=True)
class Story:
    """The people of the firm, their row ids in the same order, the staff, the source of events, and the present."""

    people: People
    ids: np.ndarray
    staff: dict[str, Staff]
    source_id: int
    at: datetime
    rng: np.random.Generator

    def ago(self, days: float) -> datetime:
        """So many days before the present."""
        return self.at - timedelta(days=days)
