"""What people see of learning: how far campaigns are, and the reward that they may propose."""

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from campaigns import runs
from campaigns.learning import rewards
from campaigns.models import RewardVersion
from compliance.models import ReviewItem, ReviewState, Staff
from tests.campaigns.world import World

pytestmark = pytest.mark.django_db
PAGE, PROPOSE = "/console/learning/", "/console/learning/reward/"
ASKED = {**{name: str(rewards.USUAL[name]) for name in rewards.NUMBERS}, "why": "Outcomes first"}


def test_a_reward_is_proposed_refused_and_put_before_the_reviewers(client: Browser, world: World, editor: Staff):
    world.client(1)
    runs.launch(world.campaign(), by=world.marketer, at=world.at)
    client.force_login(world.marketer)
    shown = client.get(PAGE).content.decode()
    assert "No reward was proposed yet" in shown
    assert "A guide" in shown
    assert "none yet; rules choose" in shown

    refused = client.post(PROPOSE, {**ASKED, "open": "3"})
    assert refused.status_code == 422
    assert "at most a fifth" in refused.content.decode()
    assert 'value="3"' in refused.content.decode()
    assert client.post(PROPOSE, {**ASKED, "harm": "much"}).status_code == 422
    assert not RewardVersion.objects.exists()

    assert client.post(PROPOSE, ASKED).status_code == 302
    made = RewardVersion.objects.get()
    assert (made.version, made.weights["explores_sensitive"]) == (1, False)
    item = ReviewItem.objects.get(digest=made.digest)
    assert (item.state, item.approvals_needed) == (ReviewState.WAITING, 2)
    assert "Waiting" in client.get(PAGE).content.decode()

    client.force_login(editor)
    assert "Propose a version" not in client.get(PAGE).content.decode()
    assert client.post(PROPOSE, {**ASKED, "harm": "9"}).status_code == 403
    assert RewardVersion.objects.count() == 1


def test_the_page_asks_as_much_for_three_campaigns_as_for_one(
    client: Browser, world: World, django_assert_num_queries
) -> None:
    world.client(1)
    runs.launch(world.campaign(), by=world.marketer, at=world.at)
    client.force_login(world.marketer)
    with CaptureQueriesContext(connection) as seen:
        client.get(PAGE)
    for number in (2, 3):
        runs.launch(world.campaign(slug=f"guide-{number}"), by=world.marketer, at=world.at)
    with django_assert_num_queries(len(seen)):
        client.get(PAGE)
