"""Published block versions and variants keep their words: approvals attach to them. Only an end may be set."""

from django.db import migrations

MAKE = """
create function campaigns_keep_published_words() returns trigger language plpgsql as $$
begin
    if old.published_at is null then
        return case when tg_op = 'DELETE' then old else new end;
    end if;
    if tg_op = 'DELETE' or to_jsonb(old) - 'valid_until' is distinct from to_jsonb(new) - 'valid_until' then
        raise exception 'a published block version never changes'
            using errcode = 'restrict_violation', constraint = 'a_published_version_never_changes',
                  hint = 'Write a new version, or set valid_until to end this one.';
    end if;
    return new;
end $$;

create trigger published_words_never_change before update or delete on campaigns_blockversion
    for each row execute function campaigns_keep_published_words();

create function campaigns_keep_variant_words() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or to_jsonb(old) - array['topics', 'needs_review', 'ruleset']
            is distinct from to_jsonb(new) - array['topics', 'needs_review', 'ruleset'] then
        raise exception 'the words of a variant never change'
            using errcode = 'restrict_violation', constraint = 'a_variant_never_changes',
                  hint = 'Another text is another variant.';
    end if;
    return new;
end $$;

create trigger variant_words_never_change before update or delete on campaigns_variant
    for each row execute function campaigns_keep_variant_words();
"""

DROP = """
drop trigger variant_words_never_change on campaigns_variant;
drop function campaigns_keep_variant_words();
drop trigger published_words_never_change on campaigns_blockversion;
drop function campaigns_keep_published_words();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_variant_blocks_and_ruleset")]

    operations = [migrations.RunSQL(MAKE, DROP)]
