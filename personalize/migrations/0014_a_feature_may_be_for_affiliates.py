"""A feature may be used for products of the other firms of the group."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0013_outlooks_are_checked"),
    ]

    operations = [
        migrations.AlterField(
            model_name="feature",
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
                default="profiling",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="historicalfeature",
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
                default="profiling",
                max_length=16,
            ),
        ),
    ]
