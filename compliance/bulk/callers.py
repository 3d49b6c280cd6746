"""Who asks over the API, as part of a larger statement."""

from collections.abc import Sequence

from django.contrib.auth.models import Permission

# The staff member behind a token (%(token)s is its SHA-256) and whether they hold one of %(needs)s and the token was
# given for it: what `access.bearers.find` and `api.base.HoldsOne` ask row by row. No row where it opens nothing.
# %(permits)s are the numbers of the permissions called %(needs)s, in their order (`permits`).
CALLER = """
select s.id as caller, u.at as used_at, k.scopes && %(needs)s::varchar[] and (s.is_superuser or exists (
        select from compliance_staff_groups sg
        join auth_group_permissions gp on gp.group_id = sg.group_id
        where sg.staff_id = s.id
        and (%(needs)s::text[])[array_position(%(permits)s::int4[], gp.permission_id)] = any(k.scopes)
    ) or exists (
        select from compliance_staff_user_permissions up
        where up.staff_id = s.id
        and (%(needs)s::text[])[array_position(%(permits)s::int4[], up.permission_id)] = any(k.scopes)
    )) as may
from compliance_apitoken k
join compliance_staff s on s.id = k.staff_id and s.is_active and s.standing = k.standing
left join compliance_apitokenuse u on u.token_id = k.id
where k.sha256 = %(token)s
and k.revoked_at is null
and (k.expires_at is null or k.expires_at > %(at)s)
"""


def permits(needs: Sequence[str]) -> list[int]:
    """The numbers of these permissions, in order; 0, which nobody holds, for one that there is not.

    They are given once, when roles are made; whoever keeps them past that lets nobody in.
    """
    ours = Permission.objects.filter(content_type__app_label="compliance", codename__in=needs)
    found = dict(ours.values_list("codename", "pk"))
    return [found.get(one, 0) for one in needs]
