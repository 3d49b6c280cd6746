"""Who may do what: one group per role."""

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from compliance import desks
from compliance.models import Role, Staff

PERMISSIONS = dict(Staff._meta.permissions)
MAY = {
    Role.MARKETER: ("build_campaigns",),
    Role.EDITOR: ("review_texts",),
    Role.OFFICER: ("review_texts", "oversee", "serve_pages"),
    Role.ADMIN: (),  # a superuser; the database bars them from deciding texts
    Role.COUNSEL: (),  # no sign-in: only links made for one text
}
HOME = {
    Role.MARKETER: "console",
    Role.EDITOR: "review_queue",
    Role.OFFICER: "oversight",
    Role.ADMIN: "admin:index",
    Role.COUNSEL: "sign_in",
}


@transaction.atomic
def ensure() -> dict[Role, Group]:
    """Every role's group with exactly its permissions, made where missing; two queries where none is."""
    holder = ContentType.objects.get_for_model(Staff)
    found = {one.name: one for one in Group.objects.filter(name__in=MAY).prefetch_related("permissions")}
    return {
        role: found[role] if role in found and _is_as_told(found[role], codes, holder) else _told(role, codes, holder)
        for role, codes in MAY.items()
    }


def _is_as_told(group: Group, codes: tuple[str, ...], holder: ContentType) -> bool:
    return {(one.content_type_id, one.codename) for one in group.permissions.all()} == {
        (holder.pk, code) for code in codes
    }


def _told(role: Role, codes: tuple[str, ...], holder: ContentType) -> Group:
    """The group of a role, given these permissions and no other."""
    may = [
        Permission.objects.get_or_create(content_type=holder, codename=code, defaults={"name": PERMISSIONS[code]})[0]
        for code in codes
    ]
    group = Group.objects.get_or_create(name=role)[0]
    group.permissions.set(may)
    return group


@transaction.atomic
def hire(
    username: str, role: str, password: str, *, first_name: str = "", last_name: str = "", desk: str = desks.MAIN
) -> Staff:
    """A staff member with exactly the rights of `role`; one who exists gets the role and the password anew.

    desk: where a marketer sits; the other roles work for the whole firm.
    """
    is_admin = role == Role.ADMIN
    staff, _ = Staff.objects.get_or_create(username=username, defaults={"role": role})
    staff.role, staff.is_active = role, True
    staff.is_staff = staff.is_superuser = is_admin
    staff.first_name, staff.last_name = first_name or staff.first_name, last_name or staff.last_name
    staff.set_password(password)
    staff.save(update_fields=["role", "is_active", "is_staff", "is_superuser", "first_name", "last_name", "password"])
    seats = [desks.group(desk)] if role == Role.MARKETER else []
    staff.groups.set([ensure()[Role(role)], *seats])
    return staff
