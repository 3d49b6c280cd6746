"""Figures with evidence and an end, and the last gate keeps what shows one that ended until it is renewed."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What `figures.ended` says of one version, for the last gate: every figure stands, in the words that the text shows.
UP = """
create function campaigns_figures_stand(shown bigint[], moment timestamptz) returns boolean
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
        ) and (not v.is_bound or public.campaigns_figures_stand(v.versions, moment))
    from public.campaigns_variant v
    where v.id = variant
$$;
"""

# As in `texts_may_go_by_their_pairs`.
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
drop function campaigns_figures_stand(bigint[], timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0030_a_text_says_whom_it_is_for"),
        ("compliance", "0039_one_engine_reviews_figures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="blockversion",
            name="figures",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="historicalblockversion",
            name="figures",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name="variant",
            name="is_bound",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="Figure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.SlugField(max_length=40)),
                ("version", models.PositiveIntegerField(default=1)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("rate", "Rate"), ("loss", "Share of clients who lose money"), ("claim", "Claim")],
                        max_length=5,
                    ),
                ),
                ("words", models.CharField(max_length=200)),
                ("product", models.CharField(blank=True, max_length=32)),
                ("evidence", models.CharField(max_length=500)),
                ("as_of", models.DateField()),
                ("until", models.DateField()),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="one_row_per_figure_version"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until__gt", models.F("as_of")),
                            models.Q(("evidence", ""), _negated=True),
                            models.Q(("words", ""), _negated=True),
                        ),
                        name="a_figure_has_evidence_and_an_end",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "create trigger only_added_to before update or delete on campaigns_figure "
            "for each row execute function compliance_only_added_to();"
            "alter table campaigns_figure enable always trigger only_added_to;"
            "comment on table campaigns_figure is 'application may select, insert';"
            "select compliance_keep_images_of('campaigns_figure', 'id', '{}')",
            "select compliance_keep_no_images_of('campaigns_figure');drop trigger only_added_to on campaigns_figure",
        ),
        migrations.RunSQL(UP, DOWN),
    ]
