"""The demo firm asks whether groups of clients were shown alike: who they are was volunteered for that one use."""

from datetime import timedelta

import numpy as np

from campaigns.demo.cast import Story
from campaigns.fairness import offers, reports
from campaigns.models import BlockVersion, Campaign, OfferKind
from compliance import groups
from compliance.groups import Membership

VOLUNTEERED = 0.6  # share of clients who answered
BANDS = ((35, "under 35"), (55, "35 to 54"), (200, "55 and over"))
# What the words lead to, as the product people said: yearly cost in hundredths of a percent.
OFFERS = {"body-isa-growth": 45, "body-isa-careful": 25, "action-open-risk-guide": 0, "action-try-risk-questions": 0}
COMPARED = (("isa-explained", 70), ("understand-risk-second-year", 49), ("understand-risk-autumn", 36))
WINDOW = timedelta(days=29)


def volunteered(story: Story) -> int:
    """Sex and age of those who answered a form that said what it is for; how many memberships that is."""
    asked = story.ago(80)
    said = np.flatnonzero(story.rng.random(len(story.people)) < VOLUNTEERED)
    answered = [one for one in said.tolist() if story.people.since[one] < asked]
    sex = np.where(story.rng.random(len(story.people)) < 0.52, "female", "male")
    told = [
        Membership(int(story.ids[one]), attribute, group, 1.0, "volunteered", asked)
        for one in answered
        for attribute, group in (("sex", str(sex[one])), ("age_band", _band(int(story.people.age[one]))))
    ]
    return groups.put(told, source="equality form", at=asked)


def compare(story: Story) -> None:
    """What some blocks offer, and what was found four weeks after each of three launches."""
    for slug, fee in OFFERS.items():
        version = BlockVersion.objects.filter(block__slug=slug).latest("number")
        offers.say(version.pk, kind=OfferKind.BENEFICIAL, fee_bps=fee, by=story.staff["officer"], at=story.ago(75))
    for slug, days_ago in COMPARED:
        since = story.ago(days_ago + 1)
        made = Campaign.objects.get(slug=slug)
        reports.of_campaign(made, since=since, until=since + WINDOW, by=story.staff["officer"], at=since + WINDOW)


def _band(age: int) -> str:
    return next(words for below, words in BANDS if age < below)
