"""Trade-off curves of the lab; one is only added."""

from django.db import migrations, models

MAKE = """
create trigger only_added_to before update or delete on campaigns_tradeoff
    for each row execute function compliance_only_added_to();
alter table campaigns_tradeoff enable always trigger only_added_to;
comment on table campaigns_tradeoff is 'application may select, insert';
select compliance_keep_images_of('campaigns_tradeoff', 'id', '{}');
"""
DROP = """
select compliance_keep_no_images_of('campaigns_tradeoff');
drop trigger only_added_to on campaigns_tradeoff;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0039_words_of_before_have_their_points"),
    ]

    operations = [
        migrations.CreateModel(
            name="TradeOff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("use_case", models.SlugField(max_length=64)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("decisions", models.PositiveIntegerField()),
                ("happened", models.JSONField()),
                ("points", models.JSONField()),
                ("refusal", models.TextField(blank=True)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["use_case", "-made_at"], name="trade_off_newest")],
            },
        ),
        migrations.RunSQL(MAKE, DROP),
    ]
