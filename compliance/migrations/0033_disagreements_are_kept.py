"""That a reviewer held a finding to be wrong is kept for good, by somebody who may decide texts."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

UP = """
create function compliance_guard_disagreement() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op <> 'INSERT' then
        perform review_refuse('a_disagreement_is_never_changed', 'compliance_disagreement');
    end if;
    if not exists (
        select from compliance_staff s
        where s.id = new.by_id and s.is_active and not s.is_superuser and s.role in ('editor', 'officer')
    ) then
        perform review_refuse('only_reviewers_disagree_with_a_finding', 'compliance_disagreement');
    end if;
    return new;
end $$;

create trigger guard_disagreement before insert or update or delete on compliance_disagreement
    for each row execute function compliance_guard_disagreement();
create trigger never_truncated before truncate on compliance_disagreement
    for each statement execute function compliance_only_added_to();
alter table compliance_disagreement enable always trigger guard_disagreement;
alter table compliance_disagreement enable always trigger never_truncated;
comment on table compliance_disagreement is 'application may select, insert';
select compliance_keep_images_of('compliance_disagreement', 'id', '{text,quote}');
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0032_later_rules_find_approved_words")]
    operations = [
        migrations.CreateModel(
            name="Disagreement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(max_length=40)),
                ("version", models.PositiveIntegerField(null=True)),
                ("part", models.CharField(max_length=40)),
                ("start", models.PositiveIntegerField()),
                ("end", models.PositiveIntegerField()),
                ("quote", models.TextField(blank=True)),
                ("text", models.TextField()),
                ("style", models.CharField(max_length=12)),
                ("market", models.CharField(blank=True, max_length=2)),
                ("why", models.CharField(max_length=300)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disagreements",
                        to="compliance.reviewitem",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("item", "rule", "part", "start", "by"),
                        name="one_disagreement_per_finding_and_person",
                    ),
                    models.CheckConstraint(condition=~Q(why=""), name="a_disagreement_says_why"),
                ],
                "indexes": [models.Index(fields=["rule", "version"], name="disagreements_of_a_rule")],
            },
        ),
        migrations.RunSQL(UP, migrations.RunSQL.noop),
    ]
