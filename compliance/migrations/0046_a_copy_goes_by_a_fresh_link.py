"""A link to a copy of everything opens once, in half an hour, and is kept by the hash of what it holds."""

import django.db.models.deletion
from django.db import migrations, models

UP = """
select compliance_keep_images_of('compliance_copylink', 'id', '{secret}');
create function compliance_copylink_stands() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if (new.client_id, new.asked_at, new.until) is distinct from (old.client_id, old.asked_at, old.until)
        or (old.secret is not null and new.secret is distinct from old.secret)
        or (old.used_at is not null and new.used_at is distinct from old.used_at)
    then
        raise exception using errcode = 'check_violation', message = 'a_link_to_a_copy_opens_once',
            constraint = 'a_link_to_a_copy_opens_once', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger copylink_stands before update on compliance_copylink
    for each row execute function compliance_copylink_stands();
alter table compliance_copylink enable always trigger copylink_stands;
"""
DOWN = """
drop trigger copylink_stands on compliance_copylink;
drop function compliance_copylink_stands();
select compliance_keep_no_images_of('compliance_copylink');
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0045_a_hold_follows_every_merge")]
    operations = [
        migrations.CreateModel(
            name="CopyLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("secret", models.BinaryField(max_length=32, null=True, unique=True)),
                ("asked_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compliance.client"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("used_at", None),
                            models.Q(("secret__isnull", False), ("used_at__lt", models.F("until"))),
                            _connector="OR",
                        ),
                        name="a_link_to_a_copy_is_used_in_time",
                    )
                ]
            },
        ),
        migrations.RunSQL(UP, DOWN),
    ]
