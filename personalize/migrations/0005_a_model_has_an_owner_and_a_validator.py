"""Each use case says what models are for; a live model has an owner, another who validated it, and an end."""

import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0004_event_guards_look_in_one_place_only"),
        ("compliance", "0015_history_is_written_by_the_database"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalModelUse",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("use_case", models.SlugField(max_length=64)),
                ("purpose", models.CharField(max_length=200)),
                (
                    "materiality",
                    models.CharField(
                        choices=[
                            ("low", "low: chooses among approved texts"),
                            ("medium", "medium: decides how often a client hears from us"),
                            ("high", "high: concerns clients in need of care"),
                        ],
                        max_length=8,
                    ),
                ),
                ("lawful_basis", models.CharField(max_length=200)),
                ("dpia", models.CharField(max_length=200)),
                ("lia", models.CharField(max_length=200)),
                (
                    "ai_act_class",
                    models.CharField(
                        choices=[("minimal", "minimal risk"), ("limited", "limited risk: transparency")], max_length=8
                    ),
                ),
                ("declared_at", models.DateTimeField()),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
            ],
            options={
                "verbose_name": "historical model use",
                "verbose_name_plural": "historical model uses",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="ModelUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("use_case", models.SlugField(max_length=64, unique=True)),
                ("purpose", models.CharField(max_length=200)),
                (
                    "materiality",
                    models.CharField(
                        choices=[
                            ("low", "low: chooses among approved texts"),
                            ("medium", "medium: decides how often a client hears from us"),
                            ("high", "high: concerns clients in need of care"),
                        ],
                        max_length=8,
                    ),
                ),
                ("lawful_basis", models.CharField(max_length=200)),
                ("dpia", models.CharField(max_length=200)),
                ("lia", models.CharField(max_length=200)),
                (
                    "ai_act_class",
                    models.CharField(
                        choices=[("minimal", "minimal risk"), ("limited", "limited risk: transparency")], max_length=8
                    ),
                ),
                ("declared_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="artefact",
            name="findings",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="artefact",
            name="owned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="artefact",
            name="owner",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="artefact",
            name="validated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="artefact",
            name="validator",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="feature",
            name="proxy_of",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddField(
            model_name="feature",
            name="proxy_risk",
            field=models.CharField(
                choices=[("low", "low"), ("medium", "medium: watched"), ("high", "high: justified in writing")],
                default="low",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="findings",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="owned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="validated_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="historicalartefact",
            name="validator",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalfeature",
            name="proxy_of",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddField(
            model_name="historicalfeature",
            name="proxy_risk",
            field=models.CharField(
                choices=[("low", "low"), ("medium", "medium: watched"), ("high", "high: justified in writing")],
                default="low",
                max_length=6,
            ),
        ),
        # Nobody answers for a model that went live before: rules choose until somebody does.
        migrations.RunSQL("update personalize_artefact set stage = 'retired' where stage = 'live'", "select 1"),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("stage", "live"), _negated=True),
                    models.Q(
                        ("expires_at__isnull", False),
                        ("owner__isnull", False),
                        ("validated_at__isnull", False),
                        ("validator__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="a_live_model_has_an_owner_a_validator_and_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("owner__isnull", True),
                    ("validator__isnull", True),
                    models.Q(("owner", models.F("validator")), _negated=True),
                    _connector="OR",
                ),
                name="nobody_validates_the_model_they_own",
            ),
        ),
        migrations.AddConstraint(
            model_name="artefact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("owner__isnull", True),
                    ("approved_by__isnull", True),
                    models.Q(("owner", models.F("approved_by")), _negated=True),
                    _connector="OR",
                ),
                name="nobody_approves_the_model_they_own",
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("sensitivity", "sensitive"), _negated=True), ("purpose", "sensitive"), _connector="OR"
                ),
                name="special_category_needs_its_own_consent",
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("proxy_risk", "low"), models.Q(("proxy_of", ""), _negated=True), _connector="OR"),
                name="a_proxy_says_what_for",
            ),
        ),
        migrations.AddField(
            model_name="historicalmodeluse",
            name="declared_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="historicalmodeluse",
            name="history_user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="historicalmodeluse",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="modeluse",
            name="declared_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="modeluse",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddConstraint(
            model_name="modeluse",
            constraint=models.CheckConstraint(
                condition=models.Q(("ai_act_class__in", ["minimal", "limited"])), name="no_high_risk_model_is_made_here"
            ),
        ),
        migrations.RunSQL(
            "select compliance_keep_images_of('personalize_modeluse', 'id', '{}');",
            "select compliance_keep_no_images_of('personalize_modeluse');",
        ),
    ]
