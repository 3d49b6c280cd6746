"""What may change about a person of ours: role, being let in, address, password, second step. Each is a deed."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from compliance import desks, ledger, roles
from compliance.access import visits
from compliance.models import Role, Staff


class NotYours(Exception):
    """Nobody changes their own role or shuts themselves out. Nothing was changed."""


class BadChange(Exception):
    """What was typed cannot be kept; the words say why. Nothing was changed."""


@transaction.atomic
def set_role(staff_id: int, *, role: str, by: Staff, at: datetime) -> Staff:
    """Give the role and exactly its rights; sessions and tokens of the old one end (by trigger). Raises NotYours."""
    staff = _other(staff_id, by)
    if role not in Role.values or Role.COUNSEL in (role, staff.role):
        raise BadChange("There is no such role for them.")
    if staff.role != role:
        is_admin = role == Role.ADMIN
        Staff.objects.filter(pk=staff.pk).update(role=role, is_staff=is_admin, is_superuser=is_admin)
        seats = list(staff.groups.filter(name__startswith=desks.PREFIX)) or [desks.group(desks.MAIN)]
        staff.groups.set([roles.ensure()[Role(role)], *(seats if role == Role.MARKETER else [])])
        facts = {"from": staff.role, "to": role}
        ledger.record("staff.role_changed", by=by, at=at, about=f"staff:{staff.pk}", facts=facts)
    return Staff.objects.get(pk=staff.pk)


@transaction.atomic
def let_in(staff_id: int, *, is_active: bool, by: Staff, at: datetime) -> bool:
    """Let the person in or out, at once; False when it was so already. Raises NotYours."""
    staff = _other(staff_id, by)
    if not Staff.objects.filter(pk=staff.pk, is_active=not is_active).update(is_active=is_active):
        return False
    kind = "staff.let_in" if is_active else "staff.shut_out"
    ledger.record(kind, by=by, at=at, about=f"staff:{staff.pk}", facts={})
    return True


@transaction.atomic
def forget_second_step(staff_id: int, *, by: Staff, at: datetime) -> int:
    """Take away a lost phone or key with its recovery codes, and end the person's visits; gives how many there were.

    Where the firm requires a second step the person adds a new one at the next sign-in. Raises NotYours.
    """
    staff = _other(staff_id, by)
    removed = Authenticator.objects.filter(user=staff).delete()[0]
    if removed:
        visits.end(staff)
        ledger.record("staff.second_step_reset", by=by, at=at, about=f"staff:{staff.pk}", facts={"removed": removed})
    return removed


@transaction.atomic
def set_address(staff: Staff, address: str, *, at: datetime) -> None:
    """Where notices and links for a new password go. Raises BadChange; an address is one person's alone."""
    address = address.strip().lower()
    if address:
        try:
            validate_email(address)
        except ValidationError:
            raise BadChange("That is no e-mail address.") from None
        if Staff.objects.filter(email__iexact=address).exclude(pk=staff.pk).exists():
            raise BadChange("That address cannot be used.")
    Staff.objects.filter(pk=staff.pk).update(email=address)
    ledger.record("staff.address_changed", by=staff, at=at, about=f"staff:{staff.pk}", facts={})


@transaction.atomic
def set_password(staff: Staff, password: str, *, by: Staff | str, at: datetime) -> None:
    """Keep a new password; every visit of the person ends (by trigger). Raises BadChange with each reason."""
    try:
        validate_password(password, staff)
    except ValidationError as why:
        raise BadChange(" ".join(why.messages)) from None
    staff.set_password(password)
    staff.save(update_fields=["password"])
    ledger.record("staff.password_changed", by=by, at=at, about=f"staff:{staff.pk}", facts={})


def note_second_step(staff: Staff, kind: str, *, at: datetime) -> None:
    """Put into the ledger that a second step was added or removed; what it is, never its secret."""
    ledger.record(f"staff.{kind}", by=staff, at=at, about=f"staff:{staff.pk}", facts={})


def _other(staff_id: int, by: Staff) -> Staff:
    if staff_id == by.pk:
        raise NotYours("Somebody else has to do that for you.")
    return Staff.objects.select_for_update().get(pk=staff_id)
