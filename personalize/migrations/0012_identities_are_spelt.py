"""More than one identity is called identities, as a client's copy names them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("personalize", "0011_a_later_day_follows_only_a_live_one")]
    operations = [migrations.AlterModelOptions("identity", {"verbose_name_plural": "identities"})]
