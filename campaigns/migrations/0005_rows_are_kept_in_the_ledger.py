"""Row images of what the hands write, launch and send."""

from django.db import migrations

# table: (its key, columns its images leave out)
IMAGES = {
    "block": ("id", "{}"),
    "blockversion": ("id", "{}"),
    "campaign": ("id", "{}"),
    "campaignblock": ("id", "{}"),
    "variant": ("id", "{html,text}"),
    "run": ("id", "{plan}"),
    "message": ("id", "{address,merge,features,closed,reasons,reason_values,slot_propensity,choice,lease,lease_until}"),
}


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_approved_words_never_change"),
        ("compliance", "0006_the_ledger_is_written_by_the_database"),
    ]
    operations = [
        migrations.RunSQL(
            """
            alter table campaigns_blockversion enable always trigger published_words_never_change;
            alter table campaigns_variant enable always trigger variant_words_never_change;
            create trigger never_truncated before truncate on campaigns_blockversion
                for each statement execute function compliance_only_added_to();
            create trigger never_truncated before truncate on campaigns_variant
                for each statement execute function compliance_only_added_to();
            alter table campaigns_blockversion enable always trigger never_truncated;
            alter table campaigns_variant enable always trigger never_truncated;
            """,
            """
            drop trigger never_truncated on campaigns_variant;
            drop trigger never_truncated on campaigns_blockversion;
            alter table campaigns_variant enable trigger variant_words_never_change;
            alter table campaigns_blockversion enable trigger published_words_never_change;
            """,
        ),
        *(
            migrations.RunSQL(
                f"select compliance_keep_images_of('campaigns_{name}', '{key}', '{left_out}');",
                f"select compliance_keep_no_images_of('campaigns_{name}');",
            )
            for name, (key, left_out) in IMAGES.items()
        ),
    ]
