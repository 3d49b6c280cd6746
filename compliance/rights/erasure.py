"""Erase a person: what may go goes, what the law keeps is sealed under their own key, and the key goes when it may.

The ledger is not touched: it holds hashes of personal values, salted with the client's secret, never the values. So
every proof goes on verifying, and without the secret nobody can try values against a hash.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.db import models, transaction
from django.db.models import Max, Q, QuerySet

from compliance import faults, ledger, suppression
from compliance.datamap import PersonalData, tables
from compliance.models import CampaignProduct, Channel, Client, Erasure, SealedValue, Staff, SubjectKey
from compliance.rights import holds, joined, log, retention, sealing

By = Staff | str
REPLAY = "repeated from the erasure log after a restore"
# An address or a key as a word of its own: the client 7 is not meant wherever there is a 7 in a number or a name.
ALONE = "(^|[^[:alnum:]_]){}($|[^[:alnum:]_])"


class AlreadyErased(Exception):
    """This client was erased before. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Line:
    """What erasing would do to one table: "delete", "blank", "seal" (kept for proof alone) or "keep"; and why.

    until  the day on which what is kept may go; None: no law ends it, or nothing is kept
    """

    table: str
    name: str
    why: str
    rows: int
    fate: str
    ground: str
    until: date | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A dry run: each table's fate and the holds that forbid it all."""

    lines: list[Line]
    holds: list[Any]

    @property
    def kept(self) -> list[Line]:
        """What the law keeps, and why."""
        return [one for one in self.lines if one.fate in ("seal", "keep")]

    @property
    def gone(self) -> list[Line]:
        """What goes at once."""
        return [one for one in self.lines if one.fate in ("delete", "blank")]


def plan(client_id: int, *, at: datetime) -> Plan:
    """What erasing this client would delete, what the law keeps and how long, and which holds stand in the way."""
    people = _people(client_id)
    lines = []
    for model, declared in _tables():
        rows = _rows(model, declared, people)
        if number := rows.count():
            fate = _fate(declared)
            ends = _ends(rows, declared, people, at) if fate == "seal" else None
            name = str(model._meta.verbose_name_plural)
            lines.append(Line(model._meta.label, name, declared.why, number, fate, declared.ground, ends))
    return Plan(lines, holds.over([one.pk for one in people]))


@transaction.atomic
def erase(client_id: int, *, why: str, by: By, at: datetime, number: UUID | None = None) -> Erasure:
    """Erase a client and every record that was joined with theirs, in one transaction, and log it outside.

    Nobody writes to an address of theirs again: a keyed hash of it stays. Raises holds.OnHold, AlreadyErased.
    number: of an erasure that the log outside the database already knows, so that it is not logged again
    """
    people = _locked(client_id)
    if all(one.erased_at for one in people):
        raise AlreadyErased(client_id)
    if held := holds.over([one.pk for one in people]):
        raise holds.OnHold(f"Hold {held[0].pk} keeps everything about this client: {held[0].reason}")
    person = next(one for one in people if one.pk == joined.survivor(client_id))
    for address in sorted(_addresses(people)):
        suppression.suppress(address, channel=Channel.EMAIL, reason="erased", source="erasure", by=by, at=at)
    work = [(model, declared, _rows(model, declared, people)) for model, declared in _tables()]
    counted = [(*one, one[2].count()) for one in work]
    done = Erasure.objects.create(
        pk=number or uuid4(), ref=person.ref, client=person, why=why[:200], by=ledger.actor(by), at=at
    )
    counts: dict[str, dict[str, int]] = {}
    ends: list[date | None] = []
    for model, declared, rows, many in counted:
        if not many:
            continue
        fate = _fate(declared)
        if fate == "delete":
            rows.delete()
        elif fate == "seal":
            ends.append(_ends(rows, declared, people, at))
            _seal(done, model, declared, rows)
        counts[model._meta.label] = {fate: many}
    names = Client.personal_data.fields
    Client.objects.filter(pk__in=[one.pk for one in people]).update(**_blanks(Client, names), erased_at=at)
    done.counts, done.kept = counts, sum(one.get("seal", 0) for one in counts.values())
    done.until = max(ends) if ends and all(ends) else None  # type: ignore[type-var]
    done.save(update_fields=["counts", "kept", "until"])
    facts = {"erasure": str(done.pk), "counts": counts, "until": done.until and done.until.isoformat()}
    ledger.record("client.erased", by=by, at=at, about=f"client:{person.pk}", facts=facts)
    if number is None:
        log.append(log.Line(done.pk, done.ref, "erased", at, _others(done, people)))
    if not done.kept:
        destroy(done, by=by, at=at, is_logged=number is not None)
    return done


@transaction.atomic
def destroy(erasure: Erasure, *, by: By, at: datetime, is_logged: bool = False) -> None:
    """Destroy the secret of an erased person: what was sealed and every salted hash is unreadable for ever.

    is_logged: the log outside knows it already. Raises holds.OnHold.
    """
    people = _people(erasure.client_id) if erasure.client_id else []
    ids = [one.pk for one in people]
    if held := holds.over(ids):
        raise holds.OnHold(f"Hold {held[0].pk} keeps everything about this client: {held[0].reason}")
    SealedValue.objects.filter(erasure=erasure).delete()
    SubjectKey.objects.filter(pk__in=ids).delete()
    Erasure.objects.filter(pk=erasure.pk).update(destroyed_at=at)
    facts = {"erasure": str(erasure.pk)}
    ledger.record("client.key_destroyed", by=by, at=at, about=f"client:{erasure.client_id}", facts=facts)
    if not is_logged:
        log.append(log.Line(erasure.pk, erasure.ref, "destroyed", at, _others(erasure, people)))


def due(*, at: datetime) -> QuerySet[Erasure]:
    """Erasures whose sealed rows no law keeps any longer."""
    return Erasure.objects.filter(destroyed_at=None, until__lt=at.date()).order_by("pk")


def destroy_due(*, at: datetime) -> int:
    """Destroy the secrets whose day has come and no hold keeps; how many."""
    keys = ((f"erasure:{one.pk}", partial(_destroyed, one, at=at)) for one in due(at=at))
    return sum(faults.each("erasure.destroy", keys, at=at).values())


def _destroyed(erasure: Erasure, *, at: datetime) -> bool:
    try:
        destroy(erasure, by=retention.BY, at=at)
    except holds.OnHold:
        return False
    return True


def replay(*, by: By, at: datetime) -> int:
    """After a restore: do again what the log outside says was done; how many deeds. Sending stays off until it is done.

    Nothing outside the database is written.
    Raises holds.OnHold where a hold binds in the backup; what was repeated before it stays.
    """
    again = log.missing()
    for line in again:
        with transaction.atomic():
            _repeat(line, by=by, at=at)
    return len(again)


def _repeat(line: log.Line, *, by: By, at: datetime) -> None:
    known = Erasure.objects.filter(pk=line.erasure).first()
    person = Client.objects.filter(ref=line.ref).first()
    if known is None and person is not None and person.erased_at is None:
        known = erase(person.pk, why=REPLAY, by=by, at=at, number=line.erasure)
    elif known is None:  # the backup is older than the client, or knows the erasure by another number
        known = Erasure.objects.create(
            pk=line.erasure, ref=line.ref, client=person, why=REPLAY, by=ledger.actor(by), at=at
        )
    # In a backup from before a merge the same person is there under other pseudonyms too.
    numbers = {uuid5(line.erasure, str(ref)): ref for ref in line.others}
    for number, ref in numbers.items():
        apart = Client.objects.filter(ref=ref, erased_at=None).first()
        if apart is not None:
            erase(apart.pk, why=REPLAY, by=by, at=at, number=number)
    if line.did == "destroyed":
        for one in Erasure.objects.filter(pk__in=[line.erasure, *numbers], destroyed_at=None).order_by("pk"):
            destroy(one, by=by, at=at, is_logged=True)


def _others(done: Erasure, people: list[Client]) -> tuple[UUID, ...]:
    return tuple(one.ref for one in people if one.ref != done.ref)


def _addresses(people: list[Client]) -> set[str]:
    """Every address of theirs that we know of: on their records, and on those of merges, which take one away."""
    ids, found = [one.pk for one in people], {one.email for one in people}
    for model, declared in tables():
        if declared.addresses:
            theirs = {f"{path}__in": ids for path in (declared.client, *declared.others)}
            for row in model._default_manager.filter(**theirs).values_list(*declared.addresses):
                found.update(row)
    return {one for one in found if one}


def _people(client_id: int) -> list[Client]:
    return list(Client.objects.filter(pk__in=joined.everyone([client_id])).order_by("pk"))


def _locked(client_id: int) -> list[Client]:
    """Every record of one person, held until the transaction ends; none was joined to them since."""
    held: list[Client] = []
    ids: set[int] = set()
    while ids != (found := joined.everyone([client_id])):
        ids, held = found, list(Client.objects.select_for_update().filter(pk__in=found).order_by("pk"))
    return held


def _tables() -> Iterator[tuple[type[models.Model], PersonalData]]:
    """Every declared table but the client's own, those that point at others before what they point at."""
    found = [(model, declared) for model, declared in tables() if declared.client != "self"]
    yield from sorted(found, key=lambda one: (-one[1].client.count("__"), one[0]._meta.label))


def _fate(declared: PersonalData) -> str:
    return "seal" if declared.on_erasure == "keep" and declared.fields else declared.on_erasure


def _rows(model: type[models.Model], declared: PersonalData, people: list[Client]) -> QuerySet[Any]:
    named = holds.client_rows(declared, [one.pk for one in people])
    for one in people:
        for text in (one.email, one.user_id) if not declared.client else ():
            for field in declared.fields if text else ():
                named |= Q(**{f"{field}__iregex": ALONE.format(re.escape(text))})
    return model._default_manager.filter(named)


def _seal(done: Erasure, model: type[models.Model], declared: PersonalData, rows: QuerySet[Any]) -> None:
    """Keep the personal fields of these rows sealed, and blank them where they stood."""
    key = model._meta.pk.attname  # type: ignore[union-attr]
    kept = list(rows.order_by("pk").values(key, *declared.fields))
    SealedValue.objects.create(
        erasure=done, client=done.client, table=model._meta.label, rows=len(kept),
        cipher=sealing.seal(done.client_id, model._meta.label, kept),  # type: ignore[arg-type]
    )  # fmt: skip
    rows.update(**_blanks(model, declared.fields))


def _blanks(model: type[models.Model], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _blank(model._meta.get_field(name)) for name in names}  # type: ignore[arg-type]


def _blank(field: models.Field) -> Any:
    if field.null:
        return None
    if isinstance(field, models.JSONField):
        return {}
    return b"" if isinstance(field, models.BinaryField) else ""


def _ends(rows: QuerySet[Any], declared: PersonalData, people: list[Client], at: datetime) -> date | None:
    """The last day on which the law keeps any of these rows; None when one is kept for ever."""
    stated = dict(CampaignProduct.objects.values_list("campaign", "product"))
    by = [declared.campaign] if declared.campaign else []
    ends = []
    for one in (
        rows.order_by().values(*by).annotate(newest=Max(declared.clock))
        if by
        else [{"newest": rows.aggregate(newest=Max(declared.clock))["newest"]}]
    ):
        product = stated.get(one.get(declared.campaign, ""), "")
        for place in sorted({person.jurisdiction for person in people}):
            day = retention.keep_until(
                (one["newest"] or at).date(), declared, jurisdiction=place, product=product, on=at.date()
            )
            if day is None:
                return None
            ends.append(day)
    return max(ends)
