"""A variant names the digests of its blocks and the rules it was judged under; a text belongs to one campaign."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="variant",
            name="blocks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), default=list, size=None
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="variant",
            name="ruleset",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="variant", name="digest", field=models.CharField(db_index=True, max_length=64)
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.UniqueConstraint(fields=("campaign", "digest"), name="one_row_per_campaign_and_text"),
        ),
    ]
