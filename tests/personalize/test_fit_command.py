"""fit and predict: any table, exact explanations, plain refusals, nothing half-written."""

import csv
import gzip
import json
import math
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(8)
    path = tmp_path_factory.mktemp("tables") / "train.csv"
    lines = [["id", "age", "job", "city", "answer"]]
    for row in range(1_500):
        age, job = int(rng.integers(18, 80)), ["clerk", "cook", "pilot"][rng.integers(0, 3)]
        yes = rng.random() < 1 / (1 + math.exp(1 - (age > 50) - (job == "pilot")))
        shown = ["", str(age), str(age), str(age)][rng.integers(0, 4)]
        lines.append([f"r{row}", shown, job, ["Bath", "NA"][rng.integers(0, 2)], "yes" if yes else "no"])
    with path.open("w", newline="") as text:
        csv.writer(text).writerows(lines)
    return path


@pytest.fixture(scope="module", params=["linear", "tables"])
def fitted(request, table):
    model = table.with_name(f"{request.param}.json")
    call_command("fit", table, model, target="answer", drop="id", method=request.param, stdout=StringIO(),
                 stderr=StringIO())  # fmt: skip
    return model


def predicted(model, file, out, **options):
    call_command("predict", model, file, out, stdout=StringIO(), stderr=StringIO(), **options)
    with out.open(newline="") as text:
        return list(csv.DictReader(text))


def test_terms_and_base_sum_to_the_log_odds(fitted, table, tmp_path):
    rows = predicted(fitted, table, tmp_path / "out.csv", explain=True)

    assert len(rows) == 1_500
    assert [row["row"] for row in rows[:3]] == ["0", "1", "2"]
    for row in rows:
        p = float(row.pop("probability"))
        row.pop("row")
        assert sum(map(float, row.values())) == pytest.approx(math.log(p / (1 - p)), abs=1e-9)


def test_predictions_need_neither_order_nor_known_words(fitted, table, tmp_path):
    first = predicted(fitted, table, tmp_path / "a.csv")
    with table.open() as text:
        given = list(csv.DictReader(text))[:3]
    turned = tmp_path / "turned.csv.gz"
    given.append({"age": "?", "job": "astronaut", "city": "Rome"})
    with gzip.open(turned, "wt", newline="") as text:
        writer = csv.DictWriter(text, ["extra", "city", "job", "age"], extrasaction="ignore", restval="")
        writer.writeheader()
        writer.writerows(given)

    rows = predicted(fitted, turned, tmp_path / "b.csv")

    assert [row["probability"] for row in rows[:3]] == [row["probability"] for row in first[:3]]
    assert list(rows[0]) == ["row", "probability"]
    assert 0 < float(rows[3]["probability"]) < 1


def test_the_card_tells_how_good_it_is(fitted):
    told = json.loads(fitted.read_text())

    assert told["target"] == "answer"
    assert told["positive"] == "yes"
    assert told["card"]["rows"] == 1_500
    assert told["card"]["auc"] > 0.6
    assert set(told["card"]["features"]) == {"age", "job", "city"}


@pytest.mark.parametrize(
    ("content", "target", "complaint"),
    [
        ("", "y", "empty"),
        ("a,y\n", "y", "no row"),
        ("a,b\n1,2\n", "y", "no column 'y'"),
        ("a,y\n1,0\n1\n", "y", "line 3 has 1 fields"),
        ("a,a,y\n1,2,0\n", "y", "twice"),
        ("a,y\n1,0\n2,\n", "y", "row 2: the target is not known"),
        ("a,y\n1,0\n2,1\n3,2\n", "y", "exactly two values"),
        ("a,y\n1,red\n2,blue\n", "y", "--positive"),
        ("a,y\n1,0\n2,1\n", "y", "too few"),
        ('a,y\n"1,0\n', "y", "cannot be read as CSV"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(tmp_path, content, target, complaint):
    file, model = tmp_path / "bad.csv", tmp_path / "model.json"
    file.write_text(content)

    with pytest.raises(CommandError, match=complaint):
        call_command("fit", file, model, target=target, stdout=StringIO(), stderr=StringIO())

    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.csv"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("age,job\n1,cook\n", "not there: city"),
        ("age,job,city\n1,cook\n", "line 2 has 2"),
        ("age,job,city\n", "no row"),
    ],
)
def test_a_table_that_does_not_fit_the_model_is_refused(fitted, tmp_path, content, complaint):
    file = tmp_path / "bad.csv"
    file.write_text(content)

    with pytest.raises(CommandError, match=complaint):
        predicted(fitted, file, tmp_path / "out.csv")

    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.csv"]


@pytest.mark.parametrize("content", ["", "{}", '{"model":{"format":1}}', "not json"])
def test_what_is_not_a_model_is_refused(table, tmp_path, content):
    model = tmp_path / "model.json"
    model.write_text(content)

    with pytest.raises(CommandError, match="not a model"):
        predicted(model, table, tmp_path / "out.csv")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.csv"):
        call_command("fit", tmp_path / "nowhere.csv", tmp_path / "m.json", target="y", stdout=StringIO(),
                     stderr=StringIO())  # fmt: skip
