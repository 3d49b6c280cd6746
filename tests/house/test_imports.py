"""The contracts of pyproject.toml hold, and what they cannot see is searched for as text."""

import re
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("compliance", "personalize", "campaigns")
UPWARD = {"compliance": ("personalize", "campaigns"), "personalize": ("campaigns",), "campaigns": ()}
RAW_SQL = re.compile(r"\.cursor\(|\.raw\(|RawSQL\(|\.extra\(select|\.extra\(where")


def test_the_import_contracts_hold() -> None:
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == cli.EXIT_STATUS_SUCCESS


def _modules(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts]


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_reaches_upward_by_a_string(package: str) -> None:
    banned = re.compile(
        r"get_model\(|import_module\(" + "".join(rf"|[\"']{above}\.[A-Z]\w+[\"']" for above in UPWARD[package])
    )

    found = [
        f"{path.relative_to(ROOT)}: {hit}" for path in _modules(package) for hit in banned.findall(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_only_bulk_speaks_sql(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {hit}"
        for path in _modules(package)
        if "bulk" not in path.parts and path.name != "bulk.py"
        for hit in RAW_SQL.findall(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_environment_is_read_in_the_settings_alone(package: str) -> None:
    """The start makes the environment that settings read, so it is the one other place."""
    reads = re.compile(r"os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|os\.getenv")
    allowed = (ROOT / "personalize" / "settings.py", ROOT / "personalize" / "start")

    found = [
        str(path.relative_to(ROOT))
        for path in _modules(package)
        if not any(path.is_relative_to(place) for place in allowed) and reads.search(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_stay_short(package: str) -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in _modules(package)}

    assert {name: lines for name, lines in long.items() if lines > 400} == {}
