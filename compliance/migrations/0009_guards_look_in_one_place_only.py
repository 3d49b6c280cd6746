"""Every guard finds its tables in `public`, whatever the session's search_path or temporary tables say.

Without that, a session could lay a temporary table over the review queue or the ledger and pass, or write its images
into the void. The fold of consents runs with its owner's rights, so the application needs none on its answers.
"""

from django.db import migrations

GUARDS = (
    "review_guard_approval", "review_guard_authorship", "review_guard_item", "compliance_consent_keep",
    "compliance_consent_guard", "compliance_ledger_complete", "compliance_keep_image", "compliance_only_added_to",
    "compliance_wording_stands",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("compliance", "0008_ledger_images_are_found_by_client")]
    operations = [
        *(
            migrations.RunSQL(
                f"alter function {name}() set search_path = public, pg_temp",
                f"alter function {name}() reset search_path",
            )
            for name in GUARDS
        ),
        migrations.RunSQL(
            "alter function compliance_consent_keep() security definer",
            "alter function compliance_consent_keep() security invoker",
        ),
    ]
