"""Incidents and their clocks: what was known when never changes, a notice is never moved, and none is left open."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UP = """
select compliance_keep_images_of('compliance_incident', 'id', '{words,lesson}');
select compliance_keep_images_of('compliance_notice', 'id', '{}');
select compliance_keep_images_of('compliance_touched', 'client_id', '{}');
comment on table compliance_incident is 'application may select, insert, update';
comment on table compliance_notice is 'application may select, insert, update';

create function compliance_incident_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.closed_at is not null
        or (new.kind, new.title, new.words, new.places, new.vendor, new.vendor_aware_at, new.happened_at, new.aware_at,
            new.recorded_by_id, new.recorded_at)
            is distinct from (old.kind, old.title, old.words, old.places, old.vendor, old.vendor_aware_at,
                old.happened_at, old.aware_at, old.recorded_by_id, old.recorded_at)
    then
        raise exception using errcode = 'check_violation', message = 'an_incident_stands',
            constraint = 'an_incident_stands', table = tg_table_name;
    end if;
    if new.closed_at is not null and exists (
        select from compliance_notice n where n.incident_id = new.id and n.told_at is null and n.spared_at is null
    ) then
        raise exception using errcode = 'check_violation', message = 'an_incident_closes_when_nobody_waits',
            constraint = 'an_incident_closes_when_nobody_waits', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger incident_stands before update or delete on compliance_incident
    for each row execute function compliance_incident_stands();
alter table compliance_incident enable always trigger incident_stands;
create trigger never_truncated before truncate on compliance_incident
    for each statement execute function compliance_only_added_to();
alter table compliance_incident enable always trigger never_truncated;

create function compliance_notice_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.told_at is not null or old.spared_at is not null
        or (new.incident_id, new.whom, new.place, new.due_at, new.source)
            is distinct from (old.incident_id, old.whom, old.place, old.due_at, old.source)
        or old.spare_asked_by_id is not null and (new.spare_asked_by_id, new.spare_why)
            is distinct from (old.spare_asked_by_id, old.spare_why)
        or exists (select from compliance_staff s where s.id = new.spared_by_id and s.is_superuser)
    then
        raise exception using errcode = 'check_violation', message = 'a_notice_stands',
            constraint = 'a_notice_stands', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger notice_stands before update or delete on compliance_notice
    for each row execute function compliance_notice_stands();
alter table compliance_notice enable always trigger notice_stands;
create trigger never_truncated before truncate on compliance_notice
    for each statement execute function compliance_only_added_to();
alter table compliance_notice enable always trigger never_truncated;
"""
DOWN = """
drop trigger never_truncated on compliance_notice;
drop trigger notice_stands on compliance_notice;
drop function compliance_notice_stands();
drop trigger never_truncated on compliance_incident;
drop trigger incident_stands on compliance_incident;
drop function compliance_incident_stands();
select compliance_keep_no_images_of('compliance_touched');
select compliance_keep_no_images_of('compliance_notice');
select compliance_keep_no_images_of('compliance_incident');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0042_clients_ask_what_is_their_right"),
    ]

    operations = [
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("breach", "Personal data breach"),
                            ("vendor", "Breach at a vendor"),
                            ("complaint", "Data-protection complaint"),
                        ],
                        max_length=10,
                    ),
                ),
                ("title", models.CharField(max_length=120)),
                ("words", models.TextField()),
                ("places", models.JSONField()),
                ("vendor", models.CharField(blank=True, max_length=120)),
                ("vendor_aware_at", models.DateTimeField(null=True)),
                ("happened_at", models.DateTimeField(null=True)),
                ("aware_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("lesson", models.TextField(blank=True)),
                ("closed_at", models.DateTimeField(null=True)),
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
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "whom",
                    models.CharField(
                        choices=[
                            ("authority", "The authority"),
                            ("people", "The people it touches"),
                            ("complainant", "Whoever complained"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "place",
                    models.CharField(
                        choices=[("UK", "United Kingdom"), ("EU", "European Union"), ("US", "United States")],
                        max_length=2,
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("source", models.CharField(max_length=160)),
                ("told_at", models.DateTimeField(null=True)),
                ("how", models.CharField(blank=True, max_length=300)),
                ("why_late", models.CharField(blank=True, max_length=300)),
                ("spare_why", models.CharField(blank=True, max_length=300)),
                ("spare_asked_at", models.DateTimeField(null=True)),
                ("spared_at", models.DateTimeField(null=True)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notices", to="compliance.incident"
                    ),
                ),
                (
                    "spare_asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "spared_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "told_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Touched",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compliance.client"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="touched", to="compliance.incident"
                    ),
                ),
            ],
            options={
                "verbose_name": "incident that touches them",
                "verbose_name_plural": "incidents that touch them",
            },
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("title", ""), _negated=True),
                    models.Q(("words", ""), _negated=True),
                    models.Q(("places", []), _negated=True),
                ),
                name="an_incident_says_what_happened_and_where",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "vendor"),
                        ("vendor_aware_at__lte", models.F("aware_at")),
                        models.Q(("vendor", ""), _negated=True),
                    ),
                    models.Q(models.Q(("kind", "vendor"), _negated=True), ("vendor", ""), ("vendor_aware_at", None)),
                    _connector="OR",
                ),
                name="a_vendors_breach_names_the_vendor",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("aware_at__lte", models.F("recorded_at")),
                    models.Q(("happened_at", None), ("happened_at__lte", models.F("aware_at")), _connector="OR"),
                ),
                name="nobody_knows_before_it_happened",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("closed_by", None)),
                    models.Q(("closed_by__isnull", False), models.Q(("lesson", ""), _negated=True)),
                    _connector="OR",
                ),
                name="an_incident_closes_with_its_lesson",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("incident", "whom", "place"), name="one_clock_per_incident_and_whom"
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("told_at", None), ("told_by", None)),
                    models.Q(
                        ("told_by__isnull", False),
                        models.Q(("how", ""), _negated=True),
                        models.Q(
                            ("told_at__lte", models.F("due_at")),
                            models.Q(("why_late", ""), _negated=True),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="a_late_notice_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("spared_at", None), ("spared_by", None)),
                    models.Q(
                        ("spare_asked_by__isnull", False),
                        ("spared_by__isnull", False),
                        ("told_at", None),
                        models.Q(("spare_why", ""), _negated=True),
                        models.Q(("spared_by", models.F("spare_asked_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="two_people_spare_a_notice",
            ),
        ),
        migrations.AddConstraint(
            model_name="touched",
            constraint=models.UniqueConstraint(fields=("incident", "client"), name="a_client_is_touched_once"),
        ),
        migrations.RunSQL(UP, DOWN),
    ]
