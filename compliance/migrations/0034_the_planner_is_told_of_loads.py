"""The application may have statistics taken again: what it loaded in a transaction, no autovacuum can see.

ANALYZE is for a table's owner, whom the application is not; asked by anyone else it warns and does nothing.
"""

from django.db import migrations

UP = """
create function compliance_analyse(tables regclass[]) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if tables = '{}' then
        analyze;
    else
        execute 'analyze ' || array_to_string(tables, ', ');
    end if;
end
$$;
"""
DOWN = "drop function compliance_analyse(regclass[])"


class Migration(migrations.Migration):
    dependencies = [("compliance", "0033_disagreements_are_kept")]
    operations = [migrations.RunSQL(UP, DOWN)]
