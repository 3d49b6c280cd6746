"""Performance is a typed part of a block version, and the database keeps it whole or not at all.

US-13: 17 CFR 275.206(4)-1(d)(1), (2), (6); UK-06: COBS 4.6.2R.
"""

from django.db import migrations, models

UP = r"""
create function campaigns_performance_is_whole(given jsonb, words text, meant_for text) returns boolean
language sql immutable set search_path = public, pg_temp as $$
    select given = '{}' or coalesce(
        given ->> 'kind' in ('actual', 'hypothetical')
        and (given ->> 'kind' = 'actual' or meant_for = 'professional')
        and given ->> 'currency' ~ '^[A-Z]{3}$'
        and btrim(given ->> 'source') <> '' and btrim(given ->> 'method') <> ''
        and given ->> 'ended_on' ~ '^\d{4}-\d\d-\d\d$'
        and btrim(given ->> 'warning') <> '' and position(given ->> 'warning' in words) > 0
        and jsonb_array_length(given -> 'periods') > 0
        and not exists (
            select from jsonb_array_elements(given -> 'periods') one
            where (one ->> 'start' ~ '^\d{4}-\d\d-\d\d$' and one ->> 'end' ~ '^\d{4}-\d\d-\d\d$'
                and one ->> 'gross' ~ '^-?\d{1,4}(\.\d{1,2})?$' and one ->> 'net' ~ '^-?\d{1,4}(\.\d{1,2})?$')
                is not true
        ), false)
$$;
alter table campaigns_blockversion add constraint performance_is_whole_or_not_shown
    check (campaigns_performance_is_whole(performance, body, audience));
"""
DOWN = """
alter table campaigns_blockversion drop constraint performance_is_whole_or_not_shown;
drop function campaigns_performance_is_whole(jsonb, text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0040_what_attention_costs_is_kept")]

    operations = [
        migrations.AddField("blockversion", "performance", models.JSONField(db_default={}, default=dict)),
        migrations.AddField("historicalblockversion", "performance", models.JSONField(db_default={}, default=dict)),
        migrations.RunSQL(UP, DOWN),
    ]
