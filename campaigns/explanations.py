"""Why a client got a message, in words the client may read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaigns.hours import drawn
from campaigns.models import Arm, Message
from compliance.models import Action, ConsentEvent, Purpose
from personalize import features
from personalize.decide import reasons
from personalize.decide.limits import Closed
from personalize.models import Feature

ARM_SENTENCES = {
    Arm.PERSONALISED: "We chose the parts of this message for you.",
    Arm.CONTROL: "You are in a comparison group: you got the version we would send to everyone in your situation.",
    Arm.HOLDOUT: "You are in a comparison group that gets nothing extra.",
}
PURPOSE_SENTENCES = {
    Purpose.SERVICE: "This is a service message about your account.",
    Purpose.MARKETING: "You agreed to hear from us about our own products and guides.",
    Purpose.PARTNER: "You agreed to hear about products of our partners.",
    Purpose.AFFILIATE: "You agreed to hear about products of other firms of our group.",
    Purpose.PROFILING: "You agreed that we use your activity to choose what is relevant.",
}

CALMED = "Markets were unsettled, so we left out words that press for a decision."


def for_client(message: Message, known: tuple[Feature, ...] | None = None) -> list[str]:
    """Sentences, most telling first: the permission, the side of the experiment, then what moved the choice."""
    moved = [*calmed(message), *factors(message, known), *drawn.said(message)]
    return said(message.campaign.purpose, message.arm, moved)


def said(purpose: str, arm: str, moved: Sequence[str]) -> list[str]:
    """The same from its parts; moved: what moved the choice, in sentences."""
    return [
        PURPOSE_SENTENCES.get(Purpose(purpose), PURPOSE_SENTENCES[Purpose.MARKETING]),
        ARM_SENTENCES[Arm(arm)],
        *moved,
    ]


def calmed(message: Message) -> list[str]:
    """That words were left out because markets were unsettled, where any were."""
    return [CALMED] if "calm" in (message.window or {}) else left_out(bytes(message.closed or b""))


def left_out(closed: bytes) -> list[str]:
    """The same from the codes of `limits.Closed` of all candidates."""
    return [CALMED] if Closed.CALM in closed else []


def factors(message: Message, known: tuple[Feature, ...] | None = None) -> list[str]:
    """One sentence for each thing we know that changed which parts were chosen; none when nothing did.

    known: the registry, for who asks of many messages
    """
    if message.arm != Arm.PERSONALISED or not message.reasons:
        return []
    return reasons.sentences(message.reasons, message.reason_values, known or features.registry())


YES = (Action.GIVEN, Action.CONFIRMED, Action.IMPORTED, Action.MERGED)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A purpose that the client had not allowed when a message was decided, and the features that were blank for it."""

    purpose: Purpose
    features: tuple[Feature, ...]


def withheld(message: Message) -> list[Withheld]:
    """What the decision did not read as the client had not allowed it: by what it kept and by their last word then.

    A feature counts only where the kept vector is blank; nothing where no vector was kept.
    """
    seen = np.frombuffer(bytes(message.features), np.float32)
    found = []
    for purpose in (Purpose.PROFILING, Purpose.SENSITIVE):
        mine = [one for one in features.registry() if one.purpose == purpose and one.position < len(seen)
                and one.sensitivity != Feature.Sensitivity.FORBIDDEN]  # fmt: skip
        if mine and np.isnan(seen[[one.position for one in mine]]).all() and not _allowed(message, purpose):
            found.append(Withheld(purpose, tuple(mine)))
    return found


def _allowed(message: Message, purpose: Purpose) -> bool:
    last = (
        ConsentEvent.objects.filter(client=message.client_id, purpose=purpose, occurred_at__lte=message.decided_at)
        .order_by("-occurred_at", "-recorded_at")
        .first()
    )
    if last is None or last.action not in YES:
        return False
    return last.valid_until is None or last.valid_until > message.decided_at
