"""How long records are kept, as data with dates and sources, and legal holds that win over every deletion."""

import json
from datetime import date
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PERIODS = Path(__file__).resolve().parent.parent / "rights" / "periods.json"
UP = """
comment on table compliance_hold is 'application may select, insert, update';
comment on table compliance_retentionrule is 'application may select, insert, update';
select compliance_keep_images_of('compliance_hold', 'id', '{}');
select compliance_keep_images_of('compliance_retentionrule', 'id', '{}');
select compliance_keep_images_of('compliance_campaignproduct', 'id', '{}');

create function compliance_hold_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.lifted_at is not null
        or (new.scope, new.client_id, new.campaign, new.reason, new.placed_by_id, new.placed_at)
            is distinct from (old.scope, old.client_id, old.campaign, old.reason, old.placed_by_id, old.placed_at)
        or (new.lifted_by_id is not null and (
            select s.is_superuser from compliance_staff s where s.id = new.lifted_by_id
        ))
    then
        raise exception using errcode = 'check_violation', message = 'two_people_lift_a_hold',
            constraint = 'two_people_lift_a_hold', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger hold_stands before update or delete on compliance_hold
    for each row execute function compliance_hold_stands();
alter table compliance_hold enable always trigger hold_stands;
create trigger never_truncated before truncate on compliance_hold
    for each statement execute function compliance_only_added_to();
alter table compliance_hold enable always trigger never_truncated;

-- Which hold keeps a client's things, or null. A hold on one record of a person is one on those it was joined with.
create function compliance_held(who bigint) returns bigint language sql stable
set search_path = public, pg_temp as $$
    select h.id from compliance_hold h
    where h.lifted_at is null and (h.scope = 'everything' or h.scope = 'client' and (
        h.client_id = who
        or h.client_id = (select c.merged_into_id from compliance_client c where c.id = who)
        or who = (select c.merged_into_id from compliance_client c where c.id = h.client_id)
    ))
    order by h.id limit 1
$$;
create function compliance_hold_wins() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
declare
    kept bigint;
begin
    if not exists (select from compliance_hold where lifted_at is null) then
        return null;
    end if;
    select compliance_held(g.client_id) into kept from gone g where compliance_held(g.client_id) is not null limit 1;
    if kept is not null then
        raise exception using errcode = 'check_violation', message = 'a_hold_wins_over_every_deletion',
            constraint = 'a_hold_wins_over_every_deletion', table = tg_table_name, detail = 'hold ' || kept;
    end if;
    return null;
end $$;
create trigger a_hold_wins after delete on compliance_subjectkey referencing old table as gone
    for each statement execute function compliance_hold_wins();
alter table compliance_subjectkey enable always trigger a_hold_wins;

create function compliance_hold_wins_over_erasure() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
    if compliance_held(new.id) is not null then
        raise exception using errcode = 'check_violation', message = 'a_hold_wins_over_every_deletion',
            constraint = 'a_hold_wins_over_every_deletion', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger a_hold_wins before update of erased_at on compliance_client
    for each row when (new.erased_at is not null and old.erased_at is null)
    execute function compliance_hold_wins_over_erasure();
alter table compliance_client enable always trigger a_hold_wins;
"""
DOWN = """
drop trigger a_hold_wins on compliance_client;
drop function compliance_hold_wins_over_erasure();
drop trigger a_hold_wins on compliance_subjectkey;
drop function compliance_hold_wins();
drop function compliance_held(bigint);
drop trigger never_truncated on compliance_hold;
drop trigger hold_stands on compliance_hold;
drop function compliance_hold_stands();
select compliance_keep_no_images_of('compliance_campaignproduct');
select compliance_keep_no_images_of('compliance_retentionrule');
select compliance_keep_no_images_of('compliance_hold');
"""
SINCE = date(2026, 1, 1)


def fill(apps, schema_editor):
    """Write the periods that are not there yet."""
    rule = apps.get_model("compliance", "RetentionRule")
    for one in json.loads(PERIODS.read_text(encoding="utf-8")):
        rule.objects.get_or_create(**one, valid_from=SINCE)


class Migration(migrations.Migration):
    dependencies = [("compliance", "0035_each_client_has_a_key")]
    operations = [
        migrations.CreateModel(
            name="CampaignProduct",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("campaign", models.SlugField(max_length=80, unique=True)),
                (
                    "product",
                    models.CharField(
                        choices=[
                            ("mifid", "MiFID business"),
                            ("life_pension", "Life and pensions"),
                            ("pension_transfer", "Pension transfer, opt-out, FSAVC"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("recorded_at", models.DateTimeField()),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(
                        choices=[("client", "One client"), ("campaign", "One campaign"), ("everything", "Everything")],
                        max_length=10,
                    ),
                ),
                ("campaign", models.SlugField(blank=True, max_length=80)),
                ("reason", models.CharField(max_length=500)),
                ("placed_at", models.DateTimeField()),
                ("lift_asked_at", models.DateTimeField(null=True)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compliance.client"
                    ),
                ),
                (
                    "lift_asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RetentionRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "record",
                    models.CharField(
                        choices=[
                            ("message", "Messages sent, and why"),
                            ("behaviour", "What clients did"),
                            ("declared", "What clients told us"),
                            ("outcome", "What became of clients"),
                            ("promotion", "Promotions and their approvals"),
                            ("model", "Models, validation and fairness"),
                            ("consent", "Consents and refusals"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "jurisdiction",
                    models.CharField(
                        blank=True,
                        choices=[("UK", "United Kingdom"), ("EU", "European Union"), ("US", "United States")],
                        max_length=2,
                    ),
                ),
                (
                    "product",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("mifid", "MiFID business"),
                            ("life_pension", "Life and pensions"),
                            ("pension_transfer", "Pension transfer, opt-out, FSAVC"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("months", models.PositiveSmallIntegerField(null=True)),
                ("from_year_end", models.BooleanField(default=False)),
                ("starts", models.CharField(max_length=40)),
                ("source", models.CharField(max_length=200)),
                ("valid_from", models.DateField()),
                ("valid_to", models.DateField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("record", "jurisdiction", "product", "source", "valid_from"),
                        name="one_row_per_retention_rule",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source", ""), _negated=True), name="a_retention_rule_names_its_source"
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("campaign", ""), ("client__isnull", False), ("scope", "client")),
                    models.Q(
                        ("client__isnull", True), ("scope", "campaign"), models.Q(("campaign", ""), _negated=True)
                    ),
                    models.Q(("campaign", ""), ("client__isnull", True), ("scope", "everything")),
                    _connector="OR",
                ),
                name="a_hold_says_what_it_holds",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="no_hold_without_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lifted_at", None), ("lifted_by", None)),
                    models.Q(
                        ("lift_asked_by__isnull", False),
                        ("lifted_at__isnull", False),
                        ("lifted_by__isnull", False),
                        models.Q(("lifted_by", models.F("lift_asked_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="two_people_lift_a_hold",
            ),
        ),
        migrations.RunSQL(UP, DOWN),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
