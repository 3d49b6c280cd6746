"""The catcher's SMTP side."""

import asyncio

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from personalize.catcher.mailbox import Mailbox

MAX_BYTES = 10_000_000


class Handler:
    """Answers aiosmtpd: every recipient is welcome, every mail is kept."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail, and only then say so."""
        caught = await asyncio.to_thread(
            self.mailbox.add,
            envelope.original_content or b"",
            sender=envelope.mail_from or "",
            recipients=list(envelope.rcpt_tos),
        )
        return f"250 2.0.0 kept as {caught.key}"


def listen(mailbox: Mailbox, *, port: int, host: str = "127.0.0.1") -> Controller:
    """Take mail on host:port from now on, in a thread; stop it with .stop()."""
    controller = Controller(Handler(mailbox), hostname=host, port=port, data_size_limit=MAX_BYTES, ident="mail catcher")
    controller.start()
    return controller
