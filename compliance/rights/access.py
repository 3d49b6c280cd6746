"""All we hold about one person as one zip: `data.json` for a program, `README.html` to be read (GDPR Art. 15, 20)."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.template.loader import render_to_string

from compliance import ledger, matrix
from compliance.datamap import PersonalData, tables
from compliance.models import Client, Staff
from compliance.packet import plain
from compliance.packet_archive import put
from compliance.rights import holds, joined, retention

By = Staff | str
SHOWN = 500  # rows of a table told in README.html; data.json has all
OURS = ("compliance.Hold", "compliance.SealedValue", "compliance.Erasure")  # what we hold against ourselves


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of what we hold: its rows, why we hold it and how long.

    shown  what README.html tells of each row, as (name, value) pairs
    """

    name: str
    why: str
    keeps: str
    rows: list[dict[str, Any]]
    shown: list[list[tuple[str, Any]]]


def pack(client_id: int, *, by: By, at: datetime, told: Sequence[Part] = ()) -> bytes:
    """The zip; that it was made, for whom and its contents' size is in the ledger.

    told  parts that other packages know how to tell, before the tables as they stand
    """
    person = Client.objects.get(pk=client_id)
    parts = [*told, *_tables(client_id, at)]
    lines = matrix.matrix(client_id, at)
    answers = [
        {"question": f"{one.purpose.label}, {one.channel.label}", "answer": one.client_sentence} for one in lines
    ]
    holder = {"firm": settings.FIRM["legal_name"], "made_at": at, "ref": person.ref, "consents": answers}
    data = holder | {"parts": [{"name": one.name, "why": one.why, "rows": one.rows} for one in parts]}
    shown = holder | {"parts": parts, "client": person, "firm": settings.FIRM, "most": SHOWN}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        put(archive, "data.json", [json.dumps(data, default=plain, indent=1, ensure_ascii=False).encode()])
        put(archive, "README.html", [render_to_string("rights/access.html", shown).encode()])
    facts = {"parts": {one.name: len(one.rows) for one in parts}}
    ledger.record("access.packed", by=by, at=at, about=f"client:{client_id}", facts=facts)
    return target.getvalue()


def _tables(client_id: int, at: datetime) -> list[Part]:
    parts, people = [], joined.everyone([client_id])
    for model, declared in tables():
        if model._meta.label in OURS or not declared.client or declared.client.endswith("_ids"):
            continue
        names = [one.attname for one in model._meta.concrete_fields]
        rows = list(model._default_manager.filter(holds.client_rows(declared, people)).order_by("pk").values(*names))
        if rows:
            parts.append(_part(model, declared, rows, at))
    return parts


def _part(model: type[models.Model], declared: PersonalData, rows: list[dict[str, Any]], at: datetime) -> Part:
    # A number of ours and a vector tell a person nothing; data.json has them.
    telling = [
        one
        for one in model._meta.concrete_fields
        if not isinstance(one, models.BinaryField | models.ForeignKey | models.AutoField | models.UUIDField)
    ]
    empty: tuple[Any, ...] = (None, "", {}, [])
    shown = [
        [(str(one.verbose_name), row[one.attname]) for one in telling if row[one.attname] not in empty]
        for row in rows[:SHOWN]
    ]
    return Part(str(model._meta.verbose_name_plural), declared.why, _keeps(declared, at), rows, shown)


def _keeps(declared: PersonalData, at: datetime) -> str:
    rules = retention.in_force(on=at.date()).filter(record=declared.record) if declared.record else []
    longest = max((one.months or 0 for one in rules), default=0)
    days = declared.keep_days or 0
    if not days and not longest:
        return "as long as you are our client"
    months = max(longest, round(days / 30.4))
    return f"{months} months, or longer where the law says so" if months < 24 else f"up to {-(-months // 12)} years"
