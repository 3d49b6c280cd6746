"""A switch on a model stops the runs that it answers in, as their model or as their canary."""

from django.db import migrations

IS_STOPPED = """
create or replace function campaigns_is_stopped(way text, variant bigint, run bigint) returns boolean
language sql stable as $$
    select exists (
        select from public.compliance_stop s
        left join public.campaigns_variant v on v.id = variant
        left join public.campaigns_run r on r.id = run
        left join public.campaigns_campaign c on c.id = r.campaign_id
        where s.released_at is null and case s.scope
            when 'everything' then true
            when 'channel' then s.target = way
            when 'campaign' then s.target = c.slug
            when 'model' then s.target {model}
            when 'topic' then v.topics ? s.target
            when 'block' then exists (
                select from public.campaigns_blockversion w
                join public.campaigns_block b on b.id = w.block_id
                where w.id = any(v.versions) and b.slug = s.target
            )
            else true
        end
    )
$$;
"""
UP = IS_STOPPED.format(model="in (r.artefact_id::text, r.plan #>> '{canary,artefact}')")
DOWN = IS_STOPPED.format(model="= r.artefact_id::text")


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0049_the_gate_spares_and_asks_for_certificates")]
    operations = [migrations.RunSQL(UP, DOWN)]
