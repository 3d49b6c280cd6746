"""Indexes of the explorer: whatever is asked (thing, client, campaign, text, person, deed, days), newest first.

Each ends in (at, id), so a page is one backward walk from where the last one ended. Prefix searches work in any locale.
"""

from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import F

BY_FACT = {"client": "client_id", "campaign": "campaign_id", "text": "digest", "slug": "slug"}


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("compliance", "0017_the_tree_keeps_tiles")]
    operations = [
        AddIndexConcurrently(
            "ledgerentry",
            models.Index(OpClass(F("about"), "varchar_pattern_ops"), F("at"), F("id"), name="ledger_about_at"),
        ),
        AddIndexConcurrently("ledgerentry", models.Index(fields=["actor", "at", "id"], name="ledger_actor_at")),
        AddIndexConcurrently("ledgerentry", models.Index(fields=["kind", "at", "id"], name="ledger_kind_at")),
        AddIndexConcurrently("ledgerentry", models.Index(fields=["at", "id"], name="ledger_at_id")),
        *(
            migrations.RunSQL(
                f"create index concurrently ledger_by_{name} on compliance_ledgerentry "
                f"((facts -> '{fact}'), at, id) where facts ? '{fact}'",
                f"drop index concurrently ledger_by_{name}",
            )
            for name, fact in BY_FACT.items()
        ),
        RemoveIndexConcurrently("ledgerentry", "ledger_about"),
        RemoveIndexConcurrently("ledgerentry", "ledger_kind"),
        RemoveIndexConcurrently("ledgerentry", "ledger_at"),
        migrations.RunSQL(
            "drop index concurrently ledger_client",
            "create index concurrently ledger_client on compliance_ledgerentry ((facts -> 'client_id'), id) "
            "where facts ? 'client_id'",
        ),
    ]
