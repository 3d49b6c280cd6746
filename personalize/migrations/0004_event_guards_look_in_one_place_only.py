"""The guards of events' owners find their tables in `public`, whatever the session's search_path says."""

from django.db import migrations

GUARDS = ("personalize_events_have_owners", "personalize_owner_of_events_stays")


class Migration(migrations.Migration):
    dependencies = [("personalize", "0003_an_event_is_checked_by_the_statement")]
    operations = [
        migrations.RunSQL(
            f"alter function {name}() set search_path = public, pg_temp",
            f"alter function {name}() reset search_path",
        )
        for name in GUARDS
    ]
