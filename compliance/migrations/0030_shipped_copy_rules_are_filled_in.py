"""The rules that the package ships get the rest of what they say, and count as in force from the day they are dated."""

from datetime import UTC, date, datetime, time

from django.db import migrations


def fill(apps, schema_editor):
    from compliance.words import lint  # pure data, no models: the same in every state of the schema

    rows = apps.get_model("compliance", "CopyRule").objects
    for one in lint.shipped().rules:
        rows.filter(code=one.code, version=1, digest="").update(
            trips=list(one.trips),
            spares=list(one.spares),
            structure=one.check,
            purposes=list(one.purposes),
            deniable=one.deniable,
            phrases=list(one.phrases),
            suggestion=one.suggestion,
            digest=lint.digest(one),
            enacted_at=datetime.combine(date.fromisoformat(one.valid_from), time(), UTC),
        )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0029_copy_rules_are_whole_versions")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
