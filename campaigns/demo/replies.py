"""How the demo firm's clients answered its messages: people who follow their tastes, and machines that open mail."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from campaigns.bulk import demo as bulk
from campaigns.demo import behaviour
from campaigns.demo.cast import Story
from campaigns.demo.people import EXPERIENCE, GOALS, People
from campaigns.models import BlockVersion, Campaign
from compliance import consent
from compliance.models import Channel, Purpose

CHOSEN = ("subject", "body", "call_to_action")  # the parts whose words people have a taste in
FRAMING = {"conservative": 0, "balanced": 1, "growth": 2, "experienced": 3}


def tell(story: Story, made: Campaign, rows: list[tuple[Any, ...]]) -> None:
    """Write what came back for (message, client, written to, when, versions): opens, clicks, outcomes, opt-outs."""
    people, rng = story.people, story.rng
    message, client, reached, when, versions = zip(*rows, strict=True)
    who = np.searchsorted(story.ids, np.array(client))
    blocks_of = BlockVersion.objects.select_related("block").in_bulk({one for each in versions for one in each})
    slot_of = {pk: one.block.slot for pk, one in blocks_of.items()}
    boldest = np.array(
        [max((FRAMING.get(blocks_of[one].framing, -1) for one in each), default=-1) for each in versions]
    )
    came = behaviour.answers(
        warmth=people.warmth[who], curiosity=people.curiosity[who], risk=people.risk[who], framing=boldest,
        appeal=_appeal(people, who, versions, slot_of), written_to=np.array(reached), rng=rng,
    )  # fmt: skip
    ids = np.array(client, np.int64)
    measured = consent.allowed(ids, purpose=Purpose.MEASUREMENT, channel=Channel.ANY, at=story.at).ok
    bulk.copy(
        "campaigns_interaction",
        ["message_id", "kind", "is_human", "actor_class", "link", "detail", "at"],
        _interactions(message, when, came, measured, np.array(reached), rng),
    )
    _tell_outcomes(story, made, client, when, came)


def _appeal(people: People, who: np.ndarray, versions: tuple[list[int], ...], slot_of: dict[int, str]) -> np.ndarray:
    """What each text means to people of this goal and experience, (n,) in log-odds: the truth a model may find."""
    tastes: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    out = np.zeros(len(who))
    for index, each in enumerate(versions):
        for one in each:
            if slot_of[one] not in CHOSEN:
                continue
            if one not in tastes:
                rng = np.random.default_rng(one)
                tastes[one] = rng.normal(0, 0.65, len(GOALS)), rng.normal(0, 0.35, len(EXPERIENCE))
            by_goal, by_experience = tastes[one]
            out[index] += by_goal[people.goal[who[index]]] + by_experience[people.experience[who[index]]]
    return out - out.mean()


def _interactions(
    message: tuple[uuid.UUID, ...],
    when: tuple[datetime, ...],
    came: dict[str, np.ndarray],
    measured: np.ndarray,
    reached: np.ndarray,
    rng: np.random.Generator,
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    by_machine = measured & reached & (rng.random(len(message)) < 0.12)
    hours = rng.exponential(9.0, len(message))
    for index, named in enumerate(message):
        at = when[index] + timedelta(hours=0.2 + float(hours[index]))
        if by_machine[index]:
            rows.append((named, "open", False, "proxy", None, "", when[index] + timedelta(seconds=4)))
        if came["opened"][index] and measured[index]:
            rows.append((named, "open", True, "human", None, "", at))
        if came["clicked"][index] and measured[index]:
            rows.append((named, "click", True, "human", 0, "", at + timedelta(seconds=40)))
        if came["left"][index]:
            rows.append((named, "unsubscribe", True, "human", None, "", at + timedelta(seconds=55)))
    return rows


def _tell_outcomes(
    story: Story, made: Campaign, client: tuple[int, ...], when: tuple[datetime, ...], came: dict[str, np.ndarray]
) -> None:
    wait = np.minimum(story.rng.exponential(6.0, len(client)) + 0.1, made.metric_days - 0.5)
    events, complaints = [], []
    for index, one in enumerate(client):
        at = min(when[index] + timedelta(days=float(wait[index])), story.at - timedelta(minutes=3))
        if came["did"][index]:
            named = f"demo-{made.pk}-{when[index]:%j}-{one}"
            events.append((story.source_id, named, one, "track", made.success_metric, "{}", "{}", at, at))
        if came["complained"][index]:
            complaints.append((one, "complaint", 1.0, at, "complaints desk"))
        if came["left"][index]:
            consent.withdraw(
                one, purpose=Purpose.MARKETING, channel=Channel.EMAIL, surface="one-click", mechanism="one_click",
                by=f"client:{one}", at=at,
            )  # fmt: skip
    columns = bulk.EVENT_COLUMNS
    bulk.copy("personalize_event", columns, events)
    bulk.copy("personalize_outcome", ["client_id", "kind", "value", "at", "source"], complaints)
