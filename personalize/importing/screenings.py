"""What a register of people who want no sales calls said of our clients' numbers, from the bureau that asked it."""

from collections.abc import Sequence
from datetime import date, datetime

from compliance import calls
from compliance.calls import Screened
from compliance.models import CallScreening
from personalize import identity, ingest
from personalize.importing.table import Fault, Kind, Row, text

LISTED = {"1": True, "true": True, "yes": True, "listed": True, "0": False, "false": False, "no": False, "": None}
Named = tuple[str, Screened]  # user id, and the answer before the client is known


def kind(*, source: str, at: datetime) -> Kind[Named]:
    """How screenings are imported."""
    return Kind(
        "screenings",
        required=(("user_id", "userId"), ("register",), ("listed",), ("screened_on",)),
        optional=frozenset(),
        prefixes=(),
        check=lambda row: check(row, at=at),
        write=lambda clean: write(clean, source=source, at=at),
    )


def check(row: Row, *, at: datetime) -> Named:
    """The row's clean form. Raises Fault; what is neither yes nor no is a fault, never a no."""
    user_id = text(row, "user_id", "userId", longest=ingest.LONGEST_ID, required=True)
    register = text(row, "register", longest=8, required=True).lower()
    if register not in CallScreening.Register.values:
        raise Fault("register", f"must be one of {', '.join(CallScreening.Register.values)}")
    listed = LISTED.get(text(row, "listed", longest=8).lower())
    if listed is None:
        raise Fault("listed", "must be true or false")
    try:
        on = date.fromisoformat(text(row, "screened_on", longest=10, required=True))
    except ValueError:
        raise Fault("screened_on", "must be a day, like 2026-05-31") from None
    if on > at.date():
        raise Fault("screened_on", "is in the future")
    return user_id, Screened(0, register, listed, on)


def write(clean: Sequence[tuple[int, Named]], *, source: str, at: datetime) -> tuple[int, dict[int, Fault]]:
    """Keep what is said of known clients; how many answers are new."""
    known = identity.named([user_id for _, (user_id, _) in clean], create=False, at=at)
    faults, kept = {}, []
    for number, (user_id, one) in clean:
        if user_id not in known:
            faults[number] = Fault("user_id", "is no client of ours")
        else:
            kept.append(Screened(known[user_id], one.register, one.is_listed, one.on))
    return calls.keep(kept, source=source, by="system:import", at=at) if kept else 0, faults
