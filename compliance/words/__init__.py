"""Words alone: normalising, sensitive topics and copy rules. Pure: no Django, no database, no clock."""
