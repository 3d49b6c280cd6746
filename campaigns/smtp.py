"""One conversation with the mail server, taken apart so that the last dot can wait for the database."""

import smtplib
from dataclasses import dataclass

from django.conf import settings

LONGEST_REPLY = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said: a code and its words, at most 300 characters."""

    code: int
    words: str

    @property
    def is_yes(self) -> bool:
        """2xx, or 354 to DATA: go on."""
        return 200 <= self.code < 400

    @property
    def is_later(self) -> bool:
        """4xx: not now."""
        return 400 <= self.code < 500

    def __str__(self) -> str:
        return f"{self.code} {self.words}"[:LONGEST_REPLY]


class Away(Exception):
    """The server cannot be reached, or hung up before the message was handed over. Nothing was sent."""


class Lost(Exception):
    """The connection broke after the hand-over began: nobody here can know whether the message arrived."""


class Conversation:
    """A connection that carries one message after another: `offer`, then `hand_over` or `drop`."""

    def __init__(self) -> None:
        self._server: smtplib.SMTP | None = None

    def offer(self, sender: str, recipient: str) -> Reply:
        """MAIL, RCPT and DATA up to the server's 354; nothing is handed over yet.

        A refusal leaves the connection ready for the next message. Raises Away.
        """
        try:
            server = self._open()
            for step in (lambda: server.mail(sender), lambda: server.rcpt(recipient), lambda: server.docmd("DATA")):
                reply = _reply(step())
                if not reply.is_yes:
                    self._reset(server)
                    return reply
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            raise Away(str(error)) from error
        return reply

    def hand_over(self, mime: bytes) -> Reply:
        """The bytes and the final dot; what the server answered. Raises Lost when no answer came."""
        server = self._server
        if server is None:
            raise Lost("no connection")
        try:
            server.send(_quoted(mime))
            return _reply(server.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            raise Lost(str(error)) from error

    def drop(self) -> None:
        """Hang up at once. After DATA and before the dot this takes the message back: RFC 5321 section 4.1.1.4."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Say goodbye, if anybody is there."""
        if self._server is not None:
            try:
                self._server.quit()
            except (OSError, smtplib.SMTPException):
                self._server.close()
            self._server = None

    def _open(self) -> smtplib.SMTP:
        if self._server is None:
            kind = smtplib.SMTP_SSL if settings.EMAIL_USE_SSL else smtplib.SMTP
            server = kind(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=settings.EMAIL_TIMEOUT)
            if settings.EMAIL_USE_TLS:
                server.starttls()
            server.ehlo_or_helo_if_needed()
            if settings.EMAIL_HOST_USER:
                server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
            self._server = server
        return self._server

    def _reset(self, server: smtplib.SMTP) -> None:
        code, _ = server.rset()
        if code != 250:
            self.drop()


def _reply(answer: tuple[int, bytes]) -> Reply:
    code, words = answer
    if code == 421 or code < 0:
        raise smtplib.SMTPServerDisconnected(words.decode("utf-8", "replace"))
    said = words.decode("utf-8", "replace").replace("\x00", "")
    return Reply(code, " ".join(said.split())[: LONGEST_REPLY - 4])


def _quoted(mime: bytes) -> bytes:
    """The bytes as DATA wants them: leading dots doubled, one dot at the end. RFC 5321 section 4.5.2."""
    body = mime.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"
