"""The MIME message as bytes: headers that cannot be injected into, and text encoded once and spliced.

Everything here is a function of its arguments, so the same message always has the same bytes.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Any

from django.conf import settings

from campaigns.wording import Open, Wording

SOFT = b"=\r\n"
LINE = 76  # RFC 2047 section 2 and RFC 2045 section 6.7: no encoded line is longer
# One plain mailbox (RFC 5321 without quotes, spaces or accents): nothing in it can end a header or name a second one.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}$)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PLAIN_HEADER = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from and where its own links lead. A run's plan keeps it, so a firm that moves changes no old mail.

    mailbox  "Name <address>" · name  the firm's, for List-Id · domain  of Message-ID · base_url  without a final slash
    """

    mailbox: str
    name: str
    domain: str
    base_url: str


def sender(plan: dict[str, Any] | None = None) -> Sender:
    """The sender that a run's plan kept; today's, from the settings, when there is none."""
    if plan and "sender" in plan:
        return Sender(**plan["sender"])
    return Sender(settings.FIRM["sender"], settings.FIRM["name"], settings.MAIL_DOMAIN, settings.PUBLIC_URL)


class BadAddress(ValueError):
    """The address is not one plain mailbox; nothing was rendered."""


def check(address: str) -> str:
    """The address itself if it is one plain mailbox of at most 254 characters; raises BadAddress."""
    if len(address) > 254 or not ADDRESS.fullmatch(address):
        raise BadAddress("This is not one plain e-mail address.")
    return address


def quoted(text: str) -> bytes:
    """Quoted-printable with CRLF ends and lines of at most 75, so that a soft break still fits behind the last.

    Source: RFC 2045 section 6.7.
    """
    made = binascii.b2a_qp(text.encode(), quotetabs=False, istext=True).replace(b"\n", b"\r\n")
    if len(made) - made.rfind(b"\n") - 1 < LINE:
        return made
    last = -3 if made[-3:-2] == b"=" else -1  # the last line alone may be as long as a line can be
    return made[:last] + SOFT + made[last:]


def header(name: str, value: str) -> str:
    """One header without its line end, folded; encoded words where it is not plain ASCII (RFC 2047).

    Control characters become spaces, so a value can never start a header of its own.
    """
    value = CONTROL.sub(" ", value).strip()
    if PLAIN_HEADER.fullmatch(value) and len(name) + 2 + len(value) <= LINE and "=?" not in value:
        return f"{name}: {value}"
    return f"{name}: " + "\r\n ".join(_encoded_words(value, first=LINE - len(name) - 2))


def _encoded_words(value: str, *, first: int) -> list[str]:
    """`value` as base64 encoded words; no word splits a character, the first has at most `first` characters."""
    words: list[bytes] = []
    chunk = b""
    for one in value:
        room = (first if not words else LINE - 1) - len("=?utf-8?b??=")
        character = one.encode()
        if (len(chunk) + len(character) + 2) // 3 * 4 > room:
            words.append(chunk)
            chunk = b""
        chunk += character
    return [f"=?utf-8?b?{base64.b64encode(one).decode()}?=" for one in [*words, chunk] if one]


@lru_cache(maxsize=64)
def date(at: datetime) -> str:
    """The Date header's value, in UTC to the second."""
    return format_datetime(at.astimezone(UTC).replace(microsecond=0))


def head(
    *,
    to: str,
    subject: str,
    at: datetime,
    message_id: str,
    unsubscribe: str,
    feedback: str,
    boundary: str,
    sender: Sender,
) -> bytes:
    """Everything above the parts. `unsubscribe`: the one-click address (RFC 8058), empty for service messages."""
    domain = sender.domain
    from_whom, list_id = _house(sender.mailbox, sender.name, domain)
    optional = ONE_CLICK.format(unsubscribe) if unsubscribe else ""
    return (
        f"{from_whom}\r\nTo: {to}\r\n{_subject(subject)}\r\nDate: {date(at)}\r\n"
        f"Message-ID: <{message_id}@{domain}>\r\n{optional}{list_id}\r\n"
        f"Feedback-ID: {feedback}:{domain}\r\nX-Personalize-Key: {message_id}\r\nAuto-Submitted: auto-generated\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'
    ).encode("ascii")


ONE_CLICK = "List-Unsubscribe: <{}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@lru_cache(maxsize=20_000)
def _subject(value: str) -> str:
    return header("Subject", value)


@lru_cache(maxsize=8)
def _house(mailbox: str, name: str, domain: str) -> tuple[str, str]:
    called, address = parseaddr(mailbox)
    return f"From: {formataddr((called, check(address)))}", f"{header('List-Id', name)} <messages.{domain}>"


@dataclass(frozen=True, slots=True)
class Body:
    """A multipart/alternative body encoded once.

    parts  bytes, None where a value goes · opens  the open place of each None in order, None for the boundary, and
           whether it stands in the HTML part
    """

    parts: tuple[bytes | None, ...]
    opens: tuple[tuple[Open | None, bool], ...]


def alternatives(text: Wording, markup: Wording) -> Body:
    """Encode the literals of both parts; soft breaks around a value keep every line within 76 characters."""
    parts: list[bytes | None] = []
    opens: list[tuple[Open | None, bool]] = []
    for kind, words in (("plain", text), ("html", markup)):
        opens.append((None, False))
        parts += [b"\r\n--", None, PART.format(kind).encode()]
        for one in words.pieces:
            if isinstance(one, str):
                parts.append(quoted(one))
            else:
                opens.append((one, kind == "html"))
                parts += [SOFT, None, SOFT]
    opens.append((None, False))
    return Body(_joined([*parts, b"\r\n--", None, b"--\r\n"]), tuple(opens))


PART = '\r\nContent-Type: text/{}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'


def _joined(parts: list[bytes | None]) -> tuple[bytes | None, ...]:
    """Neighbouring literals as one."""
    made: list[bytes | None] = []
    for one in parts:
        if one is not None and made and made[-1] is not None:
            made[-1] += one
        else:
            made.append(one)
    return tuple(made)
