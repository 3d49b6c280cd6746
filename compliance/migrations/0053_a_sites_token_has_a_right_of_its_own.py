"""A firm's site has its pages filled by a token that may do nothing else; officers give it."""

from django.db import migrations

# Django makes permissions after migrations: a firm that is in use needs this one with its officers at once.
GIVE = """
insert into auth_permission (content_type_id, codename, name)
select id, 'serve_pages', 'Can have pages filled, whatever chose the words, and nothing else'
from django_content_type
where app_label = 'compliance' and model = 'staff'
on conflict do nothing;
insert into auth_group_permissions (group_id, permission_id)
select g.id, p.id
from auth_group g
cross join auth_permission p
where g.name = 'officer' and p.codename = 'serve_pages'
on conflict do nothing;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0052_clients_are_spared_and_certified"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="staff",
            options={
                "permissions": [
                    ("build_campaigns", "Can build, preview, launch and stop campaigns"),
                    ("review_texts", "Can claim, approve and reject texts"),
                    ("oversee", "Can read everything, export packets and verify the ledger"),
                    ("serve_pages", "Can have pages filled, whatever chose the words, and nothing else"),
                    ("manage_staff", "Can change roles, let people in and out, and take back their tokens"),
                ]
            },
        ),
        migrations.RunSQL(GIVE, migrations.RunSQL.noop),
    ]
