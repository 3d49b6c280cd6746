"""A real SMTP server that misbehaves on request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django import Settings

from personalize.start.postgres import free_port


@dataclass
class Sink:
    """What arrived, and how to answer whom.

    at_rcpt, at_dot  address → the answer instead of 250; "drop" hangs up after the dot, having kept the mail or not
    when_data        called with the address between DATA's 354 and the body
    """

    mails: list[tuple[str, bytes]] = field(default_factory=list)
    at_rcpt: dict[str, str] = field(default_factory=dict)
    at_dot: dict[str, str] = field(default_factory=dict)
    when_data: Callable[[str], None] | None = None
    connections: int = 0
    pipelines: bool = False  # whether it offers RFC 2920

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelines else responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address in self.at_rcpt:
            return self.at_rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        answer = self.at_dot.get(address, "250 2.0.0 kept")
        if answer.startswith(("250", "drop")):
            self.mails.append((address, bytes(envelope.content or b"")))
        if answer == "drop":
            server.transport.abort()
        return answer

    def to(self, address: str) -> list[bytes]:
        """What arrived for one address."""
        return [raw for one, raw in self.mails if one == address]

    def parsed(self) -> list[Mail]:
        """Everything that arrived, parsed."""
        return [message_from_bytes(raw) for _, raw in self.mails]


@pytest.fixture
def sink(settings: Settings) -> Iterator[Sink]:
    """The mail server of this test."""
    kept = Sink()
    controller = Controller(kept, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.EMAIL_TIMEOUT = 5
    yield kept
    controller.stop()
