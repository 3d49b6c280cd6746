"""What a learned policy wants, what it learns on from, what is one client's own, and what a decision saw of that."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

LEFT_OUT = (
    "{address,merge,features,own,closed,reasons,reason_values,slot_propensity,choice,lease,lease_until}",
    "{address,merge,features,closed,reasons,reason_values,slot_propensity,choice,lease,lease_until}",
)


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0021_a_model_that_failed_stays_in_shadow"),
        ("compliance", "0024_promotions_have_a_basis_a_filing_and_time_to_think"),
        ("personalize", "0007_the_guard_of_models_is_always_on"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="own",
            field=models.BinaryField(db_default=b"", default=b""),
        ),
        migrations.CreateModel(
            name="Belief",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("body", models.BinaryField()),
                (
                    "artefact",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="belief", to="personalize.artefact"
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="beliefs", to="campaigns.campaign"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RewardVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(unique=True)),
                ("weights", models.JSONField()),
                ("why", models.CharField(max_length=300)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Habit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("vector", models.BinaryField()),
                ("at", models.DateTimeField()),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.campaign"
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="compliance.client"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("client", "campaign"), name="one_habit_per_client_and_campaign")
                ],
            },
        ),
        *(
            migrations.RunSQL(
                f"create trigger only_added_to before update or delete on campaigns_{name} "
                f"for each row execute function compliance_only_added_to();"
                f"alter table campaigns_{name} enable always trigger only_added_to;"
                f"comment on table campaigns_{name} is 'application may select, insert'",
                f"drop trigger only_added_to on campaigns_{name}",
            )
            for name in ("rewardversion", "belief")
        ),
        migrations.RunSQL(
            "select compliance_keep_images_of('campaigns_rewardversion', 'id', '{}')",
            "select compliance_keep_no_images_of('campaigns_rewardversion')",
        ),
        migrations.RunSQL(
            *(
                "select compliance_keep_no_images_of('campaigns_message');"
                f"select compliance_keep_images_of('campaigns_message', 'id', '{left_out}')"
                for left_out in LEFT_OUT
            )
        ),
    ]
