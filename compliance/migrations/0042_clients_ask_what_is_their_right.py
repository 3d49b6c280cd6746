"""A client's requests are kept: only ever moved on, never deleted before their time, imaged without their words."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UP = """
select compliance_keep_images_of('compliance_asked', 'id', '{words,answer,known_how}');
create function compliance_asked_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if (new.client_id, new.kind, new.received_at) is distinct from (old.client_id, old.kind, old.received_at)
        or old.closed_at is not null and (new.closed_at, new.proof, new.is_refused)
            is distinct from (old.closed_at, old.proof, old.is_refused)
    then
        raise exception using errcode = 'check_violation', message = 'a_closed_request_stands',
            constraint = 'a_closed_request_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger asked_stands before update on compliance_asked
    for each row execute function compliance_asked_stands();
alter table compliance_asked enable always trigger asked_stands;
"""
DOWN = """
drop trigger asked_stands on compliance_asked;
drop function compliance_asked_stands();
select compliance_keep_no_images_of('compliance_asked');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0041_a_client_may_be_restricted"),
    ]

    operations = [
        migrations.CreateModel(
            name="Asked",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "A copy of their data"),
                            ("portability", "Their data to take elsewhere"),
                            ("rectification", "A correction"),
                            ("restriction", "That we stop using their data"),
                            ("erasure", "That we erase them"),
                            ("objection", "No marketing and no profiling for it"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "jurisdiction",
                    models.CharField(
                        choices=[("UK", "United Kingdom"), ("EU", "European Union"), ("US", "United States")],
                        max_length=2,
                    ),
                ),
                ("came_by", models.CharField(max_length=40)),
                ("words", models.TextField(blank=True)),
                ("received_at", models.DateTimeField()),
                ("due_on", models.DateField()),
                ("source", models.CharField(max_length=120)),
                ("known_at", models.DateTimeField(null=True)),
                ("known_how", models.CharField(blank=True, max_length=200)),
                ("extended_why", models.CharField(blank=True, max_length=300)),
                ("extended_at", models.DateTimeField(null=True)),
                ("answer", models.TextField(blank=True)),
                ("is_refused", models.BooleanField(default=False)),
                ("closed_at", models.DateTimeField(null=True)),
                ("proof", models.BigIntegerField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="asked", to="compliance.client"
                    ),
                ),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "known_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "request",
                "verbose_name_plural": "requests",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("proof", None)),
                            models.Q(
                                ("closed_by__isnull", False),
                                ("proof__isnull", False),
                                models.Q(
                                    ("known_at__isnull", False),
                                    ("is_refused", True),
                                    ("kind", "objection"),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="nobody_is_answered_before_they_are_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("extended_at", None), models.Q(("extended_why", ""), _negated=True), _connector="OR"
                        ),
                        name="no_extension_without_a_reason",
                    ),
                ],
            },
        ),
        migrations.RunSQL(UP, DOWN),
    ]
