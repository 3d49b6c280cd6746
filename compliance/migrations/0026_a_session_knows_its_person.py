"""Sessions in a table of ours, with their person; and the cache that the web processes share."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CACHE_UP = """
create table compliance_cache (
    cache_key varchar(255) primary key,
    value text not null,
    expires timestamptz not null
);
create index compliance_cache_expires on compliance_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0025_nobody_gives_themselves_rights")]

    operations = [
        migrations.CreateModel(
            name="StaffSession",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("signed_in_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("address", models.GenericIPAddressField(null=True)),
                ("agent", models.CharField(blank=True, max_length=200)),
                (
                    "staff",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "compliance_session"},
        ),
        migrations.RunSQL(CACHE_UP, "drop table compliance_cache"),
    ]
