"""Public data sets become clients, one logged campaign and outcomes; the real ones are tried where they are."""

import csv
import gzip
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from campaigns.models import Campaign, Message, Run
from compliance import consent
from compliance.models import Client, ConsentEvent
from personalize import features, profiles
from personalize.models import Attribute, Event, Outcome

pytestmark = pytest.mark.django_db
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ROWS = 2_000
BANK = """age,job,marital,education,default,balance,housing,loan,contact,day,month,duration,campaign,pdays,previous,\
poutcome,y
58,management,married,tertiary,no,2143,yes,no,unknown,5,may,261,1,-1,0,unknown,no
44,technician,single,secondary,no,29,yes,no,unknown,31,dec,151,1,90,2,failure,yes
33,student,married,secondary,no,2,yes,yes,cellular,5,jan,76,1,-1,0,unknown,no
"""
SHOP = """recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend
10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,0,0,0.0
6,3) $200 - $350,329.08,1,1,Rural,1,Web,No E-Mail,1,0,0.0
7,2) $100 - $200,180.65,0,1,Urban,1,Multichannel,Mens E-Mail,1,1,12.5
"""


def load(name, path, **options):
    out = StringIO()
    call_command("load_dataset", name, str(path), stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def test_bank_marketing_is_one_arm_in_date_order_without_duration(tmp_path):
    path = tmp_path / "bank.csv.gz"
    path.write_bytes(gzip.compress(BANK.encode()))

    load("bank-marketing", path)

    messages = Message.objects.order_by("decided_at")
    assert list(messages.values_list("client__user_id", "arm", "propensity", "choice")) == [
        (f"bank-{n}", "personalised", 1.0, [0]) for n in range(3)
    ]
    first, second, third = messages
    assert (second.decided_at - first.decided_at).days == 237
    assert (third.decided_at - second.decided_at).days == 8
    assert list(Outcome.objects.values_list("client__user_id", "kind", "value")) == [("bank-1", "term_deposit", 1.0)]
    assert not Attribute.objects.filter(key__contains="duration").exists()
    assert not Attribute.objects.filter(key="bank_days_since_contact", client__user_id="bank-0").exists()
    run = Run.objects.get()
    assert (run.audience, run.state, run.policy, run.campaign.state) == (3, "finished", "logged", "finished")


def test_hillstrom_has_three_arms_of_one_third(tmp_path, at):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP)

    load("hillstrom", path)

    assert list(
        Message.objects.order_by("client__user_id").values_list(
            "client__user_id", "arm", "state", "choice", "propensity"
        )
    ) == [
        ("shop-0", "personalised", "sent", [1], 1 / 3),
        ("shop-1", "holdout", "suppressed", [-1], 1 / 3),
        ("shop-2", "personalised", "sent", [0], 1 / 3),
    ]
    assert set(Outcome.objects.values_list("client__user_id", "kind", "value")) == {
        ("shop-1", "site_visit", 1.0),
        ("shop-2", "site_visit", 1.0),
        ("shop-2", "purchase", 1.0),
        ("shop-2", "spend", 12.5),
    }
    assert Event.objects.filter(name="Order Completed").count() == 4


def test_the_logged_features_are_those_before_the_decision(tmp_path, at):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP)
    load("hillstrom", path)

    message = Message.objects.get(client__user_id="shop-2")
    vector = np.frombuffer(bytes(message.features), "<f4")
    position = {one.code: one.position for one in features.registry()}

    assert vector[position["shop_spend_before"]] == np.float32(180.65)
    assert vector[position["shop_area"]] == 2.0
    assert profiles.one(message.client_id, at=at).x[0, position["shop_spend_before"]] == np.float32(180.65)


def test_loading_again_adds_nothing(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP)
    load("hillstrom", path)
    tables = (Client, Attribute, Event, Outcome, Message, Campaign, ConsentEvent)
    before = [one.objects.count() for one in tables]

    assert "0 new clients" in load("hillstrom", path)

    assert [one.objects.count() for one in tables] == before


def test_nobody_may_be_written_to_without_the_demonstration_consent(tmp_path, at):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP)
    load("hillstrom", path)
    ids = list(Client.objects.order_by("pk").values_list("pk", flat=True))
    later = Run.objects.get().ended_at.replace(year=2100)
    before = consent.allowed(np.array(ids), purpose="marketing", channel="email", at=later).ok.tolist()

    load("hillstrom", path, consent=True)

    after = consent.allowed(np.array(ids), purpose="marketing", channel="email", at=later).ok.tolist()
    assert (before, after) == ([False] * 3, [True] * 3)
    assert set(ConsentEvent.objects.values_list("surface", flat=True)) == {"dataset demo"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("recency,", "", "lacks: recency"), ("Phone", "Pigeon", "row 2: channel"), ("142.44", "much", "row 2: history")],
)
def test_a_bad_file_is_refused_whole(tmp_path, old, new, words):
    path = tmp_path / "shop.csv"
    path.write_text(SHOP.replace(old, new, 1))

    with pytest.raises(CommandError, match=words) as refused:
        load("hillstrom", path)

    assert refused.value.returncode == 2
    assert not Client.objects.exists()
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("name", "file", "column", "yes", "metric"),
    [
        ("bank-marketing", "bank_marketing_train.csv.gz", "y", "yes", "term_deposit"),
        ("hillstrom", "hillstrom_train.csv.gz", "visit", "1", "site_visit"),
    ],
)
def test_the_first_rows_of_the_real_set(tmp_path, name, file, column, yes, metric):
    if not (DATA / file).exists():
        pytest.skip(f"the public data set {DATA / file} is not on this machine")
    with gzip.open(DATA / file, "rt", newline="") as stream:
        lines = [next(stream) for _ in range(ROWS + 1)]
    (tmp_path / "head.csv").write_text("".join(lines))

    load(name, tmp_path / "head.csv")

    rows = list(csv.DictReader(lines))
    assert Message.objects.count() == Client.objects.count() == ROWS
    assert Outcome.objects.filter(kind=metric).count() == sum(row[column] == yes for row in rows)
    if name == "hillstrom":
        arms = {"No E-Mail": -1, "Mens E-Mail": 0, "Womens E-Mail": 1}
        for words, arm in arms.items():
            assert Message.objects.filter(choice=[arm]).count() == sum(row["segment"] == words for row in rows)
