"""Who was found competent for which topic or product, until when, and what someone has an interest in."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from compliance import ledger
from compliance.models import Competence, Interest, ReviewItem, Staff

ANY = "*"


class NoEvidence(ValueError):
    """A competence needs a person other than oneself, an area, evidence and an end. Nothing was written."""


@transaction.atomic
def grant(
    staff: Staff, *, areas: Iterable[str], evidence: str, start: datetime, until: datetime, by: Staff, at: datetime
) -> list[Competence]:
    """Record that `by` found the person competent for these topics or products. Raises NoEvidence."""
    wanted = sorted(set(areas))
    if not evidence.strip() or not wanted or until <= start or staff.pk == by.pk:
        raise NoEvidence("Say for what, shown by what, and until when; nobody finds themselves competent.")
    made = [
        Competence.objects.create(
            staff=staff, area=one, evidence=evidence.strip(), valid_from=start, valid_until=until, granted_by=by
        )
        for one in wanted
    ]
    facts = {"areas": wanted, "evidence": evidence.strip(), "until": until.isoformat()}
    ledger.record("competence.granted", by=by, at=at, about=f"staff:{staff.pk}", facts=facts)
    return made


@transaction.atomic
def end(competence_id: int, *, by: Staff, at: datetime) -> bool:
    """End one competence at once; False when it had ended."""
    ended = Competence.objects.filter(pk=competence_id, ended_at=None).update(ended_at=at, ended_by=by)
    if ended:
        one = Competence.objects.get(pk=competence_id)
        ledger.record("competence.ended", by=by, at=at, about=f"staff:{one.staff_id}", facts={"area": one.area})
    return bool(ended)


def held(staff: Staff, *, at: datetime) -> QuerySet[Competence]:
    """The person's competences in date."""
    return Competence.objects.filter(staff=staff, valid_from__lte=at, valid_until__gt=at).filter(
        Q(ended_at=None) | Q(ended_at__gt=at)
    )


def missing(item: ReviewItem, staff: Staff, *, at: datetime) -> list[str]:
    """The topics and products of the item that the person is not competent for at `at`."""
    areas = {*item.topics, *item.products}
    if not areas:
        return []
    has = set(held(staff, at=at).filter(area__in=[*areas, ANY]).values_list("area", flat=True))
    return [] if ANY in has else sorted(areas - has)


@transaction.atomic
def declare(staff: Staff, *, about: str, why: str, at: datetime) -> Interest:
    """The person's own word that they have an interest in this; they decide nothing about it from now on."""
    if not about.strip() or not why.strip():
        raise NoEvidence("Say what you have an interest in, and which.")
    made = Interest.objects.create(staff=staff, about=about.strip(), why=why.strip(), declared_at=at)
    ledger.record("interest.declared", by=staff, at=at, about=f"staff:{staff.pk}", facts={"about": made.about})
    return made


def conflicted(item: ReviewItem, staff: Staff) -> bool:
    """Whether the person declared an interest in what the item is about."""
    about = {*item.topics, *item.products, item.snapshot.get("campaign"), item.snapshot.get("about")} - {None, ""}
    return Interest.objects.filter(staff=staff, ended_at=None, about__in=about).exists()
