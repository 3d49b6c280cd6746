"""Images of merge requests leave out the names and addresses that an undo needs; a hold keeps what clients did and said."""

from django.db import migrations

HELD = ("event", "declaration", "outcome")


class Migration(migrations.Migration):
    dependencies = [
        ("personalize", "0007_the_guard_of_models_is_always_on"),
        ("compliance", "0036_records_have_periods_and_holds"),
    ]
    operations = [
        migrations.RunSQL(
            *(
                "select compliance_keep_no_images_of('personalize_mergerequest');"
                f"select compliance_keep_images_of('personalize_mergerequest', 'id', '{left_out}')"
                for left_out in ("{moved,reason}", "{}")
            )
        ),
        *(
            migrations.RunSQL(
                f"create trigger a_hold_wins after delete on personalize_{name} referencing old table as gone "
                "for each statement execute function compliance_hold_wins();"
                f"alter table personalize_{name} enable always trigger a_hold_wins",
                f"drop trigger a_hold_wins on personalize_{name}",
            )
            for name in HELD
        ),
    ]
