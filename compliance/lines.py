"""Which lines out of this installation could be read on their way: to the database, the broker and the mail server."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

NEAR = frozenset({"", "localhost", "127.0.0.1", "::1"})
SAFE_MODES = frozenset({"require", "verify-ca", "verify-full"})


def readable(*, databases: Mapping[str, Mapping[str, Any]], broker: str, mail: str, mail_is_safe: bool) -> list[str]:
    """The settings whose line leaves the machine without TLS, each with what would mend it.

    databases  by the variable's name, as Django keeps them · broker: its URL · mail: the server's host name
    """
    out = [
        f"{name}: add ?sslmode=verify-full"
        for name, one in databases.items()
        if not _is_near(one.get("HOST", "")) and one.get("OPTIONS", {}).get("sslmode") not in SAFE_MODES
    ]
    url = urlsplit(broker)
    if not _is_near(url.hostname or "") and not _is_safe(url.scheme, parse_qs(url.query)):
        out.append("BROKER_URL: begin it with amqps://, or with the embedded broker add ?sslmode=verify-full")
    if not _is_near(mail) and not mail_is_safe:
        out.append("EMAIL_URL: begin it with smtp+tls:// or smtp+ssl://")
    return out


def _is_near(host: str) -> bool:
    """Whether the line ends on this machine; a folder is that of a socket."""
    return host in NEAR or host.startswith("/")


def _is_safe(scheme: str, asked: dict[str, list[str]]) -> bool:
    if scheme.startswith("pgmq"):
        return asked.get("sslmode", [""])[-1] in SAFE_MODES
    return scheme == "amqps"
