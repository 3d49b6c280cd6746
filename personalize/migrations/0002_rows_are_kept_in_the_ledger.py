"""Row images of what the mind decides by: models, features, declarations, merges, sources."""

from django.db import migrations

# table: (its key, columns its images leave out)
IMAGES = {
    "artefact": ("id", "{body}"),
    "feature": ("id", "{}"),
    "featureset": ("id", "{}"),
    "mergerequest": ("id", "{}"),
    "declaration": ("id", "{value}"),
    "source": ("id", "{key_sha256}"),
}


class Migration(migrations.Migration):
    dependencies = [("personalize", "0001_initial"), ("compliance", "0006_the_ledger_is_written_by_the_database")]
    operations = [
        migrations.RunSQL(
            f"select compliance_keep_images_of('personalize_{name}', '{key}', '{left_out}');",
            f"select compliance_keep_no_images_of('personalize_{name}');",
        )
        for name, (key, left_out) in IMAGES.items()
    ]
