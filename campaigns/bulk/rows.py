"""Messages as PostgreSQL's binary COPY wants them, built by numpy a chunk at a time.

Columns of fixed width are one block a row, written for all rows at once; what differs in length is joined row by row
from pieces, of which most are shared. Source of the format: PostgreSQL manual, COPY, "Binary Format"; array_send.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from compliance.bulk.binary import HEAD, TAIL

NULL = b"\xff\xff\xff\xff"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
INT2, FLOAT8 = 21, 701  # type numbers of PostgreSQL's elements
# The order in which `parts` writes them.
COLUMNS = (
    "id", "run_id", "campaign_id", "client_id",
    "channel", "policy", "artefact_id", "reply", "arm", "state", "reason", "variant_id", "choice",
    "closed", "propensity", "slot_propensity", "reasons", "reason_values", "features", "own", "feature_version",
    "decided_at", "due_at", "attempts",
    "score", "consent", "merge", "address", "mime_sha256",
)  # fmt: skip
_LENGTH = struct.Struct("!i").pack


class Said(NamedTuple):
    """What became of one client's message, and the choice; most rows of a chunk share a few of these."""

    arm: str
    state: str
    reason: str
    variant: int | None
    choice: tuple[int, ...]


@dataclass(slots=True)
class Rows:
    """n messages of one run, in the order of `client`.

    ids (n,) V16 · client (n,) int64 · closed (n, K) uint8 · propensity (n,) · slot_propensity (n, S) · score (n,) with
    NaN for none · reasons (n, R) int16 · reason_values (n, R) · features (n, F) float32 · own (n, W) float32
    consent (n,) V16, 0 for none
    due (n,) int64 microseconds since 2000, None for at once · hours  rows of `bulk.hours.DRAWN`, of those that wait
    said, merge (JSON text), address ("" for none) and digest (b"" for none) are lists of n
    """

    run: int
    campaign: int
    channel: str
    policy: str
    artefact: int | None
    feature_version: int
    at: datetime
    ids: np.ndarray
    client: np.ndarray
    closed: np.ndarray
    propensity: np.ndarray
    slot_propensity: np.ndarray
    score: np.ndarray
    reasons: np.ndarray
    reason_values: np.ndarray
    features: np.ndarray
    own: np.ndarray
    consent: np.ndarray
    said: list[Said] = field(default_factory=list)
    merge: list[bytes] = field(default_factory=list)
    address: list[str] = field(default_factory=list)
    digest: list[bytes] = field(default_factory=list)
    due: np.ndarray | None = None
    hours: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.client)


def parts(rows: Rows) -> Iterator[bytes]:
    """Everything that COPY is to be given, in pieces of a few thousand rows."""
    who, numbers = _who(rows), _numbers(rows)
    scores, consents = _scores(rows.score), _consents(rows.consent)
    same = _text(rows.channel) + _text(rows.policy) + _integer(rows.artefact) + _text("")
    seen: dict[Said, bytes] = {}
    made = [HEAD]
    for row, said in enumerate(rows.said):
        if said not in seen:
            seen[said] = same + _outcome(said)
        address, digest, merge = rows.address[row].encode(), rows.digest[row], rows.merge[row]
        made += (
            who[row], seen[said], numbers[row], scores[row], consents[row],
            _LENGTH(len(merge) + 1), b"\x01", merge,
            _LENGTH(len(address)), address,
            _LENGTH(len(digest)) if digest else NULL, digest,
        )  # fmt: skip
    made.append(TAIL)
    yield b"".join(made)


def _who(rows: Rows) -> list[bytes]:
    block = np.zeros(
        len(rows), _layout(("id", "V16"), ("run", ">i8"), ("campaign", ">i8"), ("client", ">i8"), lead=">i2")
    )
    block["lead"] = len(COLUMNS)
    block["id"], block["run"], block["campaign"], block["client"] = rows.ids, rows.run, rows.campaign, rows.client
    return _split(block)


def _numbers(rows: Rows) -> list[bytes]:
    block = np.zeros(
        len(rows),
        _layout(
            ("closed", f"V{rows.closed.shape[1]}"), ("propensity", ">f8"),
            ("slot_propensity", _array(FLOAT8, rows.slot_propensity.shape[1])),
            ("reasons", _array(INT2, rows.reasons.shape[1])),
            ("reason_values", _array(FLOAT8, rows.reason_values.shape[1])),
            ("features", f"V{4 * rows.features.shape[1]}"), ("own", f"V{4 * rows.own.shape[1]}"), ("version", ">i2"),
            ("decided", ">i8"), ("due", ">i8"), ("attempts", ">i2"),
        ),
    )  # fmt: skip
    block["closed"] = _void(rows.closed.astype(np.uint8))
    block["propensity"] = rows.propensity
    for name, oid, values in (
        ("slot_propensity", FLOAT8, rows.slot_propensity),
        ("reasons", INT2, rows.reasons),
        ("reason_values", FLOAT8, rows.reason_values),
    ):
        array = block[name]
        array["dimensions"], array["type"], array["length"], array["first"] = 1, oid, values.shape[1], 1
        array["values"]["l"], array["values"]["v"] = array.dtype["values"].base["v"].itemsize, values
    block["features"], block["own"] = _void(rows.features.astype("<f4")), _void(rows.own.astype("<f4"))
    block["version"] = rows.feature_version
    block["decided"] = block["due"] = (rows.at - EPOCH) // (datetime.resolution)
    if rows.due is not None:
        block["due"] = rows.due
    return _split(block)


def _layout(*columns: tuple[str, str | np.dtype], lead: str = "") -> np.dtype:
    """A row of columns of fixed width, each behind its length; `lead` is a number before all of them."""
    made: list[tuple[str, str | np.dtype]] = [("lead", lead)] if lead else []
    for name, kind in columns:
        made += [(f"length_of_{name}", ">i4"), (name, kind)]
    return np.dtype(made)


def _array(oid: int, n: int) -> np.dtype:
    """A one-dimensional array of n numbers without nulls, as array_send writes it."""
    element = np.dtype([("l", ">i4"), ("v", ">i2" if oid == INT2 else ">f8")])
    return np.dtype(
        [("dimensions", ">i4"), ("nulls", ">i4"), ("type", ">i4"), ("length", ">i4"), ("first", ">i4"),
         ("values", element, (n,))]
    )  # fmt: skip


def _split(block: np.ndarray) -> list[bytes]:
    """The rows of a block as bytes, every column's length filled in."""
    for name in block.dtype.names or ():
        if name.startswith("length_of_"):
            block[name] = block.dtype[name.removeprefix("length_of_")].itemsize
    raw, width = block.tobytes(), block.dtype.itemsize
    return [raw[start : start + width] for start in range(0, len(raw), width)]


def _void(values: np.ndarray) -> np.ndarray:
    """The rows of a matrix as opaque bytes."""
    wide = np.ascontiguousarray(values)
    if not wide.shape[1]:
        return np.zeros(len(wide), "V0")
    return wide.view(f"V{wide.itemsize * wide.shape[1]}")[:, 0]


def _scores(values: np.ndarray) -> list[bytes]:
    filled = _split(_filled(values.astype(">f8"), ">f8"))
    return [NULL if missing else one for one, missing in zip(filled, np.isnan(values).tolist(), strict=True)]


def _consents(values: np.ndarray) -> list[bytes]:
    filled, nobody = _split(_filled(values, "V16")), bytes(16)
    return [NULL if one[4:] == nobody else one for one in filled]


def _filled(values: np.ndarray, kind: str) -> np.ndarray:
    block = np.zeros(len(values), _layout(("value", kind)))
    block["value"] = values
    return block


def _outcome(said: Said) -> bytes:
    return b"".join(
        (_text(said.arm), _text(said.state), _text(said.reason), _integer(said.variant), _small_integers(said.choice))
    )


@lru_cache(maxsize=256)
def _text(value: str) -> bytes:
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


def _integer(value: int | None) -> bytes:
    return NULL if value is None else struct.pack("!iq", 8, value)


def _small_integers(values: Sequence[int]) -> bytes:
    if not values:
        return struct.pack("!iiii", 12, 0, 0, INT2)
    elements = b"".join(struct.pack("!ih", 2, one) for one in values)
    return struct.pack("!iiiiii", 20 + len(elements), 1, 0, INT2, len(values), 1) + elements
