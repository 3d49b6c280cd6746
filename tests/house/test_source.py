"""What our source never does: run strings as code, unpickle, call a shell, parse XML, fetch an address it was given."""

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from personalize import celery

ROOT = Path(__file__).parents[2]
OURS = ("campaigns", "compliance", "personalize")
NEVER = {"pickle", "marshal", "shelve", "yaml", "xml", "lxml", "jinja2", "joblib", "dill"}
# Starting programs of our own choosing is `start`'s whole work, and it asks its own processes whether they answer.
# An officer's pattern is tried in an interpreter that can be ended, because nothing ends one inside a process.
TRIES = "compliance/copyrules/danger.py"
STARTS = ("personalize/start/", "personalize/catcher/", "personalize/management/commands/", TRIES)
# The way to the mail server of the settings, how settings and journal name this machine, and the errors of the identity
# provider that the environment names and allauth asks: no address of a person's.
TALKS = {
    "campaigns/sending/journal.py", "campaigns/sending/smtp.py", "compliance/views/sign_in.py",
    "personalize/settings.py",
}  # fmt: skip
NETWORK = {"urllib.request", "http.client", "requests", "httpx", "aiohttp", "urllib3", "socket", "smtplib", "ftplib"}
PROGRAMS = {"subprocess", "pty", "multiprocessing"}
CALLS = {"eval", "exec", "compile", "__import__"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(one for package in OURS for one in (ROOT / package).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Every module that is imported, with all that it is inside of."""
    found = set()
    for one in ast.walk(tree):
        names = [alias.name for alias in one.names] if isinstance(one, ast.Import) else []
        if isinstance(one, ast.ImportFrom) and one.module:
            names = [one.module, *(f"{one.module}.{alias.name}" for alias in one.names)]
        found |= {name.rsplit(".", cut)[0] for name in names for cut in range(name.count(".") + 1)}
    return found


def test_no_string_becomes_code_and_nothing_is_unpickled_or_parsed_as_xml() -> None:
    calls = [
        (file, one.func.id)
        for file, tree in trees()
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in CALLS
    ]

    assert calls == []
    assert [(file, name) for file, tree in trees() for name in imported(tree) & NEVER] == []


def test_no_shell_is_called() -> None:
    shells = [
        file
        for file, tree in trees()
        for one in ast.walk(tree)
        if (isinstance(one, ast.keyword) and one.arg == "shell")
        or (isinstance(one, ast.Attribute) and one.attr in ("system", "popen") and ast.unparse(one.value) == "os")
    ]

    assert shells == []
    assert [file for file, tree in trees() if imported(tree) & PROGRAMS and not file.startswith(STARTS)] == []


def test_no_feature_fetches_an_address() -> None:
    """So there is no request that somebody could forge from the server's side (SSRF)."""
    talks = {file for file, tree in trees() if imported(tree) & NETWORK and not file.startswith(STARTS)}

    assert talks == TALKS


def test_what_waits_in_broker_and_session_is_json() -> None:
    assert list(celery.app.conf.accept_content) == ["json"]
    assert (celery.app.conf.task_serializer, celery.app.conf.result_serializer) == ("json", "json")
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")


def test_strangers_see_no_traces_and_no_pages_of_the_api() -> None:
    assert settings.DEBUG is False
    assert settings.REST_FRAMEWORK["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]
    assert settings.SECURE_SSL_REDIRECT is False  # a proxy ends TLS
    assert not getattr(settings, "SECURE_PROXY_SSL_HEADER", None)
    assert not getattr(settings, "USE_X_FORWARDED_HOST", False)
