"""Messages in doubt have an index of their own: they are few, and whoever watches asks for them every few seconds."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0045_the_gate_moves_two_messages_at_once")]
    operations = [
        AddIndexConcurrently(
            "message",
            models.Index(condition=models.Q(("state", "unconfirmed")), fields=["id"], name="message_in_doubt"),
        ),
    ]
