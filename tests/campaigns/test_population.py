"""A public data set from the file to the results: loaded, learnt from, let go live, written to, and measured."""

import csv
import gzip
import math
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

from campaigns import choosing, explanations, plans, results
from campaigns.models import Arm, Campaign, Message, Run
from compliance.models import Staff
from personalize.models import Artefact
from tests.campaigns.sink import Sink
from tests.campaigns.world import OBJECTIVE, World
from tests.models import declared, let_live

pytestmark = pytest.mark.django_db(transaction=True)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EVERY = 12  # of the real rows one in so many is taken
WORDS = {
    "shop-subject": {"slot": "subject", "body": "New in our catalogue"},
    "shop-mens": {"slot": "body", "body": "The new men's collection is here: jackets and shoes."},
    "shop-womens": {"slot": "body", "body": "The new women's collection is here: coats and shoes."},
    "shop-plain": {"slot": "body", "body": "Here is a look at our catalogue."},
    "shop-go": {"slot": "call_to_action", "body": "See the catalogue", "url": "https://www.harbourwell.example/new"},
}  # fmt: skip


def made_up_shop(path: Path) -> Path:
    """900 made-up rows with the columns of the real set: men who bought men's wear come back after the men's mail."""
    rng = np.random.default_rng(7)
    names = "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend"
    lines = [names]
    for number in range(900):
        mens = number % 2
        segment = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")[number % 3]
        visit = int(rng.random() < 0.1 + 0.4 * (segment == "Mens E-Mail") * mens)
        area = ("Rural", "Surburban", "Urban")[int(rng.integers(3))]
        history = round(float(rng.gamma(2, 100)), 2)
        lines.append(f"{1 + number % 12},x,{history},{mens},{1 - mens},{area},0,Web,{segment},{visit},0,0.0")
    path.write_text("\n".join(lines) + "\n")
    return path


def some_rows(name: str, path: Path) -> Path:
    """A share of a real set, or a loud skip where it is not on this machine."""
    source = DATA / f"{name}.csv.gz"
    if not source.exists():
        pytest.skip(f"{source} is not here: the walk with the real population was NOT tried")
    with gzip.open(source, "rt") as lines, path.open("w") as kept:
        csv.writer(kept).writerows(row for number, row in enumerate(csv.reader(lines)) if number % EVERY == 0)
    return path


def run(name: str, *argv: str) -> str:
    out = StringIO()
    call_command(name, *argv, stdout=out, stderr=StringIO())
    return out.getvalue()


def launched(world: World, *, use_case: str, metric: str, audience: dict, bodies: dict[str, dict]) -> Run:
    """A campaign over the imported clients, drafted, approved, launched and sent by the command."""
    parts = [("shop-subject", True, {}), *((one, False, rule) for one, rule in bodies.items())]
    parts += [("shop-plain", True, {}), ("shop-go", True, {})]
    world.policy()
    plans.draft(
        slug="again", name="Again", use_case=use_case, success_metric=metric, metric_days=14, objective=OBJECTIVE,
        share_control=0.2, share_holdout=0.1, audience=audience, by=world.marketer, at=world.at,
        candidates=[(world.block(one, **WORDS[one]), last, rule) for one, last, rule in parts],
    )  # fmt: skip
    assert "are accounted for" in run("launch", "again", "--here")
    return Run.objects.get(campaign__slug="again")


def check_decisions(made: Run) -> None:
    """Every decision has a predicted probability that its parts add up to, and replays."""
    assert (made.policy, made.state) == ("igw-1", "finished")
    assert made.phase in ("pooled", "individual")
    messages = list(Message.objects.filter(run=made, state="sent"))
    assert messages
    for message in messages[:50]:
        assert message.score is not None
        seen = np.frombuffer(bytes(message.features), np.float32)
        found = choosing.prediction(made.plan, message.choice, seen=seen)
        assert found is not None
        odds = found.start + sum(part for _, part in found.parts)
        assert math.isclose(found.probability, message.score, rel_tol=1e-9)
        assert math.isclose(1 / (1 + math.exp(-odds)), message.score, rel_tol=1e-9)
    assert len({round(one.score, 9) for one in messages}) > 1
    assert "identical" in run("replay", str(messages[0].pk))


def test_a_made_up_population_from_file_to_results(
    world: World, officer: Staff, sink: Sink, client: Client, tmp_path: Path
) -> None:
    run("load_dataset", "hillstrom", str(made_up_shop(tmp_path / "shop.csv")), "--consent")
    declared("re_engagement", owner=world.marketer, by=officer)
    assert "version 1 (waiting)" in run("train", "re_engagement")
    let_live(Artefact.objects.get(), owner=world.marketer, officer=officer, at=now())

    made = launched(
        world,
        use_case="re_engagement",
        metric="site_visit",
        audience={"field": "attribute:shop_area", "op": "eq", "value": "Rural"},
        bodies={
            "shop-mens": {"field": "attribute:shop_bought_mens", "op": "eq", "value": 1},
            "shop-womens": {"field": "attribute:shop_bought_womens", "op": "eq", "value": 1},
        },
    )

    check_decisions(made)
    assert len(sink.mails) == Message.objects.filter(run=made, state="sent").count()
    personalised = Message.objects.filter(run=made, arm=Arm.PERSONALISED).select_related("campaign")
    assert all("Because you bought" in " ".join(explanations.factors(one)) for one in personalised)
    logged = results.summary(Campaign.objects.get(slug="dataset-hillstrom"), at=now())
    assert [(one.name, one.n) for one in logged.candidates] == [
        ("Men's merchandise", 300),
        ("Women's merchandise", 300),
        ("Nothing sent", 300),
    ]
    assert logged.is_logged
    assert logged.candidates[0].rate > logged.candidates[2].rate
    assert {one.label for one in logged.arms} == {"Written to", "Holdout"}
    client.force_login(officer)
    for slug in ("dataset-hillstrom", "again"):
        assert client.get(f"/console/campaigns/{slug}/results/").status_code == 200
    old = Message.objects.filter(campaign__slug="dataset-hillstrom", state="sent")[0]
    assert "The mail server accepted it" not in client.get(f"/console/messages/{old.pk}/").content.decode()
    page = client.get(f"/console/messages/{personalised.filter(state='sent')[0].pk}/").content.decode()
    assert "These parts add up to it exactly." in page


@pytest.mark.parametrize(
    ("name", "file", "use_case", "metric", "audience"),
    [
        ("hillstrom", "hillstrom_train", "re_engagement", "site_visit",
         {"field": "attribute:shop_area", "op": "eq", "value": "Rural"}),
        ("bank-marketing", "bank_marketing_train", "product_response", "term_deposit",
         {"field": "attribute:bank_job", "op": "in", "value": ["retired", "services"]}),
    ],
)  # fmt: skip
def test_a_real_population_from_file_to_results(
    world: World, officer: Staff, sink: Sink, tmp_path: Path,
    name: str, file: str, use_case: str, metric: str, audience: dict,
) -> None:  # fmt: skip
    run("load_dataset", name, str(some_rows(file, tmp_path / "rows.csv")), "--consent")
    declared(use_case, owner=world.marketer, by=officer)
    run("train", use_case)
    let_live(Artefact.objects.get(), owner=world.marketer, officer=officer, at=now())

    made = launched(
        world, use_case=use_case, metric=metric, audience=audience, bodies={"shop-mens": {}, "shop-womens": {}}
    )

    check_decisions(made)
    found = results.summary(made.campaign, at=now())
    assert {one.arm for one in found.arms} == {"personalised", "control", "holdout"}
    assert sum(one.n for one in found.arms) == made.audience
    assert not found.is_logged
