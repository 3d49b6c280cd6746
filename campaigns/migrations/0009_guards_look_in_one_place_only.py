"""The guards of published words find their tables in `public`; variants are never deleted by the application."""

from django.db import migrations

GUARDS = ("campaigns_keep_published_words", "campaigns_keep_variant_words")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0008_a_page_is_filled_more_than_once")]
    operations = [
        *(
            migrations.RunSQL(
                f"alter function {name}() set search_path = public, pg_temp",
                f"alter function {name}() reset search_path",
            )
            for name in GUARDS
        ),
        migrations.RunSQL(
            "comment on table campaigns_variant is 'application may select, insert, update'",
            "comment on table campaigns_variant is null",
        ),
    ]
