"""Deciding for one client who waits: read, choose, fill in, keep."""

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import numpy as np
from django.db import OperationalError, connection

from campaigns import assembly, choosing, explanations, reasons, wording
from campaigns.bulk import live as bulk
from campaigns.choosing import learned
from campaigns.combinations import rules
from campaigns.live import kept, told
from campaigns.live.kept import Kept, Text
from campaigns.models import Arm, MessageState
from campaigns.serving import Served
from campaigns.wellbeing import calm
from compliance import consent
from compliance.access import bearers
from compliance.models import Purpose
from personalize import features, profiles
from personalize.decide import reasons as why
from personalize.decide.values import FeatureTable

ARMS = (Arm.PERSONALISED, Arm.CONTROL, Arm.HOLDOUT)
TRIES = 2  # the run that fills a place may change once between a look and the reading


def decide(secret: bytes, *, user_id: str, placement: str, request: str, at: datetime) -> Served | None:
    """What this client sees in this place, decided and kept; None, and nothing written, for everything unusual.

    secret  the caller's token · request  its number in the ledger
    """
    place = kept.place(placement)
    here = place.kept or place.look()
    for _ in range(TRIES):
        if here is None:
            return None
        row = _read(here, secret, user_id=user_id, placement=placement, at=at)
        if row is None:
            return None
        if (row.run, row.seed, row.feature_version or 0) != (here.run, here.seed, here.version):
            here = place.look()
            continue
        if not row.may or row.used_at is None or at - row.used_at >= bearers.USED_EVERY:
            return None
        return _Decision(here, row, request=request, at=at).served()
    return None


def _read(here: Kept, secret: bytes, *, user_id: str, placement: str, at: datetime) -> Any:
    asked = {
        **here.limits, "token": hashlib.sha256(secret).digest(), "placement": placement, "user": user_id, "at": at,
    }  # fmt: skip
    try:
        return bulk.read(here.sql, asked)
    except OperationalError:
        connection.close()  # it was lost while nobody used it: the long way opens another
        return None


class _Decision:
    """One decision in the making: the run, the row that was read, and when."""

    def __init__(self, here: Kept, row: Any, *, request: str, at: datetime) -> None:
        self.here, self.row, self.request, self.at = here, row, request, at
        self.answers = dict(zip(bulk.ANSWERS, row.answers, strict=True))
        self.way = here.way(row.client, canary_stands=row.canary_stands)
        # A canary that does not stand answers nobody; what became of the plan's own model is not its affair.
        self.model_out = row.model_out if self.way is here.ways[0] else ""

    def served(self) -> Served | None:
        """The answer, kept; None where the long way has to say it."""
        plan, row = self.way.plan, self.row
        if row.feature_version is None or row.model_out == "gone":
            return None
        if self.answers["contact"] != "ok":
            return self._withheld(self.answers["contact"], consent.SENTENCES[self.answers["contact"]])
        if not row.is_cooled:
            return self._withheld("cooling_off", reasons.because("cooling_off"))
        if row.is_news and self.here.reads_profile:  # the rules would not see the news: the long way keeps it first
            return None
        decided = choosing.choose(self._facts(), seed=self.here.seed)
        if decided.arm[0] == choosing.HOLDOUT:
            return self._withheld("holdout", "Comparison group.")
        choice = decided.choice[0].tolist()
        if min(choice) < 0 or rules.broken(plan, decided.choice[0]):
            return None
        text = self.here.text(choice, ruled_at=row.ruled_at, at=self.at)
        if text is None:
            return None
        merge = self._merge()
        try:
            content = _content(text, merge)
        except (wording.MissingValue, wording.TooLong):
            return None
        message = uuid4()
        if not self._keep(message, decided, text, merge):
            return None
        return self._said(message, decided, text, content)

    def _facts(self) -> choosing.Facts:
        plan, row, at = self.way.plan, self.row, self.at
        if self.model_out:
            plan = choosing.out_of_force(plan, why=self.model_out)
        table = profiles.of_one(
            row.client, None if row.is_news else row.vector, version=row.feature_version,
            profiling=self._may("profiling"), sensitive=self._may("sensitive"), off=json.loads(row.signals_off), at=at,
        )  # fmt: skip
        circumstances = told.circumstances(row)
        is_calm = row.is_calm and plan["purpose"] != Purpose.SERVICE
        now = calm.closes(at=at) if is_calm else calm.NOTHING
        closed, known = self.here.closed(circumstances, row.unapproved, row.named, now=now, at=at)
        under = None if self.model_out else self.way.under
        return choosing.Facts(plan, table, known, closed, self._own(under, table) if under else None, under)

    def _own(self, under: learned.Bound, table: FeatureTable) -> np.ndarray:
        policy, row = under.policy, self.row
        width = learned.habit_width(policy)
        have = np.array([] if row.habit is None else [row.client], np.int64)
        vectors = np.frombuffer(((row.habit or b"") + bytes(4 * width))[: 4 * width], "<f4").reshape(1, width)
        habits = (have, np.array([row.habit_at] if len(have) else [], np.float64), vectors[: len(have)])
        return learned.seen(policy, table.ids, np.array([row.sends], np.float32), habits, at=self.at)

    def _merge(self) -> dict[str, Any]:
        return assembly.merge_of_one(
            self.row.first_name, told.values(self.row), profiling=self._may("profiling"),
            sensitive=self._may("sensitive"), measurement=self._may("measurement"),
        )  # fmt: skip

    def _may(self, purpose: str) -> bool:
        return bool(self.answers[purpose] == "ok")

    def _keep(self, message: UUID, decided: choosing.Decisions, text: Text, merge: dict[str, Any]) -> bool:
        row = {
            "id": message, "client_id": self.row.client, "channel": "web", "arm": ARMS[decided.arm[0]].value,
            "state": MessageState.SHOWN.value, "reason": "", "variant_id": text.variant, **decided.kept(0),
            "merge": msgspec.json.encode(merge).decode(), "decided_at": self.at,
        }  # fmt: skip
        return self._write(row, is_shown=True)

    def _write(self, row: dict[str, Any], *, is_shown: bool) -> bool:
        return bulk.keep(
            row, is_shown=is_shown, run=self.here.run, purpose=self.here.plan["purpose"],
            actor=f"staff:{self.row.caller}", request=self.request,
        )  # fmt: skip

    def _said(self, message: UUID, decided: choosing.Decisions, text: Text, content: dict[str, Any]) -> Served:
        plan, arm = self.way.plan, ARMS[decided.arm[0]]
        moved = explanations.left_out(decided.closed[0].tobytes())
        if arm == Arm.PERSONALISED:
            registry = features.registry_of(decided.feature_version)
            moved += why.sentences(decided.reasons[0].tolist(), decided.reason_values[0].tolist(), registry)
        return Served(
            message, plan["campaign"], content, text.blocks, float(decided.propensity[0]), decided.policy,
            plan["phase"] if decided.artefact else "rules", False, explanations.said(plan["purpose"], arm, moved), None,
        )  # fmt: skip

    def _withheld(self, rule: str, because: str) -> Served | None:
        plan, message = self.here.plan, uuid4()
        arm = Arm.HOLDOUT if rule == "holdout" else Arm.PERSONALISED
        row = {
            "id": message, "client_id": self.row.client, "channel": "web", "arm": arm.value,
            "state": MessageState.SUPPRESSED.value, "reason": rule, "variant_id": None, "choice": [], "closed": b"",
            "propensity": 1.0, "slot_propensity": [], "score": None, "policy": plan["policy"], "artefact_id": None,
            "reasons": [], "reason_values": [], "features": b"", "own": b"", "feature_version": 0, "merge": "{}",
            "decided_at": self.at,
        }  # fmt: skip
        if not self._write(row, is_shown=False):
            return None
        said = [{"rule": rule, "because": because}]
        return Served(message, plan["campaign"], None, [], 1.0, plan["policy"], plan["phase"], False, [], said)


def _content(text: Text, merge: dict[str, Any]) -> dict[str, Any]:
    """The words by slot for one client, and where the button leads. Raises MissingValue or TooLong."""
    content: dict[str, Any] = {}
    for slot, words, url in text.words:
        content[slot] = words.fill(merge, wording.as_text)
        if slot == "call_to_action":
            content["url"] = url
    return content
