"""The trace of one message: every gate it passed or did not pass, in order, each with a sentence."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from campaigns import choosing, explanations, reasons
from campaigns.models import Arm, BlockVersion, Message, MessageState, Slot
from compliance import consent, review
from compliance.models import ConsentEvent
from personalize.decide import limits

LOGGED = "logged"  # the policy of a past campaign that was imported
PARTS = 8  # parts of a prediction that are named one by one
TRANSPORT = ("sent", "failed", "unconfirmed", "intent", "claimed", "pending")
OUTCOME_TONES = {
    MessageState.SENT: "ok",
    MessageState.SHOWN: "ok",
    MessageState.FAILED: "bad",
    MessageState.UNCONFIRMED: "warn",
    MessageState.HELD: "warn",
    MessageState.SUPPRESSED: "muted",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One gate. tone is "ok", "warn", "bad" or "muted"."""

    title: str
    sentence: str
    tone: str = "ok"
    at: datetime | None = None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of a slot as this client met it; `because` says why it was closed, empty when it was open."""

    version: BlockVersion
    is_chosen: bool
    is_fallback: bool
    because: str


@dataclass(frozen=True, slots=True)
class Place:
    """One slot: its candidates, and how likely the chosen one was in [0, 1]."""

    label: str
    chance: float | None
    candidates: list[Candidate] = field(default_factory=list)


def places(message: Message, *, is_veiled: bool = False) -> list[Place]:
    """Every candidate of every slot in plan order; empty where the message has no run to read the plan from.

    is_veiled  for a reader who may not know that a client is to be spared
    """
    if message.run is None or not message.closed:
        return []
    slots = message.run.plan["slots"]
    wanted = [one["version"] for slot in slots for one in slot["candidates"]]
    versions = BlockVersion.objects.select_related("block").in_bulk(wanted)
    codes, start, out = bytes(message.closed), 0, []
    for number, slot in enumerate(slots):
        chosen = message.choice[number] if number < len(message.choice) else -1
        chance = message.slot_propensity[number] if chosen >= 0 and number < len(message.slot_propensity) else None
        out.append(Place(Slot(slot["slot"]).label, chance))
        for index, one in enumerate(slot["candidates"]):
            code = limits.Closed(codes[start + index])
            because = limits.sentence(code, is_veiled=is_veiled) if code else ""
            out[-1].candidates.append(Candidate(versions[one["version"]], index == chosen, one["is_fallback"], because))
        start += len(slot["candidates"])
    return out


def steps(message: Message, *, at: datetime) -> list[Step]:
    """Audience, permission, eligibility, choice, words, review and transport, up to where the message got."""
    out = [_audience(message), _permission(message)]
    if message.state == MessageState.SUPPRESSED and message.variant is None:
        if message.reason not in consent.SENTENCES:
            out.append(
                Step(
                    "Kept back",
                    reasons.why(message),
                    "muted",
                    message.decided_at,
                )
            )
        return out
    passed = "Under the weekly cap, and one copy for the address."
    out.append(Step("Eligible", passed, at=message.decided_at))
    out.append(_choice(message))
    out += [_withheld(one) for one in explanations.withheld(message)]
    if message.score is not None:
        out += _prediction(message)
    if message.variant is not None:
        out.append(_review(message, at=at))
        digest = bytes(message.mime_sha256 or b"").hex()
        if digest:
            facts = (("SHA-256 of the bytes", digest), ("Text", message.variant.digest))
            out.append(Step("Made", "The exact bytes were fixed when the message was made.", facts=facts))
    out.append(_transport(message))
    return out


def _audience(message: Message) -> Step:
    if message.run is None:
        return Step("Asked for", "A page asked what to show this client.", at=message.decided_at)
    run = message.run
    return Step(
        "In the audience",
        f"Run {run.number} of {message.campaign.name} named this client among {run.audience:,}.",
        at=run.launched_at,
        facts=(("Side of the experiment", Arm(message.arm).label),),
    )


def _permission(message: Message) -> Step:
    if message.reason in consent.SENTENCES and message.state == MessageState.SUPPRESSED:
        return Step("Permission", consent.SENTENCES[message.reason], "bad", message.decided_at)
    event = ConsentEvent.objects.select_related("wording").filter(pk=message.consent).first()
    if event is None:
        return Step("Permission", "No single act of the client is on file for it.", "muted")
    facts = [("Act", f"{event.get_action_display()} on {event.occurred_at:%-d %B %Y}"), ("Where", event.surface)]
    if event.wording is not None:
        facts.append(("Words shown", event.wording.version))
    return Step("Permission", consent.SENTENCES["ok"], at=event.occurred_at, facts=tuple(facts))


def _choice(message: Message) -> Step:
    by_rules = "rules" if message.policy.startswith("rules") else f"model, policy {message.policy}"
    facts = [("Chosen by", "chance, elsewhere" if message.policy == LOGGED else by_rules)]
    facts.append(("Chance of exactly this choice", f"{message.propensity:.4g}"))
    if message.score is not None:
        facts.append(("Predicted chance of success", f"{100 * message.score:.1f} %"))
    said = explanations.factors(message)
    why = " ".join(said) or "Nothing we know of this client moved the choice beyond what was open to them."
    return Step("Words chosen", why, at=message.decided_at, facts=tuple(facts))


def _withheld(found: explanations.Withheld) -> Step:
    facts = tuple((one.meaning, "blank") for one in found.features[:PARTS])
    more = len(found.features) - len(facts)
    facts += ((f"{more} more", "blank"),) if more else ()
    said = f"The client had not allowed this purpose then: {found.purpose.label}. Nothing under it was read."
    return Step("Not read", said, "muted", facts=facts)


def _prediction(message: Message) -> list[Step]:
    """What the prediction was made of, for staff: every part in log-odds, adding up to it."""
    if message.run is None or not message.features:
        return []
    try:
        seen = np.frombuffer(bytes(message.features), np.float32)
        own = np.frombuffer(bytes(message.own), np.float32)
        made = choosing.prediction(
            choosing.as_decided(message.run.plan, message.artefact_id), message.choice, seen=seen, own=own
        )
    except choosing.PlanMismatch:
        return [Step("Prediction", "The model on file is not the one that the plan names.", "bad")]
    if made is None:
        return []
    shown, rest = made.parts[:PARTS], made.parts[PARTS:]
    facts = [("Average client, in log-odds", f"{made.start:+.3f}")]
    facts += [(feature.meaning, f"{part:+.3f}") for feature, part in shown]
    if rest:
        facts.append((f"{len(rest)} more", f"{sum(part for _, part in rest):+.3f}"))
    said = f"{made.of} was given a chance of {100 * made.probability:.1f} %. These parts add up to it exactly."
    return [Step("Prediction", said, at=message.decided_at, facts=tuple(facts))]


def _review(message: Message, *, at: datetime) -> Step:
    variant = message.variant
    topics = ", ".join(variant.topics) or "none"
    if message.state == MessageState.HELD:
        return Step("Review", reasons.because(message.reason), "warn", facts=(("Sensitive topics", topics),))
    if message.reason == "rejected_by_editor":
        return Step("Review", reasons.because(message.reason), "bad", facts=(("Sensitive topics", topics),))
    whole = review.standing([variant.digest], at=at).get(variant.digest)
    how = "An editor approved these exact words." if whole == "approved" else "Editors approved every block of it."
    return Step("Review", how, facts=(("Sensitive topics", topics),))


def _transport(message: Message) -> Step:
    state = MessageState(message.state)
    facts = []
    if message.attempts:
        facts.append(("Tries put off", str(message.attempts)))
    if message.intent_at is not None:
        facts.append(("Handed over", f"{message.intent_at:%-d %B %Y, %H:%M:%S} UTC"))
    if message.reply and message.policy != LOGGED:
        facts.append(("The mail server said", message.reply))
    elsewhere = "This was done elsewhere, and only its log is here. This system sent nothing."
    return Step(
        state.label,
        elsewhere if message.policy == LOGGED else reasons.told(message),
        OUTCOME_TONES.get(state, "info"),
        message.sent_at,
        tuple(facts),
    )
