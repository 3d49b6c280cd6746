"""What is one client's own: offsets that every result moves a little, and what they had lately."""

from datetime import datetime

import numpy as np

from campaigns.bulk import learned as bulk
from campaigns.choosing.learned import LEAD, LEVEL
from campaigns.learning.harvest import DAY, Harvest
from personalize.decide.funnel import SCALES, fading
from personalize.learn.habits import Habits

CLIENTS = 50_000  # brought up to date in one go


def update(campaign_id: int, *, levels: int, opens: Harvest, predicted: np.ndarray, sent: Harvest, at: datetime) -> int:
    """Learn from opens that are known by now, and remember what was sent since the last time; for how many clients.

    predicted (n,) log-odds of each open without the client's own part
    """
    clients = np.union1d(opens.client, sent.client)
    for start in range(0, len(clients), CLIENTS):
        some = clients[start : start + CLIENTS]
        mine, now = np.isin(opens.client, some), np.isin(sent.client, some)
        made = _updated(campaign_id, some, levels, opens.some(mine), predicted[mine], sent.some(now), at=at)
        bulk.keep_habits(campaign_id, some, made, at=at)
    return len(clients)


def _updated(
    campaign_id: int, clients: np.ndarray, levels: int, opens: Harvest, predicted: np.ndarray, sent: Harvest, *,
    at: datetime,
) -> np.ndarray:  # fmt: skip
    """The vectors (n, LEAD + LEVEL L) of these clients, as of `at`."""
    vectors = np.zeros((len(clients), LEAD + LEVEL * levels), np.float32)
    have, when, before = bulk.habits(campaign_id, clients, vectors.shape[1])
    rows = np.searchsorted(clients, have)
    vectors[rows] = before
    each = vectors[:, LEAD:].reshape(len(clients), levels, LEVEL)
    if len(have):
        each[rows, :, 2:] *= fading((at.timestamp() - when) / DAY)[:, None, :]
    known = Habits(len(clients), levels)
    known.mean[:, 0], known.mean[:, 1:] = vectors[:, 1], each[:, :, 0]
    variance = np.column_stack([vectors[:, 2], each[:, :, 1]])
    known.variance = np.where(variance > 0, variance, known.prior).astype(np.float32)
    who = np.searchsorted(clients, opens.client)
    known.learn(who, opens.level, predicted, opens.opened)
    vectors[:, 0] += np.bincount(who, minlength=len(clients))
    vectors[:, 1], vectors[:, 2] = known.mean[:, 0], known.variance[:, 0]
    each[:, :, 0], each[:, :, 1] = known.mean[:, 1:], known.variance[:, 1:]
    left, whose = fading((at.timestamp() - sent.sent) / DAY), np.searchsorted(clients, sent.client)
    for slot in range(sent.level.shape[1]):
        for scale in range(len(SCALES)):
            np.add.at(each[:, :, 2 + scale], (whose, sent.level[:, slot]), left[:, scale].astype(np.float32))
    return vectors
