"""Random histories of consent, folded by the database and by an oracle that was written apart from it."""

import random
import uuid

import numpy as np
import pytest

from compliance import bulk, consent, wordings
from compliance.models import Client, ConsentEvent
from tests.compliance.test_consent import HOUR, NOON, told

pytestmark = pytest.mark.django_db

# An oracle written apart from the SQL: it looks for the last no and asks what lifted it, instead of walking.
NO = {"refused", "withdrawn", "objected", "expired", "gpc_on", "merged"}
OBJECTION = {"marketing", "partner", "affiliate", "profiling"}


def oracle(events, purpose, channel, at):
    mine = [
        e
        for e in events
        if (e.purpose == purpose and (e.channel == channel or (e.channel == "any" and e.action in NO)))
        or (e.action == "objected" and purpose in OBJECTION)
    ]
    no = max((e.occurred_at for e in mine if e.action in NO), default=None)
    after = [e for e in mine if e.action not in NO and (no is None or e.occurred_at > no)]
    after.sort(key=lambda e: (e.occurred_at, e.recorded_at, e.id))
    state = None if no is None else "denied"
    by_person, until = no is not None, None
    for e in after:
        waits = bool(e.evidence.get("double_opt_in"))
        if e.action == "given":
            state, by_person, until = "pending" if waits else "allowed", True, e.valid_until
        elif e.action == "confirmed" and state in ("pending", "allowed"):
            state, by_person, until = "allowed", True, e.valid_until or until
        elif e.action == "imported" and not by_person:
            state, until = "allowed" if e.wording_id else "pending", e.valid_until
    return state == "allowed" and (until is None or until > at)


@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_histories_against_an_independent_oracle(seed):
    rng = random.Random(seed)
    wording = wordings.get("portal-marketing-email-1")
    keys = [("marketing", "email"), ("marketing", "sms"), ("partner", "email"), ("affiliate", "email"),
            ("profiling", "any")]  # fmt: skip
    everybody, histories = [], {}
    for n in range(10):
        person = Client.objects.create(user_id=f"p{n}", email=f"p{n}@example.org", first_seen_at=NOON)
        events = []
        for _ in range(rng.randint(0, 8)):
            action = rng.choice(
                ["given", "given", "confirmed", "imported", "withdrawn", "refused", "objected", "gpc_on"]
            )
            purpose, channel = rng.choice(keys)
            if action == "objected":
                purpose, channel = "marketing", "any"
            elif action == "gpc_on" or (action == "withdrawn" and rng.random() < 0.3):
                channel = "any"
            at = NOON + rng.randint(0, 4) * HOUR
            events.append(
                told(
                    person,
                    action,
                    at=at,
                    recorded=NOON + 5 * HOUR,
                    purpose=purpose,
                    channel=channel,
                    id=uuid.UUID(int=rng.getrandbits(128)),
                    wording=wording if action == "given" or (action == "imported" and rng.random() < 0.5) else None,
                    evidence={"double_opt_in": True} if action == "given" and rng.random() < 0.3 else {},
                    valid_until=at + rng.randint(1, 9) * HOUR if rng.random() < 0.3 and action not in NO else None,
                )
            )
        rng.shuffle(events)
        if rng.random() < 0.5:
            ConsentEvent.objects.bulk_create(events)
        else:
            [event.save(force_insert=True) for event in events]
        everybody.append(person.pk)
        histories[person.pk] = events

    at = NOON + 6 * HOUR
    for purpose, channel in keys:
        said = consent.allowed(np.array(everybody), purpose=purpose, channel=channel, at=at).ok.tolist()
        assert said == [oracle(histories[one], purpose, channel, at) for one in everybody], (purpose, channel)
    assert bulk.differences(limit=5) == []
