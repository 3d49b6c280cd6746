"""The topics and rules that the package ships, as rows that officers can read and, later, edit."""

import json
from datetime import date
from pathlib import Path

from django.db import migrations

RULES = Path(__file__).resolve().parent.parent / "words" / "rules.json"
SINCE = date(2026, 1, 1)


def load(apps, schema_editor):
    from compliance.words import topics  # pure data, no models: the same in every state of the schema

    shown, _ = topics.vocabulary()
    topic, history = apps.get_model("compliance", "Topic"), apps.get_model("compliance", "HistoricalTopic")
    from django.utils.timezone import now

    for one in topics.POLICY.values():
        facts = {
            "name": one.name,
            "covers": one.covers,
            "approvals": one.approvals,
            "officers": one.officers,
            "audience_rule": one.audience,
            "lexicon": [phrase.source for phrase in shown if phrase.tag == one.code],
        }
        _, made = topic.objects.get_or_create(code=one.code, defaults=facts)
        if made:
            history.objects.create(code=one.code, history_date=now(), history_type="+", **facts)
    rule, history = apps.get_model("compliance", "CopyRule"), apps.get_model("compliance", "HistoricalCopyRule")
    for row in json.loads(RULES.read_text(encoding="utf-8")):
        facts = {
            name: row[name]
            for name in (
                "family",
                "severity",
                "styles",
                "market",
                "text",
                "trips",
                "spares",
                "citation",
                "match",
                "also",
                "unless",
            )
        }
        facts["valid_from"] = date.fromisoformat(row["valid_from"])
        kept, made = rule.objects.get_or_create(code=row["code"], version=1, defaults=facts)
        if made:
            history.objects.create(
                id=kept.pk, code=row["code"], version=1, history_date=now(), history_type="+", **facts
            )


class Migration(migrations.Migration):
    dependencies = [("compliance", "0006_the_ledger_is_written_by_the_database")]
    # Backwards nothing is removed: a topic may be named by a review that must stay readable.
    operations = [migrations.RunPython(load, migrations.RunPython.noop, elidable=False)]
