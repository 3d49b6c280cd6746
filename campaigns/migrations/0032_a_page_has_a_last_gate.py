"""What keeps a page's words back although client and editors agree: a switch, a pause, a run that ended.

The last gate of mail asks the same; until now nobody asked it for a page.
"""

from django.db import migrations

UP = """
create function campaigns_page_shut(run bigint, variant bigint) returns text language sql stable as $$
    select case
        when r.state = 'stopped' then 'run_stopped'
        when exists (select from public.compliance_stop s where s.released_at is null)
            and public.campaigns_is_stopped('web', variant, run) then 'stopped'
        when exists (select from public.campaigns_pause p where p.run_id = run and p.resumed_at is null)
            then 'run_paused'
        else ''
    end
    from public.campaigns_run r
    where r.id = run
$$;
"""
DOWN = "drop function campaigns_page_shut(bigint, bigint);"


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0031_figures_end")]
    operations = [migrations.RunSQL(UP, DOWN)]
