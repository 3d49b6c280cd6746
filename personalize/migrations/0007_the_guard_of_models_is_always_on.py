"""The trigger that keeps registered models cannot be slept through by a session that replicates."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("personalize", "0006_a_model_never_changes")]
    operations = [
        migrations.RunSQL(
            "alter table personalize_artefact enable always trigger registered_models_never_change",
            "alter table personalize_artefact enable trigger registered_models_never_change",
        )
    ]
