"""A row of a copy rule says everything that judging by it needs: its phrases, test texts, rewrite, author and digest.

Test texts become lists. No row of a rule was written since history rows and row images are compared, so none of these
can differ by the change of type.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SEVERITIES = [
    ("BLOCK", "Blocks: only a compliance officer lets it pass, in writing"),
    ("REVIEW", "Review: an editor decides"),
    ("WARN", "Warns: author and reviewer are told"),
]
TO_LISTS = """
alter table compliance_{table}
    alter column trips type jsonb using jsonb_build_array(trips),
    alter column spares type jsonb using jsonb_build_array(spares)
"""
TO_TEXTS = """
alter table compliance_{table}
    alter column trips type text using coalesce(trips ->> 0, ''),
    alter column spares type text using coalesce(spares ->> 0, '')
"""
LISTS = ("trips", "spares")


def _fields(model: str):
    yield "deniable", models.BooleanField(default=False)
    yield "enacted_at", models.DateTimeField(null=True)
    yield "made_at", models.DateTimeField(null=True)
    yield "phrases", models.JSONField(blank=True, default=list)
    yield "purposes", models.JSONField(blank=True, default=list)
    yield "structure", models.CharField(blank=True, max_length=40)
    yield "suggestion", models.TextField(blank=True)
    yield "why", models.CharField(blank=True, max_length=300)


def _operations():
    for model in ("copyrule", "historicalcopyrule"):
        for name, field in _fields(model):
            yield migrations.AddField(model, name, field)
        yield migrations.AlterField(model, "severity", models.CharField(choices=SEVERITIES, max_length=8))
        yield migrations.AlterField(model, "styles", models.JSONField(blank=True, default=list))
        yield migrations.RunSQL(
            TO_LISTS.format(table=model),
            TO_TEXTS.format(table=model),
            state_operations=[migrations.AlterField(model, name, models.JSONField(default=list)) for name in LISTS],
        )
    yield migrations.AddField(
        "copyrule",
        "author",
        models.ForeignKey(
            null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
        ),
    )
    yield migrations.AddField(
        "historicalcopyrule",
        "author",
        models.ForeignKey(
            blank=True,
            db_constraint=False,
            null=True,
            on_delete=django.db.models.deletion.DO_NOTHING,
            related_name="+",
            to=settings.AUTH_USER_MODEL,
        ),
    )
    yield migrations.AddField("copyrule", "digest", models.CharField(default="", max_length=64), preserve_default=False)
    yield migrations.AddField(
        "historicalcopyrule",
        "digest",
        models.CharField(db_index=True, default="", max_length=64),
        preserve_default=False,
    )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0028_tokens_have_scopes_and_a_standing")]
    operations = list(_operations())
