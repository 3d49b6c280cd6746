"""The numbers of a run add up for ever: messages that retention let go are still counted, without naming anybody."""

import django.db.models.deletion
from django.db import migrations, models

UP = """
create function campaigns_count_on() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
begin
    insert into campaigns_letgo (run_id, state, reason, messages)
    select g.run_id, g.state, g.reason, count(*) from gone g where g.run_id is not null
    group by g.run_id, g.state, g.reason
    on conflict (run_id, state, reason) do update set messages = campaigns_letgo.messages + excluded.messages;
    return null;
end $$;
create trigger messages_count_on after delete on campaigns_message referencing old table as gone
    for each statement execute function campaigns_count_on();
alter table campaigns_message enable always trigger messages_count_on;
comment on table campaigns_letgo is 'application may select';
"""
DOWN = """
drop trigger messages_count_on on campaigns_message;
drop function campaigns_count_on();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0043_a_policy_approved_in_a_storm_begins_calm")]
    operations = [
        migrations.CreateModel(
            name="LetGo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=11)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("messages", models.PositiveBigIntegerField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="let_go", to="campaigns.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "state", "reason"), name="one_count_per_run_and_state")
                ]
            },
        ),
        migrations.RunSQL(UP, DOWN),
    ]
