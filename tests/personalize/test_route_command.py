"""route: a file of texts in, a file of answers out, no database."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[2]
GOOD = [
    {"id": "a", "text": "Made redundant? Start here", "style": "subject", "market": "UK"},
    {"id": 2, "text": "Order a new card", "style": "cta", "market": "US"},
]


def lines(rows):
    """Rows as JSON lines."""
    return "\n".join(json.dumps(one) for one in rows) + "\n"


def test_every_text_gets_an_answer_in_order(tmp_path):
    (tmp_path / "in.jsonl").write_text(lines(GOOD))

    call_command("route", tmp_path / "in.jsonl", tmp_path / "out.jsonl", verbosity=0)

    answers = [json.loads(one) for one in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(one["id"], one["route"], one["topics"]) for one in answers] == [("a", True, ["job_loss"]), (2, False, [])]
    assert list(answers[0]) == ["id", "route", "topics", "lint", "findings"]
    assert set(answers[0]["findings"][0]) == {"rule", "start", "end", "citation"}


def test_a_gzipped_file_is_read(tmp_path):
    with gzip.open(tmp_path / "in.jsonl.gz", "wt") as text:
        text.write(lines(GOOD))

    call_command("route", tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl", verbosity=0)

    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object"),
        (json.dumps({**GOOD[0], "style": "poem"}), "style 'poem'"),
        (json.dumps({**GOOD[0], "text": 3}), "text is missing"),
        (json.dumps({**GOOD[0], "market": ""}), "market is missing"),
        (json.dumps({"text": "x", "style": "cta", "market": "UK"}), "id is missing"),
        ('{"id":"a","text":"\\ud800","style":"cta","market":"UK"}', "surrogate"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(tmp_path, row, why):
    (tmp_path / "in.jsonl").write_text(lines(GOOD) + row + "\n")

    with pytest.raises(CommandError, match=f"row 3: .*{why}"):
        call_command("route", tmp_path / "in.jsonl", tmp_path / "out.jsonl", verbosity=0)

    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.jsonl"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CommandError, match="none"):
        call_command("route", tmp_path / "none.jsonl", tmp_path / "out.jsonl", verbosity=0)


def test_it_needs_no_database(tmp_path):
    (tmp_path / "in.jsonl").write_text(lines(GOOD))
    nowhere = os.environ | {"DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none", "SECRET_KEY": "x" * 50}

    done = subprocess.run(
        [sys.executable, "manage.py", "route", tmp_path / "in.jsonl", tmp_path / "out.jsonl"],
        cwd=ROOT, env=nowhere, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, len((tmp_path / "out.jsonl").read_text().splitlines())) == (0, 2)
