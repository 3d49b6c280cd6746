"""A token says what it may do, for which standing of its owner it was given, and when it was last used."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# Tokens given before there were scopes could do whatever their owner might.
FILL = "update compliance_apitoken set scopes = '{read,build_campaigns,review_texts,oversee}'"


class Migration(migrations.Migration):
    dependencies = [("compliance", "0027_a_changed_standing_ends_sessions")]

    operations = [
        migrations.AlterModelOptions(
            name="staff",
            options={
                "permissions": [
                    ("build_campaigns", "Can build, preview, launch and stop campaigns"),
                    ("review_texts", "Can claim, approve and reject texts"),
                    ("oversee", "Can read everything, export packets and verify the ledger"),
                    ("manage_staff", "Can change roles, let people in and out, and take back their tokens"),
                ]
            },
        ),
        migrations.AddField(
            "apitoken",
            "scopes",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), default=list, size=None
            ),
        ),
        migrations.AddField("apitoken", "standing", models.PositiveIntegerField(default=1)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="ApiTokenUse",
            fields=[
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="use",
                        serialize=False,
                        to="compliance.apitoken",
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
