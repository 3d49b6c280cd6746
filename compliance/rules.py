"""The topics and copy rules that the package ships, as rows that officers can read."""

import json
from datetime import date
from pathlib import Path

from django.db import transaction

from compliance.models import CopyRule, Topic
from compliance.words import lint, topics

SHIPPED = Path(lint.__file__).parent / "rules.json"
KEPT = ("family", "severity", "styles", "market", "text", "trips", "spares", "citation", "match", "also", "unless")


@transaction.atomic
def ensure() -> int:
    """Add the topics and rules that are missing, and say how many; rows that exist stay as officers left them."""
    shown, _ = topics.vocabulary()
    added = 0
    for one in topics.POLICY.values():
        facts = {
            "name": one.name,
            "covers": one.covers,
            "approvals": one.approvals,
            "officers": one.officers,
            "audience_rule": one.audience,
            "lexicon": [phrase.source for phrase in shown if phrase.tag == one.code],
        }
        added += Topic.objects.get_or_create(code=one.code, defaults=facts)[1]
    for row in json.loads(SHIPPED.read_text(encoding="utf-8")):
        facts = {name: row[name] for name in KEPT} | {"valid_from": date.fromisoformat(row["valid_from"])}
        added += CopyRule.objects.get_or_create(code=row["code"], version=1, defaults=facts)[1]
    return added
