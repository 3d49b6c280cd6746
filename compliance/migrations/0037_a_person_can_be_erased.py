"""A person can be erased: that it was done stays, what the law keeps is sealed, and the key to it is destroyed."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

UP = """
comment on table compliance_erasure is 'application may select, insert, update';
comment on table compliance_sealedvalue is 'application may select, insert, delete';
select compliance_keep_images_of('compliance_erasure', 'id', '{}');
select compliance_keep_images_of('compliance_sealedvalue', 'id', '{cipher}');
create trigger never_truncated before truncate on compliance_erasure
    for each statement execute function compliance_only_added_to();
alter table compliance_erasure enable always trigger never_truncated;
create trigger a_hold_wins after delete on compliance_sealedvalue referencing old table as gone
    for each statement execute function compliance_hold_wins();
alter table compliance_sealedvalue enable always trigger a_hold_wins;
"""
DOWN = """
drop trigger a_hold_wins on compliance_sealedvalue;
drop trigger never_truncated on compliance_erasure;
select compliance_keep_no_images_of('compliance_sealedvalue');
select compliance_keep_no_images_of('compliance_erasure');
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0036_records_have_periods_and_holds")]
    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("ref", models.UUIDField(db_index=True)),
                ("why", models.CharField(max_length=200)),
                ("by", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("counts", models.JSONField(default=dict)),
                ("kept", models.PositiveIntegerField(default=0)),
                ("until", models.DateField(null=True)),
                ("destroyed_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compliance.client"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SealedValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=80)),
                ("rows", models.PositiveIntegerField()),
                ("cipher", models.BinaryField()),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compliance.client"
                    ),
                ),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sealed", to="compliance.erasure"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(("why", ""), _negated=True), name="no_erasure_without_a_reason"
            ),
        ),
        migrations.RunSQL(UP, DOWN),
    ]
