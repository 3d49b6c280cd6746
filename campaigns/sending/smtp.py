"""One conversation with the mail server, taken apart so that the last dot can wait for the database.

Where the server offers it, commands go in groups (RFC 2920): the envelope of the next message travels with the final
dot of this one, which that RFC allows by name (section 3.1).
"""

import smtplib
from dataclasses import dataclass
from typing import Any

from django.conf import settings

LONGEST_REPLY, LONGEST_LINE = 300, 8192
TOO_FAST = 421  # RFC 5321 section 3.8; mailbox providers mean: less of this

# RFC 3463: 5.1.x is about the address itself; these basic codes say the same without it.
HARD_CODES, HARD_STATUS, SOFT_STATUS = (550, 551, 553), "5.1.", ("5.2.", "5.3.", "5.4.", "5.7.")


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


def is_hard(reply: Reply) -> bool:
    """The server says that the address itself is no good, so that nobody should write to it again (RFC 3463)."""
    status = reply.words.split(" ", 1)[0]
    if status.startswith(HARD_STATUS):
        return True
    return reply.code in HARD_CODES and not status.startswith(SOFT_STATUS)


class Away(Exception):
    """The server cannot be reached, or hung up before the message was handed over. Nothing was sent."""


class ToldToStop(smtplib.SMTPServerDisconnected):
    """The server answered 421 and closes the channel."""


class Lost(Exception):
    """The connection broke after the hand-over began: nobody here can know whether the message arrived."""


class Conversation:
    """A connection that carries one message after another: `offer`, then `hand_over` or `drop`."""

    def __init__(self) -> None:
        self._server: smtplib.SMTP | None = None
        self._pipelines = False
        self._ahead: tuple[str, str] | None = None  # the envelope that went with the last dot
        self._waits = False  # the server has said 354 and waits for a body

    def offer(self, sender: str, recipient: str) -> Reply:
        """MAIL, RCPT and DATA up to the server's 354; nothing is handed over yet.

        A refusal leaves the connection ready for the next message. Raises Away.
        """
        try:
            if self._ahead != (sender, recipient):
                if self._ahead is not None:
                    self.drop()  # an envelope for somebody else is open there
                if not self._open(sender, recipient):
                    reply = self._step_by_step(sender, recipient)
                    self._waits = reply.is_yes
                    return reply
            self._ahead = None
            reply = self._envelope_answers()
            self._waits = reply.is_yes
            return reply
        except ToldToStop as told:
            self.drop()
            return Reply(TOO_FAST, str(told))
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            raise Away(str(error)) from error

    def hand_over(self, mime: bytes, *, then: tuple[str, str] | None = None) -> Reply:
        """The bytes and the final dot; what the server answered. Raises Lost when no answer came.

        then: (sender, recipient) that will be offered next, to be sent along.
        """
        server = self._server
        if server is None:
            raise Lost("no connection")
        ahead = then if self._pipelines else None
        try:
            server.send(_quoted(mime) + (_envelope(*ahead) if ahead else b""))
            reply = self._answer()
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            raise Lost(str(error)) from error
        self._ahead, self._waits = ahead, False
        return reply

    def drop(self) -> None:
        """Hang up at once. After DATA and before the dot this takes the message back: RFC 5321 section 4.1.1.4."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._ahead, self._waits = None, False

    def close(self) -> None:
        """Say goodbye, if anybody is there."""
        if self._ahead is not None or self._waits:
            self.drop()  # it waits for a message that will not come
        if self._server is not None:
            try:
                self._server.quit()
            except (OSError, smtplib.SMTPException):
                self._server.close()
            self._server = None

    def _open(self, sender: str, recipient: str) -> bool:
        """Connect if need be; True when the envelope was sent as one group, so that its answers are to be read."""
        if self._server is None:
            kind = smtplib.SMTP_SSL if settings.EMAIL_USE_SSL else smtplib.SMTP
            server = kind(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=settings.EMAIL_TIMEOUT)
            if settings.EMAIL_USE_TLS:
                server.starttls()
            server.ehlo_or_helo_if_needed()
            if settings.EMAIL_HOST_USER:
                server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
            self._server, self._pipelines = server, server.has_extn("pipelining")
        if self._pipelines:
            self._server.send(_envelope(sender, recipient))
        return self._pipelines

    def _step_by_step(self, sender: str, recipient: str) -> Reply:
        reply = Reply(0, "")
        for command in _envelope(sender, recipient).splitlines(keepends=True):
            self._sure().send(command)
            reply = self._answer()
            if not reply.is_yes:
                self._reset()
                break
        return reply

    def _envelope_answers(self) -> Reply:
        """The answers to MAIL, RCPT and DATA: the first no, or the 354."""
        answers = [self._answer() for _ in range(3)]
        refused = next((one for one in answers if not one.is_yes), None)
        if refused is None:
            return answers[-1]
        if answers[-1].is_yes:
            self.drop()  # it waits for a body all the same: hanging up says that there is none
        else:
            self._reset()
        return refused

    def _reset(self) -> None:
        self._sure().send(b"RSET\r\n")
        if self._answer().code != 250:
            self.drop()

    def _sure(self) -> smtplib.SMTP:
        if self._server is None:
            raise smtplib.SMTPServerDisconnected("no connection")
        return self._server

    def _answer(self) -> Reply:
        """One reply, of one line or several (RFC 5321 section 4.2.1). Raises when the server hangs up or says so."""
        server: Any = self._sure()
        if server.file is None:
            server.file = server.sock.makefile("rb")
        said = []
        while True:
            line = server.file.readline(LONGEST_LINE)
            if len(line) < 4 or not line[:3].isdigit():
                raise smtplib.SMTPServerDisconnected("the server hung up")
            said.append(line[4:].strip())
            if line[3:4] != b"-":
                break
        code, words = int(line[:3]), b" ".join(said).decode("utf-8", "replace").replace("\x00", "")
        if code == TOO_FAST:
            raise ToldToStop(words)
        return Reply(code, " ".join(words.split())[: LONGEST_REPLY - 4])


def _envelope(sender: str, recipient: str) -> bytes:
    """MAIL, RCPT and DATA as one group; both addresses were checked to be plain mailboxes."""
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode("ascii")


def _quoted(mime: bytes) -> bytes:
    """The bytes as DATA wants them: leading dots doubled, one dot at the end. RFC 5321 section 4.5.2."""
    body = mime.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"
