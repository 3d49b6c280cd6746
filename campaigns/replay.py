"""Replay: a past decision drawn again and its message rebuilt from what was stored, compared byte for byte."""

from dataclasses import dataclass
from uuid import UUID

import numpy as np

from campaigns import assembly, choosing, mail, wording
from campaigns.hours import drawn
from campaigns.models import Arm, Message

ARMS = {choosing.PERSONALISED: Arm.PERSONALISED, choosing.CONTROL: Arm.CONTROL, choosing.HOLDOUT: Arm.HOLDOUT}
CLOSE = 1e-9  # a probability is rebuilt by the same arithmetic; only its text form may differ


@dataclass(frozen=True, slots=True)
class Replay:
    """Whether the past could be rebuilt exactly, what was compared, and the first difference in words."""

    identical: bool
    difference: str
    compared: tuple[str, ...]


def rebuild(message_id: UUID) -> Replay:
    """Decide and render a past message again from stored versions, features, plan and seed.

    The side of the experiment and the draw are repeated for personalised messages; the segmented control is repeated
    by its side only, since segments are not kept. Nothing is rebuilt of somebody who was erased. Raises
    Message.DoesNotExist.
    """
    message = Message.objects.select_related("run", "variant", "client", "campaign").get(pk=message_id)
    if message.client.erased_at is not None:
        when = message.client.erased_at.date().isoformat()
        return Replay(False, f"The client was erased on {when}: what the message was made of is sealed.", ())
    compared: list[str] = []
    for name, compare in (("decision", _decision), ("hour", _hour), ("words", _words), ("bytes", _bytes)):
        difference = compare(message)
        if difference is None:
            continue
        compared.append(name)
        if difference:
            return Replay(False, difference, tuple(compared))
    return Replay(True, "", tuple(compared))


def _decision(message: Message) -> str | None:
    """The first difference of the decision; empty when there is none, None when nothing can be drawn again."""
    if message.run is None or not message.closed:
        return None
    features = np.frombuffer(bytes(message.features), np.float32)
    closed = np.frombuffer(bytes(message.closed), np.uint8)
    try:
        again = choosing.redraw(
            choosing.as_decided(message.run.plan, message.artefact_id),
            message.client_id,
            seed=message.run.seed,
            features=features,
            closed=closed,
            own=np.frombuffer(bytes(message.own), np.float32),
        )
    except choosing.PlanMismatch:
        return "The model on file is not the one that the plan names."
    if ARMS[again.arm] != message.arm:
        return f"Side of the experiment: stored {message.arm}, rebuilt {ARMS[again.arm].value}."
    if message.arm == Arm.PERSONALISED and message.reason == "not_now":
        return _waited(message, again)
    if message.arm != Arm.PERSONALISED or not message.choice or _is_fallback(message):
        return ""
    for slot, stored, rebuilt in zip(message.run.plan["slots"], message.choice, again.choice.tolist(), strict=True):
        if stored != rebuilt:
            return f"Choice for {slot['slot']}: stored candidate {stored}, rebuilt {rebuilt}."
    for slot, stored, rebuilt in zip(
        message.run.plan["slots"], message.slot_propensity, again.chance.tolist(), strict=True
    ):
        if abs(stored - rebuilt) > CLOSE:
            return f"Probability for {slot['slot']}: stored {stored:.12g}, rebuilt {rebuilt:.12g}."
    return ""


def _waited(message: Message, again: choosing.Redrawn) -> str:
    """The first difference of a decision not to write now."""
    if (again.choice >= 0).any():
        return "Choice: stored not now, rebuilt a message."
    rebuilt = float(again.chance.prod())
    if abs(message.propensity - rebuilt) > CLOSE:
        return f"Probability of waiting: stored {message.propensity:.12g}, rebuilt {rebuilt:.12g}."
    return ""


def _hour(message: Message) -> str | None:
    """Whether the same hour is drawn again, as likely; None where none was drawn."""
    choice = drawn.kept(message)
    return None if choice is None else drawn.again(choice, message)


def _is_fallback(message: Message) -> bool:
    """Whether an editor's no put the fallback blocks in place of what was drawn: certain then, not drawn."""
    slots = message.run.plan["slots"]
    chosen = [slot["candidates"][one]["is_fallback"] for slot, one in zip(slots, message.choice, strict=True)]
    return all(chosen) and message.slot_propensity == [1.0] * len(slots)


def _words(message: Message) -> str | None:
    """Whether the variant holds the versions of the stored choice."""
    if message.variant is None or message.run is None or not message.choice:
        return None
    slots = message.run.plan["slots"]
    chosen = [slot["candidates"][one] for slot, one in zip(slots, message.choice, strict=True)]
    for slot, one, version, digest in zip(slots, chosen, message.variant.versions, message.variant.blocks, strict=True):
        if (one["version"], one["digest"]) != (version, digest):
            return (
                f"Words for {slot['slot']}: the plan names version {one['version']}, the message was made of {version}."
            )
    return ""


def _bytes(message: Message) -> str | None:
    """Whether the message renders to the bytes whose digest was stored."""
    if message.variant is None or message.mime_sha256 is None:
        return None
    try:
        made = assembly.again(message)
    except assembly.Tampered:
        return "Words: the stored text is not the one of its digest."
    except wording.MissingValue as missing:
        return f"Values: “{missing}” was blanked or is missing."
    except (wording.TooLong, mail.BadAddress) as error:
        return f"Values: {type(error).__name__} {error}."
    stored = bytes(message.mime_sha256)
    if made.sha256 != stored:
        return f"Bytes: stored sha256 {stored.hex()}, rebuilt {made.sha256.hex()}."
    return ""
