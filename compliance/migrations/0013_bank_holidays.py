"""The bank holidays of England and Wales and the federal holidays of the United States, 2026 and 2027.

Sources: gov.uk/bank-holidays; opm.gov/policy-data-oversight/pay-leave/federal-holidays. Officers add later years.
"""

from django.db import migrations

DAYS = {
    "UK": {
        "New Year's Day": ("2026-01-01", "2027-01-01"),
        "Good Friday": ("2026-04-03", "2027-03-26"),
        "Easter Monday": ("2026-04-06", "2027-03-29"),
        "Early May bank holiday": ("2026-05-04", "2027-05-03"),
        "Spring bank holiday": ("2026-05-25", "2027-05-31"),
        "Summer bank holiday": ("2026-08-31", "2027-08-30"),
        "Christmas Day": ("2026-12-25", "2027-12-27"),
        "Boxing Day": ("2026-12-28", "2027-12-28"),
    },
    "US": {
        "New Year's Day": ("2026-01-01", "2027-01-01"),
        "Birthday of Martin Luther King, Jr.": ("2026-01-19", "2027-01-18"),
        "Washington's Birthday": ("2026-02-16", "2027-02-15"),
        "Memorial Day": ("2026-05-25", "2027-05-31"),
        "Juneteenth": ("2026-06-19", "2027-06-18"),
        "Independence Day": ("2026-07-03", "2027-07-05"),
        "Labor Day": ("2026-09-07", "2027-09-06"),
        "Columbus Day": ("2026-10-12", "2027-10-11"),
        "Veterans Day": ("2026-11-11", "2027-11-11"),
        "Thanksgiving Day": ("2026-11-26", "2027-11-25"),
        "Christmas Day": ("2026-12-25", "2027-12-24"),
    },
}


def fill(apps, schema_editor):
    """Write the days that are not there yet."""
    holidays = apps.get_model("compliance", "Holiday").objects
    holidays.bulk_create(
        [
            holidays.model(on=day, name=name, jurisdiction=place)
            for place, named in DAYS.items()
            for name, days in named.items()
            for day in days
        ],
        ignore_conflicts=True,
    )


def empty(apps, schema_editor):
    """Take them out again."""
    apps.get_model("compliance", "Holiday").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("compliance", "0012_reviewers_are_competent")]
    operations = [migrations.RunPython(fill, empty)]
