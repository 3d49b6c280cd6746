"""A self-hosted Unleash server, the widespread way to decide by request what a client sees; it logs no decision.

Installed for the benchmark only, from a locked list, into the cache; its database is one of its own beside ours.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from personalize.start.postgres import free_port

HERE = Path(__file__).resolve().parent / "unleash"
CACHE = Path(__file__).resolve().parent.parent.parent / ".cache" / "unleash"
TOKEN, DATABASE = "default:development.frontend-token", "bench_unleash"
INSTALL_S, READY_S, CONNECTIONS, FLAGS = 600, 300, 4, 3


def most(database: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Evaluations a second over CONNECTIONS, of all flags for one user each; or {"missing": why}."""
    try:
        folder = _installed()
        with _served(folder, database) as port:
            return {"a_second": round(_rate(port, seconds)), "version": _version(folder)}
    except (OSError, RuntimeError, subprocess.SubprocessError) as missing:
        return {"missing": str(missing)[:200]}


def _installed() -> Path:
    if not shutil.which("npm"):
        raise RuntimeError("npm is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "start.js"):
        shutil.copyfile(HERE / name, CACHE / name)
    if not (CACHE / "node_modules" / "unleash-server").exists():
        argv = ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(argv, cwd=CACHE, check=True, capture_output=True, timeout=INSTALL_S)
    return CACHE


def _version(folder: Path) -> str:
    found = json.loads((folder / "node_modules" / "unleash-server" / "package.json").read_text())
    return str(found["version"])


@contextmanager
def _served(folder: Path, database: dict[str, Any]) -> Iterator[int]:
    """Unleash on a database of its own, with FLAGS flags that every user is judged by; both gone afterwards."""
    at = {name.lower(): database[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    with psycopg.connect(
        host=at["host"], port=at["port"], user=at["user"], password=at["password"], dbname="postgres", autocommit=True
    ) as owner:
        owner.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))
        owner.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        port = free_port()
        env = {
            **os.environ, "NODE_ENV": "production", "SEND_TELEMETRY": "false", "CHECK_VERSION": "false",
            "UNLEASH_URL": f"postgresql://{at['user']}:{at['password']}@{at['host']}:{at['port']}/{DATABASE}",
            "UNLEASH_PORT": str(port), "INIT_FRONTEND_API_TOKENS": TOKEN, "INIT_ADMIN_API_TOKENS": "*:*.admin-token",
        }  # fmt: skip
        argv = ["node", "start.js"]
        process = subprocess.Popen(argv, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _ready(port, process)
            _flags(port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)
            owner.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))


def _call(asked: HTTPConnection, method: str, path: str, token: str, body: Any = None) -> bytes:
    headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
    asked.request(method, path, None if body is None else json.dumps(body), headers)
    answer = asked.getresponse()
    said = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"Unleash answered {answer.status} to {method} {path}: {said[:120]!r}")
    return said


def _ready(port: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            # Without a token: to one that opens something else, its health is forbidden.
            _call(HTTPConnection("127.0.0.1", port, timeout=5), "GET", "/health", "")
        except (OSError, RuntimeError):
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("Unleash did not start")


def _flags(port: int) -> None:
    """As many flags as our campaign has slots, each for everybody by a gradual rollout."""
    asked, admin = HTTPConnection("127.0.0.1", port, timeout=30), "*:*.admin-token"
    for number in range(FLAGS):
        features = "/api/admin/projects/default/features"
        _call(asked, "POST", features, admin, {"name": f"slot-{number}", "type": "release", "impressionData": False})
        where = f"{features}/slot-{number}/environments/development"
        rollout = {"rollout": "100", "stickiness": "userId", "groupId": f"slot-{number}"}
        _call(asked, "POST", f"{where}/strategies", admin, {"name": "flexibleRollout", "parameters": rollout})
        _call(asked, "POST", f"{where}/on", admin, {})
    until = time.monotonic() + 30
    while time.monotonic() < until:  # its read copy follows within seconds
        said = json.loads(_call(asked, "POST", "/api/frontend", TOKEN, {"context": {"userId": "live1"}}))
        if len(said["toggles"]) == FLAGS:
            return
        time.sleep(0.5)
    raise RuntimeError("Unleash never showed the flags")


def _rate(port: int, seconds: float) -> float:
    until, done = time.monotonic() + seconds, [0] * CONNECTIONS

    def hurry(lane: int) -> None:
        asked = HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            user = f"live{lane * 500 + done[lane] % 500}"
            _call(asked, "POST", "/api/frontend", TOKEN, {"context": {"userId": user}})
            done[lane] += 1

    lanes = [threading.Thread(target=hurry, args=(one,)) for one in range(CONNECTIONS)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()
    return sum(done) / seconds
