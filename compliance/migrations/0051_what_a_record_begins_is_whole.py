"""A section of a record that nobody has to write, once begun, is written whole: half an assessment is none."""

from django.db import migrations

UP = r"""
create or replace function compliance_record_is_whole(of_purpose text, facts jsonb) returns boolean
language sql immutable set search_path = public, pg_temp as $$
    select coalesce(
        facts -> 'processing' ?& array['what', 'people', 'data', 'recipients', 'transfers', 'kept', 'security']
        and facts -> 'bases' ?& array['UK', 'EU', 'US']
        and not exists (
            select from jsonb_each_text(facts -> 'bases') one
            where one.value not in ('consent', 'explicit_consent', 'contract', 'legal_obligation', 'legitimate_interest')
        )
        and (not facts ? 'interest' and not jsonb_path_exists(facts, '$.bases.* ? (@ == "legitimate_interest")')
            or facts -> 'interest' ?& array['interest', 'needed', 'balance'])
        and (not facts ? 'impact' and of_purpose not in ('profiling', 'sensitive')
            or facts -> 'impact' ?& array['described', 'needed', 'risks', 'measures']), false)
$$;
"""
DOWN = r"""
create or replace function compliance_record_is_whole(of_purpose text, facts jsonb) returns boolean
language sql immutable set search_path = public, pg_temp as $$
    select coalesce(
        facts -> 'processing' ?& array['what', 'people', 'data', 'recipients', 'transfers', 'kept', 'security']
        and facts -> 'bases' ?& array['UK', 'EU', 'US']
        and not exists (
            select from jsonb_each_text(facts -> 'bases') one
            where one.value not in ('consent', 'explicit_consent', 'contract', 'legal_obligation', 'legitimate_interest')
        )
        and (not jsonb_path_exists(facts, '$.bases.* ? (@ == "legitimate_interest")')
            or facts -> 'interest' ?& array['interest', 'needed', 'balance'])
        and (of_purpose not in ('profiling', 'sensitive')
            or facts -> 'impact' ?& array['described', 'needed', 'risks', 'measures']), false)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0050_two_officers_spare_a_notice")]
    operations = [migrations.RunSQL(UP, DOWN)]
