"""A sensitive text may go by its pairs: each was approved side by side with the other."""

import django.contrib.postgres.fields
from django.db import migrations, models

# What `variants.standing` calls "go", for the last gate: also a text whose every pair was approved side by side.
UP = """
create function campaigns_pairs_may_go(met varchar[], moment timestamptz) returns boolean
language sql stable set search_path = public, pg_temp as $$
    select cardinality(met) > 0 and not exists (
        select from unnest(met) p (pair)
        where not exists (
            select from campaigns_coveredpair c join compliance_reviewitem i on i.digest = c.review
            where c.pair = p.pair and i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
        )
    )
$$;

create or replace function campaigns_words_may_go(variant bigint, moment timestamptz) returns boolean language sql stable as $$
    select not exists (
            select from public.compliance_reviewitem i
            where i.digest = any(v.blocks::text[] || v.digest::text) and i.state in ('rejected', 'withdrawn')
        ) and not exists (
            select from public.campaigns_blockversion b where b.id = any(v.versions) and b.valid_until <= moment
        ) and (
            exists (
                select from public.compliance_reviewitem i
                where i.digest = v.digest and i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
            ) or (
                (not v.needs_review or public.campaigns_pairs_may_go(v.pairs, moment)) and cardinality(v.blocks) = (
                    select count(*) from unnest(v.blocks) b (digest)
                    join public.compliance_reviewitem i on i.digest = b.digest
                    where i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
                )
            )
        )
    from public.campaigns_variant v
    where v.id = variant
$$;

create or replace function campaigns_keep_variant_words() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
    if tg_op = 'DELETE' or to_jsonb(old) - array['topics', 'needs_review', 'ruleset', 'pairs']
            is distinct from to_jsonb(new) - array['topics', 'needs_review', 'ruleset', 'pairs'] then
        raise exception 'the words of a variant never change'
            using errcode = 'restrict_violation', constraint = 'a_variant_never_changes',
                  hint = 'Another text is another variant.';
    end if;
    return new;
end $$;
"""
DOWN = """
create or replace function campaigns_words_may_go(variant bigint, moment timestamptz) returns boolean language sql stable as $$
    select not exists (
            select from public.compliance_reviewitem i
            where i.digest = any(v.blocks::text[] || v.digest::text) and i.state in ('rejected', 'withdrawn')
        ) and not exists (
            select from public.campaigns_blockversion b where b.id = any(v.versions) and b.valid_until <= moment
        ) and (
            exists (
                select from public.compliance_reviewitem i
                where i.digest = v.digest and i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
            ) or (
                not v.needs_review and cardinality(v.blocks) = (
                    select count(*) from unnest(v.blocks) b (digest)
                    join public.compliance_reviewitem i on i.digest = b.digest
                    where i.state = 'approved' and (i.valid_until is null or i.valid_until > moment)
                )
            )
        )
    from public.campaigns_variant v
    where v.id = variant
$$;

drop function campaigns_pairs_may_go(varchar[], timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0014_caps_roll"),
    ]

    operations = [
        migrations.AddField(
            model_name="variant",
            name="pairs",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), default=list, size=None
            ),
        ),
        migrations.RunSQL(UP, DOWN),
    ]
