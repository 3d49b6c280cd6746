"""The coverage table names tests and files that exist, each code once."""

import ast
import re
from pathlib import Path

import pytest

from tests.mutations import FILE, MUTATIONS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([NT]-\d{2}) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$")
TABLE = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
ROWS = [found.groups() for line in TABLE.splitlines() if (found := ROW.match(line))]


def test_every_row_can_be_read_and_every_code_stands_once() -> None:
    codes = [code for code, *_ in ROWS]

    assert len(codes) == sum(line.startswith(("| N-", "| T-")) for line in TABLE.splitlines())
    assert codes == sorted(set(codes))


@pytest.mark.parametrize(("code", "tests", "where"), [(code, tests, where) for code, _, tests, where in ROWS])
def test_a_row_names_tests_and_files_that_exist(code: str, tests: str, where: str) -> None:
    named = re.findall(r"`([^`]+)::([^`]+)`", tests)

    assert named, f"{code} names no test"
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert test in functions, f"{code}: there is no {test} in {file}"
    for file in re.findall(r"`([^`]+)`", where):
        assert (ROOT / file).exists(), f"{code}: there is no {file}"


def test_every_code_has_a_rule_to_take_away() -> None:
    assert {one.code for one in MUTATIONS} == {code for code, *_ in ROWS}


def test_what_is_taken_away_stands_there_once() -> None:
    in_files = [one for one in MUTATIONS if one.kind == FILE]

    assert [one for one in in_files if (ROOT / one.thing).read_text(encoding="utf-8").count(one.old) != 1] == []
