"""From the board down: groups by week, market and language in words and pictures, little told of few, and the stop."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test import Client as Browser
from playwright.sync_api import Browser as Window
from playwright.sync_api import Page

from campaigns.fairness import reports, said, slices
from campaigns.models import Campaign, FairnessReport, Message
from compliance.models import Client, Role, Staff, Stop
from personalize.models import Artefact
from tests.browser import accessible
from tests.campaigns.test_fairness import shown
from tests.campaigns.world import World
from tests.owner import as_owner
from tests.people import PASSWORD, reviewer

pytestmark = pytest.mark.django_db
PASSED = {"kind": "good", "group": "b", "versus": "a", "value": 1.0, "low": None, "high": None, "p": None, "n": 480,
          "needed": 1, "worse_off": "", "is_proxy": False, "verdict": "pass"}  # fmt: skip
WEEKS, EACH = 4, 120  # clients of each of two groups in each week


@pytest.fixture
def campaign(world: World) -> Campaign:
    return world.campaign()


def measured(world: World, campaign: Campaign, *, few: int = EACH) -> FairnessReport:
    """Four weeks, two groups of 120 a week; in each week half of `a` and a quarter of `b` are shown what is beneficial.

    few: how many of `b` there are in the newest week
    """
    group, body, week = [], [], []
    for number in range(WEEKS):
        for name, share in (("a", 0.5), ("b", 0.25)):
            size = few if (name, number) == ("b", WEEKS - 1) else EACH
            group += [name] * size
            body += ["calm" if one < share * size else "bold" for one in range(size)]
            week += [number] * size
    ids = shown(world, campaign, body, group=group, cost={"calm": 20, "bold": 150})
    for number in range(WEEKS):
        mine = ids[np.array(week) == number].tolist()
        decided = world.at - timedelta(days=7 * (WEEKS - 1 - number))
        Message.objects.filter(client_id__in=mine).update(decided_at=decided)
    Client.objects.filter(pk__in=ids[::2].tolist()).update(jurisdiction="EU", language="de")
    until = world.at + timedelta(hours=1)
    return reports.of_campaign(campaign, since=until - timedelta(days=28), until=until, by="system:test", at=until)


def test_a_finding_is_followed_to_weeks_markets_and_languages(world: World, campaign: Campaign) -> None:
    made = measured(world, campaign)

    weeks, markets, languages = slices.tables(made, "sex", "offered")

    assert [one.name for one in (weeks, markets, languages)] == ["Week", "Market", "Language"]
    assert {name: [(one.n, one.value) for one in cells] for name, cells in weeks.rows.items()} == {
        "a": [(120, 0.5)] * 4, "b": [(120, 0.25)] * 4,
    }  # fmt: skip
    assert (markets.columns, languages.columns) == (("European Union", "United Kingdom"), ("de", "en"))
    assert [one.n for one in markets.rows["b"]] == [240, 240]
    told = said.weeks(weeks, is_good=True, is_share=True)
    assert told[0] == "b had the worst of it in 4 of 4 weeks."
    assert told[1].endswith(": 25.0 % for b, 50.0 % for a.")
    fees = slices.tables(made, "sex", "fee")[0]
    assert [round(one.value or 0, 1) for one in fees.rows["a"]] == [85.0] * 4


@pytest.mark.parametrize("few", [19, 1, 0])
def test_few_are_never_told_not_even_by_subtraction(world: World, campaign: Campaign, few: int) -> None:
    made = measured(world, campaign, few=few)

    weeks = slices.tables(made, "sex", "reached")[0]

    empty = {
        (name, place) for name, cells in weeks.rows.items() for place, one in enumerate(cells) if one.value is None
    }
    assert ("b", 3) in empty
    assert {weeks.rows[name][place].n for name, place in empty} == {0}
    for line in (*[[(name, place) for place in range(4)] for name in "ab"],
                 *[[(name, place) for name in "ab"] for place in range(4)]):  # fmt: skip
        assert len([one for one in line if one in empty]) != 1
    assert weeks.rows["a"][0].n == EACH or weeks.rows["a"][1].n == EACH


def test_twenty_are_enough_and_so_few_who_had_it_are_not(world: World, campaign: Campaign) -> None:
    made = measured(world, campaign, few=40)

    reached = slices.tables(made, "sex", "reached")[0]
    offered = slices.tables(made, "sex", "offered")[0]

    assert reached.hidden == 0  # everybody was reached, which tells nothing of anybody
    assert reached.rows["b"][3].n == 40
    assert offered.rows["b"][3].value is None  # ten of forty were offered it


def test_an_officer_reads_it_in_words_sees_messages_and_stops_from_there(
    world: World, campaign: Campaign, officer: Staff, client: Browser
) -> None:
    made = measured(world, campaign)
    address = f"/compliance/fairness/{made.pk}/sex/harmful/"
    backend = "django.contrib.auth.backends.ModelBackend"
    client.force_login(world.marketer, backend=backend)
    assert client.get(address).status_code == 403
    asked = {"what": "campaign:guide", "reason": "Dearer for b."}
    assert client.post(f"/compliance/fairness/{made.pk}/stop/", asked).status_code == 403
    assert not Stop.objects.exists()
    client.force_login(officer, backend=backend)

    assert address in client.get(f"/compliance/fairness/{made.pk}/").content.decode()
    shown_to = client.get(address)
    text = shown_to.content.decode()
    assert "That is beyond the limit, and chance does not explain it." in text
    assert "b had the worst of it in 4 of 4 weeks." in text
    assert text.count('class="band') == 8
    numbers = shown_to.context["numbers"]
    assert len(numbers) == 10
    bold = Message.objects.filter(pk__in=numbers, variant__versions__contains=[world.block("bold").pk])
    assert bold.count() == 10
    assert client.get(address).context["numbers"] == numbers
    assert client.get(f"/compliance/fairness/{made.pk}/sex/expected/").status_code == 404
    assert client.get(f"/compliance/fairness/{made.pk}/age/harmful/").status_code == 404

    stopped = client.post(f"/compliance/fairness/{made.pk}/stop/", asked)

    assert stopped.status_code == 302
    assert Stop.objects.values_list("scope", "target", "reason").get() == ("campaign", "guide", "Dearer for b.")
    assert "The whole campaign (stopped)" in client.get(address).content.decode()
    admin = reviewer("root", Role.ADMIN)
    client.force_login(admin, backend=backend)
    told = client.get(address)
    assert (told.status_code, told.context["numbers"]) == (200, None)
    assert "Messages it is about" not in told.content.decode()


def test_too_few_clients_are_no_pass_in_words_either(
    world: World, campaign: Campaign, officer: Staff, client: Browser
) -> None:
    made = measured(world, campaign)
    kept = list(Message.objects.order_by("pk").values_list("pk", flat=True)[:99])
    Message.objects.exclude(pk__in=kept).delete()
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")

    text = client.get(f"/compliance/fairness/{made.pk}/sex/fee/").content.decode()

    assert "Fewer than 100 clients were decided about" in text


def test_a_model_is_followed_through_what_it_chose_and_can_be_stopped(
    world: World, campaign: Campaign, shadow: Artefact, officer: Staff, client: Browser
) -> None:
    of_campaign = measured(world, campaign)
    Message.objects.filter(client__jurisdiction="EU").update(artefact=shadow)
    finding = {"attribute": "sex", "measure": "reached", **PASSED}
    made = reports.keep([finding], artefact=shadow, until=of_campaign.until, clients=9, by=officer, at=world.at)
    client.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")

    weeks, markets, _ = slices.tables(made, "sex", "reached")
    told = client.get(f"/compliance/fairness/{made.pk}/sex/reached/")

    assert [one.n for one in weeks.rows["a"]] == [EACH // 2] * 4
    assert markets.columns == ("European Union",)
    assert [code for code, _, _ in told.context["stoppable"]] == [f"model:{shadow.pk}"]
    assert "as far as this model chose what was sent" in told.content.decode()
    assert f"model:{shadow.pk}" in [code for code, _, _ in client.get(
        f"/compliance/fairness/{of_campaign.pk}/sex/reached/").context["stoppable"]]  # fmt: skip


@pytest.fixture
def forgetting(transactional_db: None) -> Iterator[None]:
    """What is behind the wall goes with the test: nobody else empties it."""
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("delete from fairness.membership")


@pytest.mark.journey
def test_the_page_is_sound_on_a_phone_and_in_the_dark(
    world: World, campaign: Campaign, officer: Staff, browser_page: Page, browser: Window, live_server, forgetting: None
) -> None:
    page, made = browser_page, measured(world, campaign, few=19)
    page.goto(f"{live_server.url}/compliance/fairness/{made.pk}/sex/fee/")
    page.get_by_label("User name").fill("officer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/sex/fee/")

    for size, scheme in (({"width": 1280, "height": 900}, "light"), ({"width": 390, "height": 844}, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        accessible(page, browser)
    page.get_by_label("Why").fill("Dearer for b.")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_url(f"**/compliance/fairness/{made.pk}/")
    assert Stop.objects.values_list("target", flat=True).get() == "guide"
