"""The only door to "may we?": what clients allowed and refused, and the one question everybody asks.

Unknown is no. A denial wins over what happened at the same time or before. The database folds a client's events
into answers by itself (see the migration `consent_is_folded_by_the_database`), whoever writes them.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction

from compliance import bulk, ledger, suppression, wordings
from compliance.asking import (
    WITHOUT_CHANNEL,
    Answer,
    Answers,
    Permits,
    allowed,
    channel_of,
    may_send,
    permits,
    profiling,
    signals_off,
)
from compliance.matrix import Line, matrix
from compliance.models import (
    Action,
    Channel,
    Client,
    ConsentEvent,
    ConsentState,
    Preference,
    Purpose,
    Staff,
    State,
    Wording,
)
from compliance.reasons import CLIENT_SENTENCES, REASONS, SENTENCES
from compliance.suppression import suppress, unsuppress

By = Staff | str
PROMOTIONAL = (Purpose.MARKETING, Purpose.PARTNER, Purpose.AFFILIATE)

__all__ = [
    "CLIENT_SENTENCES",
    "REASONS",
    "SENTENCES",
    "Answer",
    "Answers",
    "Line",
    "NoConsent",
    "NoSuchWording",
    "Permits",
    "allowed",
    "confirm",
    "gpc",
    "gpc_since",
    "grant",
    "lock",
    "matrix",
    "may_send",
    "merge",
    "object_to_marketing",
    "permits",
    "prefer",
    "profiling",
    "refuse",
    "signals_off",
    "suppress",
    "unsuppress",
    "withdraw",
]


class NoSuchWording(ValueError):
    """The words named were not in force at that time. Nothing was written."""


class NoConsent(ValueError):
    """What was handed in cannot be a consent (a box ticked beforehand, no channel). Nothing was written."""


def lock(client_ids: int | Iterable[int]) -> list[int]:
    """Hold the clients' rows until the transaction ends: the lock that an opt-out and a hand-over to SMTP both take."""
    return bulk.lock([client_ids] if isinstance(client_ids, int) else sorted(int(one) for one in client_ids))


@transaction.atomic
def grant(
    client_id: int,
    *,
    purpose: str,
    channel: str,
    wording: str,
    surface: str,
    mechanism: str,
    by: By,
    at: datetime,
    evidence: Mapping[str, Any] | None = None,
    basis: str = "consent",
    valid_until: datetime | None = None,
) -> ConsentEvent:
    """Keep the person's own yes, to exact words. It lifts their earlier no, and an address suppressed by opting out.

    wording: the version shown, in force at `at` · evidence {"double_opt_in": True} waits for `confirm`.
    Raises NoSuchWording, NoConsent.
    """
    proof = dict(evidence or {})
    if mechanism == "checkbox":
        proof.setdefault("initially_checked", False)
    if proof.get("initially_checked"):
        raise NoConsent("A box that was ticked beforehand is no consent.")
    channel = channel_of(purpose, channel)
    if channel == Channel.ANY and purpose not in WITHOUT_CHANNEL:
        raise NoConsent(f"A yes to {purpose} names its channel.")
    lock(client_id)
    event = _keep(
        client_id,
        action=Action.GIVEN,
        purpose=purpose,
        channel=channel,
        basis=basis,
        wording=_in_force(wording, at),
        surface=surface,
        mechanism=mechanism,
        by=by,
        at=at,
        evidence=proof,
        valid_until=valid_until,
    )
    if purpose in PROMOTIONAL and channel == Channel.EMAIL and not proof.get("double_opt_in"):
        suppression.lift_opt_out(client_id, by=by, at=at)
    return event


@transaction.atomic
def confirm(client_id: int, *, purpose: str, channel: str, surface: str, mechanism: str, by: By, at: datetime) -> None:
    """Keep the second half of a double opt-in, or the renewal of a consent. Counts only after a yes that waits."""
    lock(client_id)
    _keep(
        client_id,
        action=Action.CONFIRMED,
        purpose=purpose,
        channel=channel_of(purpose, channel),
        surface=surface,
        mechanism=mechanism,
        by=by,
        at=at,
    )


@transaction.atomic
def withdraw(
    client_id: int, *, purpose: str, channel: str, surface: str, mechanism: str, by: By, at: datetime
) -> ConsentEvent:
    """Take a consent back, in force when this commits. Safe to repeat: the same withdrawal is kept once.

    When nothing promotional is left on the channel, the address is suppressed too.
    """
    lock(client_id)
    channel = channel_of(purpose, channel)
    kept = (
        ConsentState.objects.filter(client_id=client_id, purpose=purpose, channel=channel, state=State.DENIED)
        .select_related("since")
        .filter(since__action=Action.WITHDRAWN, since__channel=channel, since__surface=surface)
        .first()
    )
    if kept is not None:
        return kept.since
    event = _keep(
        client_id,
        action=Action.WITHDRAWN,
        purpose=purpose,
        channel=channel,
        surface=surface,
        mechanism=mechanism,
        by=by,
        at=at,
    )
    if purpose in PROMOTIONAL and channel in (Channel.EMAIL, Channel.ANY):
        suppression.opted_out(client_id, source=surface, by=by, at=at)
    return event


@transaction.atomic
def refuse(
    client_id: int, *, purpose: str, channel: str, surface: str, mechanism: str, by: By, at: datetime
) -> ConsentEvent:
    """Keep that the person was asked and said no."""
    lock(client_id)
    return _keep(
        client_id,
        action=Action.REFUSED,
        purpose=purpose,
        channel=channel_of(purpose, channel),
        surface=surface,
        mechanism=mechanism,
        by=by,
        at=at,
    )


@transaction.atomic
def object_to_marketing(client_id: int, *, surface: str, mechanism: str, by: By, at: datetime) -> ConsentEvent:
    """Stop all direct marketing on all channels, and profiling for it (GDPR Art. 21(2) and (3))."""
    lock(client_id)
    event = _keep(
        client_id,
        action=Action.OBJECTED,
        purpose=Purpose.MARKETING,
        channel=Channel.ANY,
        surface=surface,
        mechanism=mechanism,
        by=by,
        at=at,
    )
    suppression.opted_out(client_id, source=surface, by=by, at=at)
    return event


@transaction.atomic
def gpc(client_id: int, *, surface: str, by: By, at: datetime, evidence: Mapping[str, Any] | None = None) -> bool:
    """Honour `Sec-GPC: 1`: nothing is shared with partners. It lowers no consent for our own messages.

    True when it is news. Source: Global Privacy Control, W3C; Cal. Code Regs. tit. 11, § 7025.
    """
    if gpc_since(client_id) is not None:
        return False
    lock(client_id)
    _keep(
        client_id,
        action=Action.GPC_ON,
        purpose=Purpose.PARTNER,
        channel=Channel.ANY,
        surface=surface,
        mechanism="signal",
        by=by,
        at=at,
        evidence=evidence,
    )
    return True


def gpc_since(client_id: int) -> datetime | None:
    """When the client's browser first told us not to sell or share, or None."""
    seen = ConsentEvent.objects.filter(client_id=client_id, action=Action.GPC_ON).order_by("occurred_at").first()
    return seen.occurred_at if seen else None


@transaction.atomic
def merge(kept_id: int, absorbed_id: int, *, by: By, at: datetime) -> int:
    """Carry the stricter answers of an absorbed record over to the kept one; how many changed.

    Every no of the absorbed record becomes a no of the kept one; none of its yeses comes along.
    """
    lock([kept_id, absorbed_id])
    stricter = ConsentState.objects.filter(client_id=absorbed_id, state=State.DENIED).order_by("purpose", "channel")
    denied = set(ConsentState.objects.filter(client_id=kept_id, state=State.DENIED).values_list("purpose", "channel"))
    news = [one for one in stricter if (one.purpose, one.channel) not in denied]
    for one in news:
        _keep(
            kept_id,
            action=Action.MERGED,
            purpose=one.purpose,
            channel=one.channel,
            surface=f"client:{absorbed_id}",
            mechanism="merge",
            by=by,
            at=at,
            evidence={"from": absorbed_id, "event": str(one.since_id)},
        )
    return len(news)


@transaction.atomic
def prefer(
    client_id: int,
    *,
    by: By,
    at: datetime,
    max_per_week: int | None,
    pause_until: date | None,
    topics_declined: Iterable[str],
    signals_off: Iterable[str],
    hours: str = "",
) -> Preference:
    """Keep what the client wishes beyond yes and no, in force at once. `None` leaves a wish to the firm's rule."""
    lock(client_id)
    wishes = {
        "max_per_week": max_per_week,
        "pause_until": pause_until,
        "hours": hours,
        "topics_declined": sorted(set(topics_declined)),
        "signals_off": sorted(set(signals_off)),
        "updated_at": at,
    }
    kept, _ = Preference.objects.update_or_create(client_id=client_id, defaults=wishes)
    return kept


def _in_force(version: str, at: datetime) -> Wording:
    try:
        wording = wordings.get(version)
    except Wording.DoesNotExist:
        raise NoSuchWording(f"There is no wording {version!r}.") from None
    if at < wording.in_force_from or (wording.in_force_to is not None and at >= wording.in_force_to):
        raise NoSuchWording(f"The wording {version!r} was not in force at {at:%Y-%m-%d %H:%M}.")
    return wording


def _keep(
    client_id: int,
    *,
    action: str,
    purpose: str,
    channel: str,
    surface: str,
    mechanism: str,
    by: By,
    at: datetime,
    **more: Any,
) -> ConsentEvent:
    more["evidence"] = dict(more.get("evidence") or {})
    event = ConsentEvent(
        client_id=client_id,
        jurisdiction=Client.objects.values_list("jurisdiction", flat=True).get(pk=client_id),
        action=action,
        purpose=purpose,
        channel=channel,
        surface=surface[:80],
        mechanism=mechanism,
        occurred_at=at,
        recorded_at=at,
        actor=ledger.actor(by),
        **more,
    )
    event.save(force_insert=True)
    return event
