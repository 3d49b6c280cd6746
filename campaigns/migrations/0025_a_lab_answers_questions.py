"""Questions to the lab are answered once; a week's look at the log is only added to."""

from django.db import migrations, models

MAKE = """
create function campaigns_answer_once() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or old.answered_at is not null or new.answered_at is null
        or (old.use_case, old.campaign, old.policy, old.since, old.until, old.asked_by, old.asked_at)
            is distinct from
            (new.use_case, new.campaign, new.policy, new.since, new.until, new.asked_by, new.asked_at) then
        raise exception 'a question is answered once and never changes'
            using errcode = 'restrict_violation', constraint = 'a_question_is_answered_once';
    end if;
    return new;
end $$;
create trigger questions_are_answered_once before update or delete on campaigns_question
    for each row execute function campaigns_answer_once();
alter table campaigns_question enable always trigger questions_are_answered_once;
comment on table campaigns_question is 'application may select, insert, update';
select compliance_keep_images_of('campaigns_question', 'id', '{answer}');
create trigger only_added_to before update or delete on campaigns_selfcheck
    for each row execute function compliance_only_added_to();
alter table campaigns_selfcheck enable always trigger only_added_to;
comment on table campaigns_selfcheck is 'application may select, insert';
select compliance_keep_images_of('campaigns_selfcheck', 'id', '{}');
"""
DROP = """
select compliance_keep_no_images_of('campaigns_selfcheck');
drop trigger only_added_to on campaigns_selfcheck;
select compliance_keep_no_images_of('campaigns_question');
drop trigger questions_are_answered_once on campaigns_question;
drop function campaigns_answer_once();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0024_a_message_has_no_index_twice"),
    ]

    operations = [
        migrations.CreateModel(
            name="Question",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("use_case", models.SlugField(max_length=64)),
                ("campaign", models.SlugField(blank=True, max_length=80)),
                ("policy", models.CharField(max_length=80)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=80)),
                ("asked_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("answer", models.JSONField(null=True)),
                ("refusal", models.TextField(blank=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("answered_at__isnull", True)), fields=["asked_at"], name="question_waiting"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("since__lt", models.F("until"))), name="a_question_is_of_some_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answered_at__isnull", False),
                            models.Q(("answer__isnull", True), ("refusal", "")),
                            _connector="OR",
                        ),
                        name="an_answer_has_its_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SelfCheck",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("use_case", models.SlugField(max_length=64)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("decisions", models.PositiveIntegerField()),
                ("drawn_again", models.PositiveIntegerField()),
                ("differing", models.PositiveIntegerField()),
                ("mean_weight", models.FloatField()),
                ("weight_error", models.FloatField()),
                ("happened", models.FloatField()),
                ("estimate", models.FloatField()),
                ("estimate_error", models.FloatField()),
                ("fault", models.TextField(blank=True)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["use_case", "-made_at"], name="self_check_newest")],
            },
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
