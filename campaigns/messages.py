"""The messages of a run: who may be written to, what was chosen for each, and the exact bytes, before they are rows."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from campaigns import assembly, audiences, bulk, choosing, mail, variants, wording
from campaigns.choosing import openings
from campaigns.combinations import rules
from campaigns.hours import drawn
from campaigns.models import Arm, BlockVersion, Campaign, Message, MessageState, Run, Variant
from compliance import consent, promotions
from compliance.copyrules import book
from compliance.models import Channel, Purpose
from compliance.words import lint
from personalize.decide import combining, draws
from personalize.decide.limits import Closed

ARMS = (Arm.PERSONALISED, Arm.CONTROL, Arm.HOLDOUT)


@dataclass(frozen=True, slots=True)
class Text:
    """What became of one choice: a state, why, and the variant when there is one; fallback says it took its place."""

    state: str
    reason: str
    variant: Variant | None
    is_fallback: bool = False


WAITS = (MessageState.PENDING, MessageState.HELD)
REFUSED = Text(MessageState.SUPPRESSED, "combination_refused", None)


def message_id(run: Run, client_id: int) -> UUID:
    """The id of a client's message in a run: always the same, in order of launches (RFC 9562, version 8)."""
    ms = int(run.launched_at.timestamp() * 1000)
    tail = hashlib.blake2b(f"{run.pk}:{run.seed}:{client_id}".encode(), digest_size=10).digest()
    value = (ms << 80) | int.from_bytes(tail, "big")
    value = value & ~(0xF << 76) | (0x8 << 76)
    return UUID(int=value & ~(0x3 << 62) | (0x2 << 62))


def message_ids(run: Run, client_ids: np.ndarray) -> np.ndarray:
    """`message_id` of many clients: (n,) V16."""
    ids = b"".join(message_id(run, client).bytes for client in client_ids.tolist())
    return np.frombuffer(ids, "V16")


def make(run: Run, client_ids: np.ndarray, *, at: datetime) -> list[bulk.messages.Rows]:
    """One row for each client, decided, rendered and ready to be copied: those of a canary, if there is one, apart.

    Writes nothing but variants and review items of texts that are new.
    """
    return [_made(run, plan, client_ids[those], at=at) for plan, those in choosing.split(run.plan, client_ids, at=at)]


def _made(run: Run, plan: dict[str, Any], client_ids: np.ndarray, *, at: datetime) -> bulk.messages.Rows:
    permits = consent.permits(client_ids, purpose=plan["purpose"], channel=plan["channel"], at=at)
    decided = choosing.decide(plan, client_ids, seed=run.seed, at=at, permits=permits)
    why = refusals(run, client_ids, permits.contact, decided, at=at)
    rows = blank(run, client_ids, permits, decided, at=at)
    _write(rows, run, decided, why, permits, at=at)
    if (times := drawn.draw(run, client_ids, rows.ids, permits.profiling, at=at)) is not None:
        waits = times.drawn & np.array([one.state in WAITS for one in rows.said])
        rows.due, rows.hours = np.where(waits, times.due, times.now), times.rows[waits]
    return rows


def blank(
    run: Run, client_ids: np.ndarray, permits: consent.Permits, decided: choosing.Decisions, *, at: datetime
) -> bulk.messages.Rows:
    """The rows of these decisions, before anything is said of their texts."""
    return bulk.messages.Rows(
        run=run.pk,
        campaign=run.campaign_id,
        channel=run.plan["channel"],
        policy=decided.policy,
        artefact=decided.artefact,
        feature_version=decided.feature_version,
        at=at,
        ids=message_ids(run, client_ids),
        client=client_ids,
        closed=decided.closed,
        propensity=decided.propensity,
        slot_propensity=decided.slot_propensity,
        score=decided.score,
        reasons=decided.reasons,
        reason_values=decided.reason_values,
        features=decided.features,
        own=decided.own,
        consent=permits.contact.raw,
    )


def _write(
    rows: bulk.messages.Rows,
    run: Run,
    decided: choosing.Decisions,
    why: list[str],
    permits: consent.Permits,
    *,
    at: datetime,
) -> None:
    """Fill in what became of each row: its text, the client's values in it, and the digest of the finished bytes."""
    plan, client_ids = run.plan, rows.client
    texts = _texts(run.campaign, plan, decided.choice[[not one for one in why]], at=at)
    merges = assembly.merge_values(client_ids, at=at, permits=permits)
    known, arms, backup = bulk.addresses(client_ids), decided.arm.tolist(), tuple(fallback_choice(plan).tolist())
    choices = [() if one[0] < 0 else tuple(one) for one in decided.choice.tolist()]
    nothing = b"{}"
    for row, client in enumerate(client_ids.tolist()):
        text, address, merge, digest = Text(MessageState.SUPPRESSED, why[row], None), "", nothing, b""
        if not why[row]:
            text, (address, ref) = texts[decided.choice[row].tobytes()], known[client]
        if text.variant is not None:
            values = kept(text.variant, merges[row])
            digest, fault = render_digest(
                text.variant,
                values,
                message_id=UUID(bytes=bytes(rows.ids[row])),
                address=address,
                ref=ref,
                run=run,
                at=at,
            )
            merge = msgspec.json.encode(values)
            if fault:
                text = replace(text, state=MessageState.SUPPRESSED, reason=fault)
        if text.is_fallback:
            choices[row], rows.propensity[row], rows.slot_propensity[row] = backup, 1.0, 1.0
        variant = text.variant.pk if text.variant else None
        rows.said.append(bulk.messages.Said(ARMS[arms[row]].value, str(text.state), text.reason, variant, choices[row]))
        rows.address.append(address)
        rows.merge.append(merge)
        rows.digest.append(digest)


def refusals(
    run: Run, client_ids: np.ndarray, answers: consent.Answers, decided: choosing.Decisions, *, at: datetime
) -> list[str]:
    """Why each client gets no message, empty for those who get one.

    The holdout comes last: it is compared with people who could have been written to.
    """
    plan = run.plan
    why = np.array([consent.REASONS[one] if not ok else "" for ok, one in zip(answers.ok, answers.reason, strict=True)])
    why = why.astype("U40")

    def refuse(where: np.ndarray, reason: str) -> None:
        why[where & (why == "")] = reason

    # What is deferred or replaced is decided when it is due, and so is every other cap: see campaigns.limits.gate.
    if plan["purpose"] != Purpose.SERVICE and plan.get("when_capped", "dropped") == "dropped":
        capped = bulk.at_cap(client_ids, cap=plan["cap"], since=at - audiences.CAP_WINDOW)
        refuse(np.isin(client_ids, capped), "capped")
    start = 0
    for slot in plan["slots"]:
        codes = decided.closed[:, start : start + len(slot["candidates"])]
        refuse(~(codes == Closed.OPEN).any(axis=1), "nothing_suitable")
        start += len(slot["candidates"])
    refuse(~promotions.cooled(client_ids, openings.topics(plan), at=at), "cooling_off")
    refuse(decided.arm == choosing.HOLDOUT, "holdout")
    refuse(decided.waits, "not_now")
    if plan["channel"] == Channel.EMAIL:
        refuse(np.isin(client_ids, _twins(run, client_ids[why == ""], at=at)), "duplicate_address")
    return why.tolist()


def _twins(run: Run, client_ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """Those of `client_ids` whose address a client with a lower number in this run has, who will be written to."""
    shared = bulk.shared_addresses(client_ids)
    first: dict[str, int] = {}
    if len({address for _, address in shared}) == len(shared):
        return np.zeros(0, np.int64)
    others = np.setdiff1d(np.array([one for one, _ in shared], np.int64), client_ids)
    others = bulk.chunks.in_run(run.pk, others)
    others = others[consent.allowed(others, purpose=run.plan["purpose"], channel=run.plan["channel"], at=at).ok]
    kept = draws.experiment(run.seed, others, control=run.plan["share_control"], holdout=run.plan["share_holdout"])
    among = set(others[kept != choosing.HOLDOUT].tolist()) | set(client_ids.tolist())
    mine, out = set(client_ids.tolist()), []
    for client, address in shared:
        if client in among and first.setdefault(address, client) != client and client in mine:
            out.append(client)
    return np.array(out, np.int64)


def _texts(campaign: Campaign, plan: dict[str, Any], choice: np.ndarray, *, at: datetime) -> dict[bytes, Text]:
    """What becomes of each distinct choice (n, S), by its bytes."""
    if not len(choice):
        return {}
    distinct, reach = np.unique(choice, axis=0, return_counts=True)
    versions, rulebook = _versions(plan), book.in_force(at)
    made: dict[bytes, Variant | None] = {}
    refused = combining.violated(rules.compiled(plan), distinct) >= 0
    for one, waiting in zip(distinct[~refused], reach[~refused], strict=True):
        made[one.tobytes()] = _ensure(campaign, plan, one, versions, at=at, reach=int(waiting), rulebook=rulebook)
    found = [one for one in made.values() if one is not None]
    standing = variants.standing(found, at=at)
    texts, backup = {one.tobytes(): REFUSED for one in distinct[refused]}, None
    for key, variant in made.items():
        stands = standing[variant.pk] if variant is not None else ""
        if variant is None:
            texts[key] = Text(MessageState.SUPPRESSED, "blocks_do_not_fit", None)
        elif stands == variants.REJECTED:
            backup = backup or fallback(campaign, plan, versions, at=at)
            texts[key] = backup
        else:
            texts[key] = ready(variant, stands)
    return texts


def ready(variant: Variant, stands: str) -> Text:
    """The state of a message with this variant: pending when it may go, held when a person must decide."""
    if stands == variants.GO:
        return Text(MessageState.PENDING, "", variant)
    return Text(MessageState.HELD, "awaiting_review", variant)


def fallback(
    campaign: Campaign, plan: dict[str, Any], versions: dict[int, BlockVersion] | None = None, *, at: datetime
) -> Text:
    """What takes the place of a rejected text: the fallback blocks if they may go out, else nothing."""
    variant = _ensure(campaign, plan, fallback_choice(plan), versions or _versions(plan), at=at, reach=0)
    if variant is not None and variants.standing([variant], at=at)[variant.pk] == variants.GO:
        return Text(MessageState.PENDING, "", variant, is_fallback=True)
    return Text(MessageState.SUPPRESSED, "rejected_by_editor", None)


def fallback_choice(plan: dict[str, Any]) -> np.ndarray:
    """The index of the fallback of each slot: (S,) int16."""
    places = [[one["is_fallback"] for one in slot["candidates"]].index(True) for slot in plan["slots"]]
    return np.array(places, np.int16)


def _versions(plan: dict[str, Any]) -> dict[int, BlockVersion]:
    wanted = [one["version"] for slot in plan["slots"] for one in slot["candidates"]]
    return BlockVersion.objects.select_related("block").in_bulk(wanted)


def _ensure(
    campaign: Campaign,
    plan: dict[str, Any],
    choice: np.ndarray,
    versions: dict[int, BlockVersion],
    *,
    at: datetime,
    reach: int,
    rulebook: lint.Book | None = None,
) -> Variant | None:
    parts = [versions[slot["candidates"][place]["version"]] for slot, place in zip(plan["slots"], choice, strict=True)]
    try:
        return variants.ensure(campaign, parts, by=campaign.owner, at=at, reach=reach, rulebook=rulebook)
    except variants.BadCombination:
        return None


def kept(variant: Variant, merge: dict[str, Any]) -> dict[str, Any]:
    """The merge values that this text uses; the others are not kept with the message."""
    wanted = assembly.needed(variant)
    return {name: value for name, value in merge.items() if name in wanted or name == assembly.MEASURE}


def render_digest(
    variant: Variant,
    merge: dict[str, Any],
    *,
    message_id: UUID,
    address: str,
    ref: UUID,
    run: Run,
    at: datetime,
) -> tuple[bytes, str]:
    """SHA-256 of the finished bytes, or empty and the reason why they cannot be made."""
    try:
        made = assembly.render(
            variant,
            merge,
            message_id=message_id,
            address=address,
            client_ref=ref,
            purpose=run.plan["purpose"],
            at=at,
            sender=mail.sender(run.plan),
        )
    except wording.MissingValue:
        return b"", "missing_value"
    except wording.TooLong:
        return b"", "value_too_long"
    except mail.BadAddress:
        return b"", "bad_address"
    return made.sha256, ""


def remake(message: Message, text: Text, *, at: datetime) -> bool:
    """Give a held message the fallback's words, at the time it was decided, or end it; False when someone was first."""
    held = Message.objects.filter(pk=message.pk, state=MessageState.HELD)
    if text.variant is None:
        return bool(held.update(state=text.state, reason=text.reason))
    plan = message.run.plan
    digest, fault = render_digest(
        text.variant,
        message.merge,
        message_id=message.pk,
        address=message.address,
        ref=message.client.ref,
        run=message.run,
        at=message.decided_at,
    )
    if fault:
        return bool(held.update(state=MessageState.SUPPRESSED, reason=fault))
    choice = fallback_choice(plan).tolist()
    return bool(
        held.update(
            state=text.state,
            reason=text.reason,
            variant=text.variant,
            choice=choice,
            propensity=1.0,
            slot_propensity=[1.0] * len(choice),
            mime_sha256=digest,
            due_at=max(message.due_at, at),
        )
    )
