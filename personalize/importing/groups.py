"""Memberships of protected groups from a file, for testing alone; see `compliance.groups`."""

import math
import re
from collections.abc import Sequence
from datetime import datetime

from compliance import groups
from compliance.groups import Membership
from personalize import identity, ingest
from personalize.importing.table import Fault, Kind, Row, moment, text

ATTRIBUTE = re.compile(r"[a-z][a-z_]{0,39}")
Named = tuple[str, Membership]  # user id, and the membership before the client is known


def kind(*, source: str, at: datetime) -> Kind[Named]:
    """How memberships are imported."""
    return Kind(
        "groups",
        required=(("user_id", "userId"), ("attribute",), ("group",), ("basis",)),
        optional=frozenset({"probability", "consented_at"}),
        prefixes=(),
        check=lambda row: check(row, at=at),
        write=lambda clean: write(clean, source=source, at=at),
    )


def check(row: Row, *, at: datetime) -> Named:
    """The row's clean form. Raises Fault."""
    user_id = text(row, "user_id", "userId", longest=ingest.LONGEST_ID, required=True)
    attribute = text(row, "attribute", longest=40, required=True)
    if not ATTRIBUTE.fullmatch(attribute):
        raise Fault("attribute", "is a word of small letters and underscores")
    basis = text(row, "basis", longest=12, required=True)
    if basis not in groups.BASES:
        raise Fault("basis", f"must be one of {', '.join(groups.BASES)}")
    consented_at = moment(row, "consented_at", at=at)
    if basis == "volunteered" and consented_at is None:
        raise Fault("consented_at", "is needed: what a client volunteers may be used only as they agreed")
    probability = _probability(text(row, "probability", longest=24))
    if basis in groups.CERTAIN and probability != 1:
        raise Fault("probability", f"is 1 when the basis is {basis}")
    group = text(row, "group", longest=60, required=True)
    return user_id, Membership(0, attribute, group, probability, basis, consented_at)


def _probability(given: str) -> float:
    try:
        found = float(given or 1)
    except ValueError:
        raise Fault("probability", "is no number") from None
    if not (math.isfinite(found) and 0 <= found <= 1):
        raise Fault("probability", "lies between 0 and 1")
    return found


def write(clean: Sequence[tuple[int, Named]], *, source: str, at: datetime) -> tuple[int, dict[int, Fault]]:
    """Keep what is said of known clients; how many are new or changed."""
    known = identity.named([user_id for _, (user_id, _) in clean], create=False, at=at)
    faults, kept = {}, {}
    for number, (user_id, one) in clean:
        if user_id not in known:
            faults[number] = Fault("user_id", "is no client of ours")
            continue
        group = "" if one.basis in groups.CERTAIN else one.group  # the last one said of a person is the one that counts
        kept[known[user_id], one.attribute, group] = Membership(
            known[user_id], one.attribute, one.group, one.probability, one.basis, one.consented_at
        )
    return groups.put(list(kept.values()), source=source, at=at) if kept else 0, faults
