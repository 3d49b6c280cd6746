"""Who was given which rights is a regulated row too."""

from django.db import migrations

TABLES = ("compliance_staff_groups", "compliance_staff_user_permissions")


class Migration(migrations.Migration):
    dependencies = [("compliance", "0020_images_are_completed_by_the_statement")]
    operations = [
        migrations.RunSQL(
            f"select compliance_keep_images_of('{table}', 'id', '{{}}')",
            f"select compliance_keep_no_images_of('{table}')",
        )
        for table in TABLES
    ]
