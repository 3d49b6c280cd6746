"""A campaign may be about products of the other firms of the group."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0046_what_is_in_doubt_is_found_at_once"),
    ]

    operations = [
        migrations.AlterField(
            model_name="campaign",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("service", "Service and legal notices"),
                    ("marketing", "Our own products and education"),
                    ("partner", "Products of partners"),
                    ("affiliate", "Products of firms of our group"),
                    ("profiling", "Using my activity to choose what is relevant"),
                    ("measurement", "Measuring whether I open and click"),
                    ("sensitive", "Using sensitive details I gave you"),
                ],
                default="marketing",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="historicalcampaign",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("service", "Service and legal notices"),
                    ("marketing", "Our own products and education"),
                    ("partner", "Products of partners"),
                    ("affiliate", "Products of firms of our group"),
                    ("profiling", "Using my activity to choose what is relevant"),
                    ("measurement", "Measuring whether I open and click"),
                    ("sensitive", "Using sensitive details I gave you"),
                ],
                default="marketing",
                max_length=16,
            ),
        ),
    ]
