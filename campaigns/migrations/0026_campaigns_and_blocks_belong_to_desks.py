"""Campaigns and blocks are their desks'."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A new row is its owner's desks', however it was made. Permissions are made after all migrations: before that there
# are no rows to grant but those of a firm that is updated, which `FORMER` looks after.
UP = """
create function campaigns_grant_to_desks() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    execute format(
        $insert$
        insert into %I (content_object_id, group_id, permission_id)
        select $1, g.id, p.id from compliance_staff_groups s join auth_group g on g.id = s.group_id
        join auth_permission p on p.codename = $3 where s.staff_id = $2 and starts_with(g.name, 'desk: ')
        $insert$, tg_argv[0]
    ) using new.id, new.owner_id, tg_argv[1];
    return null;
end $$;
create trigger granted_to_desks after insert on campaigns_campaign
    for each row execute function campaigns_grant_to_desks('campaigns_campaigndeskgrant', 'work_on_campaign');
alter table campaigns_campaign enable always trigger granted_to_desks;
create trigger granted_to_desks after insert on campaigns_block
    for each row execute function campaigns_grant_to_desks('campaigns_blockdeskgrant', 'work_on_block');
alter table campaigns_block enable always trigger granted_to_desks;
"""
DOWN = """
drop trigger granted_to_desks on campaigns_block;
drop trigger granted_to_desks on campaigns_campaign;
drop function campaigns_grant_to_desks();
"""
TABLES = (
    "campaigns_campaigndeskgrant",
    "campaigns_campaignpersongrant",
    "campaigns_blockdeskgrant",
    "campaigns_blockpersongrant",
)
# Everybody who built campaigns before there were desks sits at the main one, which has all that was built.
FORMER = """
insert into auth_group (name) select 'desk: main' where exists (select from compliance_staff) on conflict do nothing;
insert into compliance_staff_groups (staff_id, group_id)
select s.id, g.id from compliance_staff s, auth_group g where s.role = 'marketer' and g.name = 'desk: main';
insert into django_content_type (app_label, model)
select 'campaigns', m from (values ('campaign'), ('block')) v (m) where exists (select from compliance_staff)
on conflict do nothing;
insert into auth_permission (content_type_id, codename, name)
select id, 'work_on_' || model, 'Can change this ' || model from django_content_type
where app_label = 'campaigns' and model in ('campaign', 'block') and exists (select from compliance_staff)
on conflict do nothing;
insert into campaigns_campaigndeskgrant (content_object_id, group_id, permission_id)
select c.id, g.id, p.id from campaigns_campaign c, auth_group g, auth_permission p
where g.name = 'desk: main' and p.codename = 'work_on_campaign';
insert into campaigns_blockdeskgrant (content_object_id, group_id, permission_id)
select b.id, g.id, p.id from campaigns_block b, auth_group g, auth_permission p
where g.name = 'desk: main' and p.codename = 'work_on_block';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("campaigns", "0025_a_lab_answers_questions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="block",
            options={"permissions": [("work_on_block", "Can change this block")]},
        ),
        migrations.AlterModelOptions(
            name="campaign",
            options={"permissions": [("work_on_campaign", "Can see and change this campaign")]},
        ),
        migrations.CreateModel(
            name="BlockDeskGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="campaigns.block"),
                ),
                ("group", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.group")),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
            ],
            options={
                "abstract": False,
                "unique_together": {("group", "permission", "content_object")},
            },
        ),
        migrations.CreateModel(
            name="BlockPersonGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="campaigns.block"),
                ),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "abstract": False,
                "unique_together": {("user", "permission", "content_object")},
            },
        ),
        migrations.CreateModel(
            name="CampaignDeskGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="campaigns.campaign"),
                ),
                ("group", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.group")),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
            ],
            options={
                "abstract": False,
                "unique_together": {("group", "permission", "content_object")},
            },
        ),
        migrations.CreateModel(
            name="CampaignPersonGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="campaigns.campaign"),
                ),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "abstract": False,
                "unique_together": {("user", "permission", "content_object")},
            },
        ),
        *(
            migrations.RunSQL(
                f"select compliance_keep_images_of('{table}', 'id', '{{}}')",
                f"select compliance_keep_no_images_of('{table}')",
            )
            for table in TABLES
        ),
        migrations.RunSQL(UP, DOWN),
        migrations.RunSQL(FORMER, migrations.RunSQL.noop),
    ]
