"""Who let a paused run go on, and who set the firm's caps: decisions, kept like every other."""

from django.db import migrations

TABLES = ("campaigns_pause", "campaigns_cap")


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0015_texts_may_go_by_their_pairs"),
        ("compliance", "0020_images_are_completed_by_the_statement"),
    ]
    operations = [
        *(
            migrations.RunSQL(
                f"select compliance_keep_images_of('{table}', 'id', '{{}}')",
                f"select compliance_keep_no_images_of('{table}')",
            )
            for table in TABLES
        ),
        migrations.RunSQL(
            "comment on table campaigns_pause is 'application may select, insert, update'",
            "comment on table campaigns_pause is null",
        ),
    ]
