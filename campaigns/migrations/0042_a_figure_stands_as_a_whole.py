"""A text shows a figure only where its words stand as a whole: “6%” is not shown by “76%”."""

from django.db import migrations

# As `figures.shows`: the words with a backslash before every sign that a pattern would read.
UP = r"""
create function campaigns_shows(body text, words text) returns boolean
language sql immutable set search_path = public, pg_temp as $$
    select body ~ (
        '(?<![0-9A-Za-z_+-])(?<![0-9][.,])'
        || regexp_replace(words, '([].^$*+?(){}|[\\])', '\\\1', 'g')
        || '(?![0-9A-Za-z_])(?![.,][0-9])'
        || case when words ~ '[0-9]$' then '(?! ?%)' else '' end
    )
$$;

create or replace function campaigns_figures_stand(shown bigint[], moment timestamptz) returns boolean
language sql stable set search_path = public, pg_temp as $$
    select not exists (
        select from campaigns_blockversion b
        cross join jsonb_array_elements_text(b.figures) as wanted (code)
        left join lateral (
            select f.words, i.state = 'approved' and i.valid_until > moment as stands
            from campaigns_figure f join compliance_reviewitem i on i.digest = f.digest
            where f.code = wanted.code and i.state in ('approved', 'withdrawn')
            order by f.version desc
            limit 1
        ) newest on true
        where b.id = any(shown) and (newest.stands is not true or not campaigns_shows(b.body, newest.words))
    )
$$;
"""
DOWN = """
create or replace function campaigns_figures_stand(shown bigint[], moment timestamptz) returns boolean
language sql stable set search_path = public, pg_temp as $$
    select not exists (
        select from campaigns_blockversion b
        cross join jsonb_array_elements_text(b.figures) as wanted (code)
        left join lateral (
            select f.words, i.state = 'approved' and i.valid_until > moment as stands
            from campaigns_figure f join compliance_reviewitem i on i.digest = f.digest
            where f.code = wanted.code and i.state in ('approved', 'withdrawn')
            order by f.version desc
            limit 1
        ) newest on true
        where b.id = any(shown) and (newest.stands is not true or position(newest.words in b.body) = 0)
    )
$$;
drop function campaigns_shows(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0041_performance_is_typed_and_whole")]
    operations = [migrations.RunSQL(UP, DOWN)]
