"""A version of a copy rule never changes; it takes effect once somebody who did not write it approved it, and stays.

Held where the row is written, whoever writes it. What the package ships has no author: it may only be added where no
rule of that code is, because a new rule only ever restricts.
"""

from django.db import migrations, models
from django.db.models import F, Q

UP = """
create function compliance_guard_copyrule() returns trigger language plpgsql
set search_path = public, pg_temp as $$
declare
    item compliance_reviewitem;
begin
    if tg_op = 'DELETE' then
        perform review_refuse('a_rule_is_never_deleted', 'compliance_copyrule');
    end if;
    if tg_op = 'INSERT' then
        if new.version <> (
            select coalesce(max(r.version), 0) + 1 from compliance_copyrule r where r.code = new.code
        ) then
            perform review_refuse('versions_of_a_rule_are_counted', 'compliance_copyrule');
        end if;
        if new.author_id is null then
            if new.version <> 1 or new.enacted_at is null then
                perform review_refuse('a_rule_has_an_author_unless_it_was_shipped', 'compliance_copyrule');
            end if;
            return new;
        end if;
        if new.enacted_at is not null then
            perform review_refuse('a_rule_is_enacted_after_its_approval', 'compliance_copyrule');
        end if;
        if not exists (
            select from compliance_staff s
            where s.id = new.author_id and s.role = 'officer' and s.is_active and not s.is_superuser
        ) then
            perform review_refuse('compliance_officers_write_the_rules', 'compliance_copyrule');
        end if;
        return new;
    end if;
    if old.enacted_at is not null
        or (to_jsonb(new) - 'enacted_at') is distinct from (to_jsonb(old) - 'enacted_at')
    then
        perform review_refuse('a_version_of_a_rule_never_changes', 'compliance_copyrule');
    end if;
    select * into item from compliance_reviewitem i
    where i.digest = new.digest and i.kind = 'copy_rule' and i.state = 'approved' and i.valid_until > new.enacted_at
    for share;
    if not found then
        perform review_refuse('a_rule_is_enacted_after_its_approval', 'compliance_copyrule');
    end if;
    if not exists (
        select from compliance_approval a
        where a.item_id = item.id and a.round = item.round and a.by_id <> new.author_id
    ) or item.decided_by_id = new.author_id then
        perform review_refuse('nobody_enacts_their_own_rule', 'compliance_copyrule');
    end if;
    if new.enacted_at < new.valid_from::timestamp at time zone 'UTC' then
        perform review_refuse('a_rule_is_enacted_on_its_day', 'compliance_copyrule');
    end if;
    return new;
end $$;

create function compliance_rule_stands() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if exists (select from compliance_copyrule r where r.digest = old.digest and r.enacted_at is not null) then
        perform review_refuse('a_rule_in_force_ends_by_a_later_one', 'compliance_reviewitem');
    end if;
    return new;
end $$;

create trigger guard_copyrule before insert or update or delete on compliance_copyrule
    for each row execute function compliance_guard_copyrule();
create trigger never_truncated before truncate on compliance_copyrule
    for each statement execute function compliance_only_added_to();
create trigger rule_stands before update on compliance_reviewitem
    for each row when (old.kind = 'copy_rule' and old.state = 'approved' and new.state <> old.state)
    execute function compliance_rule_stands();
alter table compliance_copyrule enable always trigger guard_copyrule;
alter table compliance_copyrule enable always trigger never_truncated;
alter table compliance_reviewitem enable always trigger rule_stands;
comment on table compliance_copyrule is 'application may select, insert, update';
"""
DOWN = """
comment on table compliance_copyrule is null;
drop trigger rule_stands on compliance_reviewitem;
drop trigger never_truncated on compliance_copyrule;
drop trigger guard_copyrule on compliance_copyrule;
drop function compliance_rule_stands();
drop function compliance_guard_copyrule();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0030_shipped_copy_rules_are_filled_in")]
    operations = [
        migrations.AlterField("copyrule", "digest", models.CharField(max_length=64, unique=True)),
        migrations.AddConstraint(
            "copyrule",
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="a_rule_ends_after_it_starts"
            ),
        ),
        migrations.AddConstraint(
            "copyrule",
            models.CheckConstraint(condition=~Q(citation="") & ~Q(text=""), name="a_rule_has_a_text_and_a_source"),
        ),
        migrations.AddConstraint(
            "copyrule",
            models.CheckConstraint(
                condition=~Q(trips=[]) & ~Q(spares=[]), name="a_rule_has_a_text_that_trips_and_one_that_does_not"
            ),
        ),
        migrations.RunSQL(UP, DOWN),
    ]
