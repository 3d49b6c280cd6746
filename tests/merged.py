"""Two records that a person found to be one client's, as the verb joins them."""

from datetime import datetime

from compliance import roles
from compliance.models import Role
from personalize import merging
from personalize.models import MergeRequest
from tests.people import PASSWORD


def merge(kept_id: int, absorbed_id: int, *, at: datetime) -> MergeRequest:
    """Asked for and decided by somebody at work."""
    by = roles.hire("joiner", Role.OFFICER, PASSWORD)
    asked = MergeRequest.objects.create(kept_id=kept_id, absorbed_id=absorbed_id, reason="One person.", asked_at=at)
    return merging.merge(asked.pk, by=by, at=at)
