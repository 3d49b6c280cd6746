"""Who asks over the API, as part of a larger statement."""

# The staff member behind a token (%(token)s is its SHA-256) and whether they hold one of %(needs)s and the token was
# given for it: what `access.bearers.find` and `api.base.HoldsOne` ask row by row. No row where it opens nothing.
CALLER = """
select s.id as caller, u.at as used_at, k.scopes && %(needs)s::varchar[] and (s.is_superuser or exists (
        select from auth_permission p
        join django_content_type y on y.id = p.content_type_id and y.app_label = 'compliance'
        where p.codename = any(%(needs)s::text[])
        and p.codename = any(k.scopes)
        and (exists (
            select from auth_group_permissions gp
            join compliance_staff_groups sg on sg.group_id = gp.group_id
            where gp.permission_id = p.id and sg.staff_id = s.id
        ) or exists (
            select from compliance_staff_user_permissions up where up.permission_id = p.id and up.staff_id = s.id
        ))
    )) as may
from compliance_apitoken k
join compliance_staff s on s.id = k.staff_id and s.is_active and s.standing = k.standing
left join compliance_apitokenuse u on u.token_id = k.id
where k.sha256 = %(token)s
and k.revoked_at is null
and (k.expires_at is null or k.expires_at > %(at)s)
"""
