"""Who is to be spared, and who holds a certificate for non-mass-market investments.

FG21/1 (UK-18): a note protects until two officers end it; time never takes it away, and it goes only with the person.
COBS 4.12B (UK-11): a certificate counts for a year at most and never changes. Both stay with the person, and only
officers who are active, no administrators, write them down.
"""

import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

UP = r"""
comment on table compliance_certificate is 'application may select, insert, update, delete';
comment on table compliance_vulnerability is 'application may select, insert, update, delete';
select compliance_keep_images_of('compliance_certificate', 'id', '{evidence}');
select compliance_keep_images_of('compliance_vulnerability', 'id', '{sealed,source,ground,end_why}');

create function compliance_certificate_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'ended_on', 'ended_by_id'];
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id)
            or old.recorded_at < now() - interval '2196 days' and compliance_held(old.client_id) is null;
    elsif tg_op = 'INSERT' then
        fine := compliance_is_officer(new.recorded_by_id);
    else
        fine := to_jsonb(new) - free is not distinct from to_jsonb(old) - free
            and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
            and (old.ended_on is null
                or (new.ended_on, new.ended_by_id) is not distinct from (old.ended_on, old.ended_by_id));
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_certificate_stands',
            constraint = 'a_certificate_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger certificate_stands before insert or update or delete on compliance_certificate
    for each row execute function compliance_certificate_stands();
alter table compliance_certificate enable always trigger certificate_stands;
create trigger never_truncated before truncate on compliance_certificate
    for each statement execute function compliance_only_added_to();
alter table compliance_certificate enable always trigger never_truncated;

create function compliance_certified(who bigint, day date) returns boolean language sql stable as $$
    select exists (
        select from public.compliance_certificate x
        where x.client_id = who and x.signed_on <= day and x.until > day and x.ended_on is null
    )
$$;

create function compliance_vulnerability_stands() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    free text[] := array['client_id', 'review_on', 'reviewed_by_id', 'reviewed_at', 'end_why', 'end_asked_by_id',
        'end_asked_at', 'ended_by_id', 'ended_at'];
    fine boolean;
begin
    if tg_op = 'DELETE' then
        fine := compliance_is_erased(old.client_id);
    elsif tg_op = 'INSERT' then
        fine := compliance_is_officer(new.noted_by_id) and new.end_why = ''
            and num_nonnulls(new.reviewed_by_id, new.reviewed_at, new.end_asked_by_id, new.end_asked_at,
                new.ended_by_id, new.ended_at) = 0;
    else
        fine := to_jsonb(new) - free is not distinct from to_jsonb(old) - free
            and (new.client_id = old.client_id or new.client_id in (select compliance_person(old.client_id)))
            and (old.ended_at is null or to_jsonb(new) - 'client_id' is not distinct from to_jsonb(old) - 'client_id')
            and ((new.review_on, new.reviewed_by_id, new.reviewed_at)
                    is not distinct from (old.review_on, old.reviewed_by_id, old.reviewed_at)
                or new.reviewed_at is distinct from old.reviewed_at and compliance_is_officer(new.reviewed_by_id))
            -- Whoever asked is on record before somebody else agrees, and is replaced only when they may ask no more.
            and ((new.end_asked_by_id, new.end_asked_at, new.end_why)
                    is not distinct from (old.end_asked_by_id, old.end_asked_at, old.end_why)
                or new.ended_at is null and (
                    num_nonnulls(new.end_asked_by_id, new.end_asked_at) = 0 and new.end_why = ''
                    or compliance_is_officer(new.end_asked_by_id) and not compliance_is_officer(old.end_asked_by_id)
                ))
            and (new.ended_at is null or old.ended_at is not null
                or compliance_is_officer(old.end_asked_by_id) and compliance_is_officer(new.ended_by_id));
    end if;
    if fine is not true then
        raise exception using errcode = 'check_violation', message = 'a_protection_stands',
            constraint = 'a_protection_stands', table = tg_table_name;
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger vulnerability_stands before insert or update or delete on compliance_vulnerability
    for each row execute function compliance_vulnerability_stands();
alter table compliance_vulnerability enable always trigger vulnerability_stands;
create trigger never_truncated before truncate on compliance_vulnerability
    for each statement execute function compliance_only_added_to();
alter table compliance_vulnerability enable always trigger never_truncated;
alter table compliance_vulnerability add constraint a_vulnerability_is_looked_at_again_within_a_year
    check (review_on <= (coalesce(reviewed_at, noted_at) at time zone 'UTC')::date + 366);
"""
DOWN = """
alter table compliance_vulnerability drop constraint a_vulnerability_is_looked_at_again_within_a_year;
drop trigger never_truncated on compliance_vulnerability;
drop trigger vulnerability_stands on compliance_vulnerability;
drop function compliance_vulnerability_stands();
drop function compliance_certified(bigint, date);
drop trigger never_truncated on compliance_certificate;
drop trigger certificate_stands on compliance_certificate;
drop function compliance_certificate_stands();
select compliance_keep_no_images_of('compliance_vulnerability');
select compliance_keep_no_images_of('compliance_certificate');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0051_reviewers_start_again"),
    ]

    operations = [
        migrations.CreateModel(
            name="Certificate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("high_net_worth", "Certified high net worth investor"),
                            ("sophisticated", "Certified sophisticated investor"),
                            ("self_certified", "Self-certified sophisticated investor"),
                        ],
                        max_length=16,
                    ),
                ),
                ("signed_on", models.DateField()),
                ("until", models.DateField()),
                ("evidence", models.CharField(max_length=300)),
                ("recorded_at", models.DateTimeField()),
                ("ended_on", models.DateField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compliance.client"
                    ),
                ),
                (
                    "ended_by",
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
            options={
                "indexes": [models.Index(fields=["client", "until"], name="certificate_by_client")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until__gt", models.F("signed_on")),
                            (
                                "until__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("signed_on"), "+", models.Value(datetime.timedelta(days=366))
                                ),
                            ),
                        ),
                        name="a_certificate_lasts_a_year_at_most",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("evidence", ""), _negated=True),
                            ("kind__in", ["high_net_worth", "sophisticated", "self_certified"]),
                        ),
                        name="a_certificate_has_its_evidence",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_by", None), ("ended_on", None)),
                            models.Q(("ended_by__isnull", False), ("ended_on__isnull", False)),
                            _connector="OR",
                        ),
                        name="whoever_ends_a_certificate_is_named",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Vulnerability",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.BinaryField()),
                ("sealed_for", models.BigIntegerField()),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("client", "The client told us"),
                            ("carer", "Somebody who cares for the client told us"),
                            ("adviser", "Their adviser told us"),
                            ("staff", "One of us saw it"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "ground",
                    models.CharField(
                        choices=[
                            ("explicit_consent", "The client's explicit consent (Art. 9(2)(a))"),
                            ("economic_wellbeing", "Safeguarding economic well-being (DPA 2018 Sch. 1 para. 19)"),
                            ("vital", "Vital interests (Art. 9(2)(c))"),
                        ],
                        max_length=20,
                    ),
                ),
                ("noted_on", models.DateField()),
                ("review_on", models.DateField()),
                ("noted_at", models.DateTimeField()),
                ("reviewed_at", models.DateTimeField(null=True)),
                (
                    "end_why",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("over", "It is over"),
                            ("mistake", "It was noted by mistake"),
                            ("asked", "The client asked us to"),
                        ],
                        max_length=8,
                    ),
                ),
                ("end_asked_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compliance.client"
                    ),
                ),
                (
                    "end_asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "noted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "note that a client is to be spared",
                "verbose_name_plural": "notes that clients are to be spared",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["client"], name="vulnerability_protecting"
                    ),
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["review_on"], name="vulnerability_review"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("source__in", ["client", "carer", "adviser", "staff"]),
                            ("ground__in", ["explicit_consent", "economic_wellbeing", "vital"]),
                        ),
                        name="a_vulnerability_says_who_told_and_on_what_ground",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("review_on__gt", models.F("noted_on")),
                                (
                                    "review_on__lte",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("noted_on"), "+", models.Value(datetime.timedelta(days=366))
                                    ),
                                ),
                            ),
                            models.Q(("reviewed_at__isnull", False), ("reviewed_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_vulnerability_is_looked_at_within_a_year",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ended_by", None)),
                            models.Q(
                                ("end_asked_by__isnull", False),
                                ("ended_at__isnull", False),
                                ("ended_by__isnull", False),
                                models.Q(("end_why", ""), _negated=True),
                                models.Q(("ended_by", models.F("end_asked_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="two_people_end_a_protection",
                    ),
                ],
            },
        ),
        migrations.RunSQL(UP, DOWN),
    ]
