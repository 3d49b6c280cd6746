"""The engine of reviews decides about figures as well."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0038_an_approval_needs_evidence_in_date"),
    ]

    operations = [
        migrations.AlterField(
            model_name="historicalreviewitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("block", "Content block"),
                    ("variant", "Assembled message"),
                    ("pair_set", "Combinations of a campaign"),
                    ("sample", "Sample of messages"),
                    ("combination_rule", "Combination rule"),
                    ("template", "Template"),
                    ("campaign", "Campaign"),
                    ("journey", "Journey"),
                    ("model", "Model"),
                    ("copy_rule", "Copy rule"),
                    ("policy", "Review policy"),
                    ("figure", "Figure that texts show"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="reviewitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("block", "Content block"),
                    ("variant", "Assembled message"),
                    ("pair_set", "Combinations of a campaign"),
                    ("sample", "Sample of messages"),
                    ("combination_rule", "Combination rule"),
                    ("template", "Template"),
                    ("campaign", "Campaign"),
                    ("journey", "Journey"),
                    ("model", "Model"),
                    ("copy_rule", "Copy rule"),
                    ("policy", "Review policy"),
                    ("figure", "Figure that texts show"),
                ],
                max_length=20,
            ),
        ),
    ]
