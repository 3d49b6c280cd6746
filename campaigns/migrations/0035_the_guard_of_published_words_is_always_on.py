"""The guard of published words fires in every mode of the server, as all guards do."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0034_the_gate_keeps_budget_and_calm")]
    operations = [
        migrations.RunSQL(
            "alter table campaigns_blockversion enable always trigger published_words_never_change",
            migrations.RunSQL.noop,
        )
    ]
