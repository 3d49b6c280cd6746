"""How long each kind of record is kept, by place and product, and the nightly sweep that lets go what is due.

A row goes when the table's own days and every law that applies have run out and no hold keeps it: the longest wins.
"""

import json
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import make_aware

from compliance import faults, ledger
from compliance.datamap import PersonalData, tables
from compliance.models import CampaignProduct, Jurisdiction, RetentionRule, Staff
from compliance.rights import holds

SHIPPED = Path(__file__).with_name("periods.json")
SINCE = date(2026, 1, 1)
BATCH = 10_000  # rows a transaction deletes at most
MANY = 100_000  # rows that a plan counts at most
BY = "system:retention"


@dataclass(frozen=True, slots=True)
class Due:
    """What the sweep would do to one table: rows that go, rows that are due and held; rules: how many apply.

    Counted up to MANY: what is more is MANY + 1.
    """

    table: str
    name: str
    why: str
    keep_days: int | None
    rules: int
    goes: int
    held: int


@transaction.atomic
def ensure() -> int:
    """Add the periods that the package ships and that are missing, and say how many."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return sum(RetentionRule.objects.get_or_create(**one, valid_from=SINCE)[1] for one in shipped)


@transaction.atomic
def state_product(campaign: str, product: str, *, by: Staff, at: datetime) -> None:
    """Say what a campaign promotes, so that its records are kept for the product's own period."""
    asked = {"product": RetentionRule.Product(product), "recorded_by": by, "recorded_at": at}
    CampaignProduct.objects.update_or_create(campaign=campaign, defaults=asked)
    ledger.record("product.stated", by=by, at=at, about=f"campaign:{campaign}", facts={"product": product})


def in_force(*, on: date) -> QuerySet[RetentionRule]:
    """The rules of a day."""
    return RetentionRule.objects.filter(Q(valid_to=None) | Q(valid_to__gt=on), valid_from__lte=on)


def until(record: str, started: date, *, jurisdiction: str, product: str, on: date) -> date | None:
    """The day on which a record may go by law, the longest of all rules; None when one of them never ends.

    A product nobody stated ("") counts as the longest of those that end.
    """
    ends = [_end(one, started) for one in _applying(in_force(on=on), record, jurisdiction, product)]
    if any(one is None for one in ends):
        return None
    return max((one for one in ends if one), default=started)


def keep_until(started: date, declared: PersonalData, *, jurisdiction: str, product: str, on: date) -> date | None:
    """The day on which a table's row may go: by law, and never before the table's own days."""
    own = started + timedelta(days=declared.keep_days or 0)
    law = until(declared.record, started, jurisdiction=jurisdiction, product=product, on=on)
    return None if law is None else max(law, own)


def plan(*, at: datetime) -> list[Due]:
    """What the sweep would let go now, and what holds keep: a dry run. Writes nothing."""
    return [_due(model, declared, at) for model, declared in _swept()]


def sweep(*, at: datetime) -> dict[str, int]:
    """Let go what the plan says, a batch a transaction, and record how much of what by which rules. Safe to repeat.

    A table that fails keeps no other one; what was let go of it before stays gone.
    """
    swept = ((f"table:{model._meta.label}", partial(_let_go, model, declared, at)) for model, declared in _swept())
    gone = faults.each("retention.sweep", swept, at=at)
    return {about.removeprefix("table:"): rows for about, rows in gone.items() if rows}


def _let_go(model: type[models.Model], declared: PersonalData, at: datetime) -> int:
    due, about, deleted = _rows(model, declared, at), f"table:{model._meta.label}", 0
    while True:
        with transaction.atomic():
            batch = list(due.exclude(holds.binding_rows(declared)).order_by("pk").values_list("pk", flat=True)[:BATCH])
            if not batch:
                return deleted
            model._default_manager.filter(pk__in=batch).delete()
            rules = sorted(one.pk for one in _rules(declared, at.date()))
            facts = {"table": model._meta.label, "rows": len(batch), "rules": rules, "keep_days": declared.keep_days}
            ledger.record("retention.let_go", by=BY, at=at, about=about, facts=facts)
            deleted += len(batch)


def _swept() -> Iterator[tuple[type[models.Model], PersonalData]]:
    """Tables with a clock, those that point at others before what they point at."""
    found = [(model, declared) for model, declared in tables() if declared.clock and declared.keep_days is not None]
    yield from sorted(found, key=lambda one: (-one[1].client.count("__"), one[0]._meta.label))


def _due(model: type[models.Model], declared: PersonalData, at: datetime) -> Due:
    due = _rows(model, declared, at)
    kept = holds.binding_rows(declared)
    return Due(
        table=model._meta.label,
        name=str(model._meta.verbose_name_plural),
        why=declared.why,
        keep_days=declared.keep_days,
        rules=len(_rules(declared, at.date())),
        goes=due.exclude(kept).order_by()[: MANY + 1].count(),
        held=due.filter(kept).order_by()[: MANY + 1].count(),
    )


def _rows(model: type[models.Model], declared: PersonalData, at: datetime) -> QuerySet[Any]:
    """Rows of a table whose every period has run out, and that nothing points at any more; holds not yet heeded."""
    rules, on, due = list(in_force(on=at.date())), at.date(), Q(pk__in=[])
    own = on - timedelta(days=declared.keep_days or 0)
    if not declared.record or not declared.client:
        due = _before(declared, own)
    else:  # what nobody's name stands on has no place either
        due = Q(**{f"{declared.client}__isnull": True}) & _before(declared, own)
    for place in Jurisdiction.values if declared.record else ():
        here = Q(**{f"{declared.client}__jurisdiction": place})
        stated = dict(CampaignProduct.objects.values_list("campaign", "product")) if declared.campaign else {}
        for product in sorted({"", *stated.values()}):
            ends = [_latest(one, on) for one in _applying(rules, declared.record, place, product)]
            if any(one is None for one in ends):
                continue
            latest = min([own, *(one for one in ends if one)])
            due |= here & _of(declared, product, stated) & _before(declared, latest)
    found = model._default_manager.filter(due)
    for relation in model._meta.related_objects:
        if relation.on_delete is models.PROTECT:  # type: ignore[attr-defined]
            others = relation.related_model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
            found = found.exclude(Exists(others))
    return found


def _of(declared: PersonalData, product: str, stated: dict[str, str]) -> Q:
    if not declared.campaign:
        return Q()
    if product:
        return Q(**{f"{declared.campaign}__in": sorted(name for name, one in stated.items() if one == product)})
    return ~Q(**{f"{declared.campaign}__in": sorted(stated)}) if stated else Q()


def _before(declared: PersonalData, day: date) -> Q:
    return Q(**{f"{declared.clock}__lt": make_aware(datetime.combine(day, time.min))})


def _rules(declared: PersonalData, on: date) -> list[RetentionRule]:
    return list(in_force(on=on).filter(record=declared.record).order_by("jurisdiction", "product", "pk"))


def _applying(rules: Iterable[RetentionRule], record: str, place: str, product: str) -> list[RetentionRule]:
    here = [one for one in rules if one.record == record and one.jurisdiction in ("", place)]
    if product:
        return [one for one in here if one.product in ("", product)]
    return [one for one in here if not one.product or one.months is not None]


def _end(rule: RetentionRule, started: date) -> date | None:
    if rule.months is None:
        return None
    return later(date(started.year, 12, 31) if rule.from_year_end else started, rule.months)


def _latest(rule: RetentionRule, on: date) -> date | None:
    """Rows from before this day have outlived the rule; None when none ever does."""
    if rule.months is None:
        return None
    back = later(on, -rule.months)
    return date(back.year, 1, 1) if rule.from_year_end else back


def later(day: date, months: int) -> date:
    """The same day so many months later, or the month's last one."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
