"""What a rule finds in words that were judged before it: kept, and put back before a reviewer once."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

UP = """
create function compliance_guard_latefinding() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.put_back_at is not null
        or (to_jsonb(new) - 'put_back_at') is distinct from (to_jsonb(old) - 'put_back_at')
    then
        perform review_refuse('a_late_finding_is_put_back_once', 'compliance_latefinding');
    end if;
    return new;
end $$;

create trigger guard_latefinding before update or delete on compliance_latefinding
    for each row execute function compliance_guard_latefinding();
create trigger never_truncated before truncate on compliance_latefinding
    for each statement execute function compliance_only_added_to();
alter table compliance_latefinding enable always trigger guard_latefinding;
alter table compliance_latefinding enable always trigger never_truncated;
comment on table compliance_latefinding is 'application may select, insert, update';
select compliance_keep_images_of('compliance_latefinding', 'id', '{quote}');
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0031_copy_rules_are_enacted_by_two")]
    operations = [
        migrations.CreateModel(
            name="LateFinding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("part", models.CharField(max_length=40)),
                ("start", models.PositiveIntegerField()),
                ("end", models.PositiveIntegerField()),
                ("quote", models.TextField(blank=True)),
                ("found_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("put_back_at", models.DateTimeField(null=True)),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="late_findings",
                        to="compliance.reviewitem",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="late_findings",
                        to="compliance.copyrule",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "item", "part", "start"), name="a_late_finding_is_made_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(end__gte=F("start")), name="a_late_finding_ends_after_it_starts"
                    ),
                ],
                "indexes": [models.Index(condition=Q(put_back_at=None), fields=["due_at"], name="late_findings_due")],
            },
        ),
        migrations.RunSQL(UP, migrations.RunSQL.noop),
    ]
