"""The one question everybody asks before they act: may we? Unknown is no."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from compliance import bulk, contact
from compliance.models import Channel, Purpose
from compliance.reasons import REASONS

WITHOUT_CHANNEL = (Purpose.PROFILING, Purpose.MEASUREMENT, Purpose.SENSITIVE)


@dataclass(frozen=True, slots=True)
class Answer:
    """May we, why, and which consent event says so."""

    ok: bool
    reason: str
    event: UUID | None


@dataclass(frozen=True, slots=True)
class Answers:
    """`may_send` for many: ok bool (n,), reason int8 (n,) positions in REASONS, raw (n,) the events' 16 bytes."""

    ok: np.ndarray
    reason: np.ndarray
    raw: np.ndarray

    @property
    def event(self) -> list[UUID | None]:
        """The consent event behind each answer, None where there is none."""
        return [UUID(bytes=bytes(one)) if any(one) else None for one in self.raw.tolist()]


@dataclass(frozen=True, slots=True)
class Permits:
    """Everything a run must be allowed, for many clients: to write, and to know, use and count (bool (n,) each)."""

    contact: Answers
    profiling: np.ndarray
    sensitive: np.ndarray
    measurement: np.ndarray


def may_send(client_id: int, *, purpose: str, channel: str, at: datetime) -> Answer:
    """May we use this channel for this purpose for this client at this moment?"""
    asked = allowed(np.array([client_id], np.int64), purpose=purpose, channel=channel, at=at)
    return Answer(bool(asked.ok[0]), REASONS[asked.reason[0]], asked.event[0])


def allowed(client_ids: np.ndarray, *, purpose: str, channel: str, at: datetime) -> Answers:
    """`may_send` for many clients in one query, in the order asked."""
    return _asked(client_ids, [(purpose, channel)], at=at)[0]


def permits(client_ids: np.ndarray, *, purpose: str, channel: str, at: datetime) -> Permits:
    """All of `Permits` for many clients in one query, in the order asked."""
    knowing = [(one, Channel.ANY) for one in (Purpose.PROFILING, Purpose.SENSITIVE, Purpose.MEASUREMENT)]
    contact_, *others = _asked(client_ids, [(purpose, channel), *knowing], at=at)
    return Permits(contact_, *(one.ok for one in others))


def _asked(client_ids: np.ndarray, questions: Sequence[tuple[str, str]], *, at: datetime) -> list[Answers]:
    rows = bulk.allowed(
        np.asarray(client_ids, np.int64),
        questions=[(purpose, channel_of(purpose, channel)) for purpose, channel in questions],
        reasons=REASONS,
        at=at,
        pads=contact.pads(),
    )
    reason = rows["reason"].astype(np.int8)
    return [Answers(one == 0, one, raw) for one, raw in zip(reason.T, rows["event"].T, strict=True)]


def profiling(client_ids: np.ndarray, *, at: datetime) -> np.ndarray:
    """Which clients let us use their activity to choose what is relevant: bool (n,)."""
    return allowed(client_ids, purpose=Purpose.PROFILING, channel=Channel.ANY, at=at).ok


def signals_off(client_ids: Iterable[int]) -> dict[int, frozenset[str]]:
    """Codes of the features each client switched off; clients who switched none off are absent."""
    ids = np.fromiter(client_ids, np.int64)
    return {client: frozenset(codes) for client, codes in bulk.signals_off(ids)}


def channel_of(purpose: str, channel: str) -> str:
    """The channel under which a purpose is kept: some are asked for once, whatever the channel."""
    return Channel.ANY if purpose in WITHOUT_CHANNEL else channel
