"""What keeps words back from clients is ended by two reviewers, one of them an officer; what lets words go, by one.

A combination rule, and the policy for pressure and calm, bind as long as they stand approved, after their date too.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UP = """
-- As compliance.judging.endings.restricts.
create function review_restricts(item compliance_reviewitem) returns boolean language sql immutable as $$
    select item.kind = 'combination_rule'
        or (item.kind = 'policy' and coalesce(item.snapshot ->> 'about', '') like 'policy:wellbeing%')
$$;

create function review_guard_ending() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    reviewers integer;
    officers integer;
    -- Whoever asked and reviews no more holds nobody up: another asks in their place.
    still_asks boolean := exists (
        select from compliance_staff s
        where s.id = old.end_asked_by_id and s.is_active and not s.is_superuser and s.role in ('editor', 'officer')
    );
begin
    if new.end_asked_by_id is not null and new.end_asked_by_id is distinct from old.end_asked_by_id and (
        old.state <> 'approved' or new.state <> old.state or still_asks
        or new.end_asked_at is null or not review_restricts(old)
    ) then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if old.state <> 'approved' or not review_restricts(old) then
        return new;
    end if;
    if still_asks
        and (new.end_asked_by_id, new.end_asked_at) is distinct from (old.end_asked_by_id, old.end_asked_at)
    then
        perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    end if;
    if new.state = old.state then
        return new;
    end if;
    select count(*), count(*) filter (where s.role = 'officer') into reviewers, officers
    from compliance_staff s
    where s.id in (old.end_asked_by_id, new.decided_by_id) and s.is_active and not s.is_superuser
        and s.role in ('editor', 'officer');
    if new.state <> 'withdrawn' or reviewers < 2 or officers < 1 then
        perform review_refuse('two_people_end_what_restricts', 'compliance_reviewitem');
    end if;
    return new;
end $$;

create function review_guard_no_end_yet() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    perform review_refuse('an_end_is_asked_for_once_and_first', 'compliance_reviewitem');
    return null;
end $$;

create trigger review_guard_ending before update of state, end_asked_by_id, end_asked_at on compliance_reviewitem
    for each row execute function review_guard_ending();
create trigger review_guard_no_end_yet before insert on compliance_reviewitem
    for each row when (new.end_asked_by_id is not null) execute function review_guard_no_end_yet();
alter table compliance_reviewitem enable always trigger review_guard_ending;
alter table compliance_reviewitem enable always trigger review_guard_no_end_yet;
"""
DOWN = """
drop trigger review_guard_no_end_yet on compliance_reviewitem;
drop trigger review_guard_ending on compliance_reviewitem;
drop function review_guard_no_end_yet();
drop function review_guard_ending();
drop function review_restricts(compliance_reviewitem);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0043_incidents_have_clocks")]
    operations = [
        migrations.AddField(
            "reviewitem",
            "end_asked_by",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField("reviewitem", "end_asked_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "historicalreviewitem",
            "end_asked_by",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField("historicalreviewitem", "end_asked_at", models.DateTimeField(null=True)),
        migrations.RunSQL(UP, DOWN),
    ]
