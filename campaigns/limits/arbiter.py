"""One arbiter between campaigns: of the messages that want a client on a day, the best goes and the others lose to it.

The best has the largest value: the predicted chance of its campaign's success metric times the campaign's priority; by
priority alone where one of them has no prediction. A tie goes to the run launched first. As many stay as the firm's cap
for a day allows, one without such a cap. Whoever lost keeps to whom, and by how much.
"""

import logging
from datetime import datetime

import numpy as np

from campaigns.bulk import arbiter as bulk
from campaigns.models import Run, RunState
from compliance.models import Channel, Purpose

log = logging.getLogger(__name__)


def settle(client_ids: np.ndarray, *, at: datetime) -> int:
    """Decide between the campaigns that want these clients today; how many messages lost. Safe to repeat."""
    live = Run.objects.filter(state__in=(RunState.ASSEMBLING, RunState.SENDING)).exclude(campaign__channel=Channel.WEB)
    if live.exclude(plan__purpose=Purpose.SERVICE).count() < 2:
        return 0
    lost = bulk.settle(client_ids, at=at)
    if lost:
        log.info("arbiter.settled", extra={"lost": lost})
    return lost
