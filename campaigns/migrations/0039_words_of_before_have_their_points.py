"""Texts that were put together before pressure had points get those of their blocks; without them they pressed free.

Migration 0034 scored the blocks of before and sums the points of each new text. A text is put together once and used
by every later run, so those of before would have spent nothing of a client's budget for as long as they are used.
"""

from django.db import migrations

UP = """
alter table campaigns_variant disable trigger variant_words_never_change;
update campaigns_variant v set pressure = p.points
from (
    select w.id, (
        select coalesce(sum(b.urgency + b.fear), 0) from campaigns_blockversion b where b.id = any(w.versions)
    ) as points
    from campaigns_variant w
) p
where p.id = v.id and v.pressure <> p.points;
alter table campaigns_variant enable always trigger variant_words_never_change;
"""


class Migration(migrations.Migration):
    """Taken back it leaves the points, which are right either way."""

    dependencies = [("campaigns", "0038_a_model_that_failed_answers_nobody")]
    operations = [migrations.RunSQL(UP, migrations.RunSQL.noop)]
