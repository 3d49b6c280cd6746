"""The table of security statements: all 84 stand there, and what is said to hold names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| (holds|n/a|not yet) \| ([^|]+) \|$")
LINES = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
ROWS = [found.groups() for line in LINES if (found := ROW.match(line))]
TEST = re.compile(r"`(tests/[^`:]+)::([^`]+)`")


@cache
def functions(file: str) -> set[str]:
    """The names of a file's functions; empty when there is no such file."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def test_all_statements_stand_there_once() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 85))


def test_what_holds_names_a_test_and_what_does_not_says_why() -> None:
    nameless = [number for number, _, _, state, why in ROWS if state == "holds" and not TEST.search(why)]
    silent = [number for number, _, _, state, why in ROWS if state != "holds" and len(TEST.sub("", why).split()) < 3]

    assert (nameless, silent) == ([], [])


def test_every_named_test_exists() -> None:
    named = [(number, file, test) for number, *_, why in ROWS for file, test in TEST.findall(why)]

    assert named
    assert [one for one in named if one[2] not in functions(one[1])] == []
