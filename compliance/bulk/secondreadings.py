"""Who may read or settle a text of the blind sample, asked of the very functions that guard its table."""

from datetime import datetime

from django.db import connection

from compliance.models.review import CLAIM_LASTS


def next_for(person: int, *, at: datetime) -> int | None:
    """The oldest text that waits for this person, locked until the transaction ends; None where none does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select r.id from compliance_secondreading r where r.decided_at is null"
            " and (r.reader_id is null or r.taken_at <= %(before)s) and not %(person)s = any(r.seen_by)"
            " and not compliance_took_part(r, %(person)s) and compliance_is_fit_for(r, %(person)s, %(at)s)"
            " order by r.drawn_at, r.id limit 1 for update of r skip locked",
            {"person": person, "at": at, "before": at - CLAIM_LASTS},
        )
        found = cursor.fetchone()
    return found[0] if found else None


def bars(reading_id: int, person: int, *, at: datetime) -> tuple[bool, bool]:
    """Whether they took part in this text, and whether they lack what it takes to judge it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select compliance_took_part(r, %(person)s), not compliance_is_fit_for(r, %(person)s, %(at)s)"
            " from compliance_secondreading r where r.id = %(id)s",
            {"id": reading_id, "person": person, "at": at},
        )
        took_part, unfit = cursor.fetchone()
    return took_part, unfit


def without_reader(*, at: datetime) -> int:
    """How many texts wait that no editor at work may read: each wrote, saw or judged them, or is not fit for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from compliance_secondreading r where r.decided_at is null"
            " and (r.reader_id is null or r.taken_at <= %(before)s) and not exists ("
            " select from compliance_staff s where s.role = 'editor' and s.is_active and not s.is_superuser"
            " and not s.id = any(r.seen_by) and not compliance_took_part(r, s.id)"
            " and compliance_is_fit_for(r, s.id, %(at)s))",
            {"at": at, "before": at - CLAIM_LASTS},
        )
        return int(cursor.fetchone()[0])


def take_turns(campaign: str) -> None:
    """Until the transaction ends nobody else counts what this campaign should not have sent."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended('compliance.second:' || %s, 0))", [campaign])
