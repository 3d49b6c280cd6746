"""No model and no audience reads what is protected or what stands in for it, whatever way it is written."""

from dataclasses import replace

import pytest

from campaigns import audiences, plans
from campaigns.models import Campaign
from personalize import features, fitting
from personalize.models import Artefact, Feature
from personalize.training import ForbiddenFeature
from tests.campaigns.world import OBJECTIVE, World
from tests.people import NOON
from tests.personalize.test_training import drawn

pytestmark = pytest.mark.django_db
NAMES = sorted(features.PROTECTED | set(features.PROXIES))


def test_t32_protected_features_and_their_proxies_are_refused_by_every_door(world: World) -> None:
    examples, before = drawn(900), Feature.objects.count()
    told = {"meaning": "M", "client_words": "of m", "at": NOON, "purpose": "marketing", "sensitivity": "ordinary"}
    for name in NAMES:
        for written in (name, name.upper(), name.replace("_", "-"), name.replace("_", " ").title()):
            with pytest.raises(ForbiddenFeature, match=r"is a protected|stands in for"):
                fitting.fit("onboarding", replace(examples, x=examples.x[:, :1], codes=(written,)), by="t", at=NOON)
            with pytest.raises(features.BadFeature):
                features.register(f"my_{name}", {"attribute": written}, **told)
            for field in (written, f"attribute:{written}", f"feature:{written}"):
                rule = {"field": field, "op": "exists", "value": True}
                for whole in (rule, {"not": rule}, {"all": [{"any": [rule]}]}):
                    with pytest.raises(audiences.BadRule):
                        audiences.check(whole)
    rule = {"field": "attribute:zip-code", "op": "exists", "value": True}
    asked = {"slug": "by-area", "name": "By area", "use_case": "onboarding", "success_metric": "Module Completed",
             "objective": OBJECTIVE, "by": world.marketer, "at": NOON}  # fmt: skip
    with pytest.raises(plans.BadPlan, match="stands in for ethnicity"):
        plans.draft(**asked, audience=rule)
    with pytest.raises(plans.BadPlan, match="stands in for ethnicity"):
        plans.draft(**asked, candidates=[(world.block("hello"), False, rule)])
    assert not Artefact.objects.exists()
    assert not Campaign.objects.exists()
    assert Feature.objects.count() == before

    allowed = {"field": "attribute:branch", "op": "exists", "value": True}
    assert plans.draft(**asked, audience=allowed, candidates=[(world.block("hello"), False, allowed)]).pk
