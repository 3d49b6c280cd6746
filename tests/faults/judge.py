"""What must hold whatever broke, judged from the mail server's own notes and the rows: the letters of the programme."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.utils.timezone import now

from campaigns import runs
from campaigns.models import Message, Run, RunState
from compliance import ledger

TAKEN = ("taken", "taken-unsaid")


@dataclass
class Verdict:
    """Numbers that must be nought, and how many are in doubt against how many may be."""

    twice: int = 0
    lost: int = 0
    after_opt_out: int = 0
    untrue: int = 0
    uneven: int = 0
    unfinished: int = 0
    broken_ledger: int = 0
    in_doubt: int = 0
    may_be_in_doubt: int = 0
    counts: dict[str, object] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, int]:
        """What should not be, by name; empty when everything held."""
        wrong = {name: getattr(self, name) for name in
                 ("twice", "lost", "after_opt_out", "untrue", "uneven", "unfinished", "broken_ledger")}  # fmt: skip
        wrong["too_many_in_doubt"] = max(0, self.in_doubt - self.may_be_in_doubt)
        return {name: n for name, n in wrong.items() if n}


def notes(file: Path) -> list[tuple[float, str, UUID, str]]:
    """(when, address, message, what the server did) of every message it answered for."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        when, address, key, deed = line.split(" ")
        found.append((float(when), address, UUID(key), deed))
    return found


def judge(
    run: Run, file: Path, *, opted_out: dict[int, datetime], uneven: int, may_be_in_doubt: int, seal: bool = True
) -> Verdict:
    """opted_out: client -> a moment not before their opt-out was committed."""
    run.refresh_from_db()
    arrived = Counter(key for _, _, key, deed in notes(file) if deed in TAKEN)
    rows = list(Message.objects.filter(run=run).values_list("pk", "client_id", "state", "intent_at"))
    counts = runs.counts(run.pk)
    state = {pk: one for pk, _, one, _ in rows}
    sent = {pk for pk, one in state.items() if one == "sent"}
    doubt = {pk for pk, one in state.items() if one == "unconfirmed"}
    late = {
        pk
        for pk, client, _, intent in rows
        if pk in arrived and client in opted_out and (intent is None or intent > opted_out[client])
    }
    verdict = Verdict(
        twice=sum(n - 1 for n in arrived.values() if n > 1),
        lost=counts.audience
        - len(rows)
        + sum(one in ("pending", "claimed", "intent", "held") for one in state.values()),
        after_opt_out=len(late),
        untrue=len(sent - set(arrived)) + len(set(arrived) - sent - doubt),
        uneven=uneven + (not counts.adds_up),
        unfinished=run.state != RunState.FINISHED,
        in_doubt=len(doubt),
        may_be_in_doubt=may_be_in_doubt,
        counts=counts.facts(),
    )
    if seal:
        while ledger.seal(at=now()) is not None:
            pass
        verdict.broken_ledger = bool(ledger.verify().fault)
    return verdict
