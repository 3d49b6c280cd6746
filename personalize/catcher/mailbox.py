"""A folder of caught mails: one .eml file each, as received, and an index of them in memory."""

import re
import threading
import time
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

KEEP = 25_000  # mails; the oldest go first
TRIM = 500  # how many go at once
NAME = re.compile(r"^(\d{13}-\d{6})\.eml$")
HEADERS = BytesHeaderParser(policy=policy.compat32)


@dataclass(frozen=True, slots=True)
class Caught:
    """What the list shows of one mail. at: milliseconds since 1970."""

    key: str
    at: int
    to: str
    sender: str
    subject: str


class Mailbox:
    """All caught mails, safe to use from several threads."""

    def __init__(self, folder: Path, *, keep: int = KEEP) -> None:
        self.folder, self.keep = folder, keep
        self.lock = threading.Lock()
        self.serial = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = sorted(name for name in (path.name for path in folder.iterdir()) if NAME.match(name))
        self.index = {name[:-4]: self._read(name[:-4]) for name in names}

    def add(self, body: bytes, *, sender: str, recipients: list[str]) -> Caught:
        """Keep a mail as received, with its envelope in front, where a real server would put a trace."""
        envelope = f"X-Envelope-From: {_line(sender)}\r\nX-Envelope-To: {_line(', '.join(recipients))}\r\n".encode()
        with self.lock:
            self.serial = (self.serial + 1) % 1_000_000
            key = f"{int(time.time() * 1000):013d}-{self.serial:06d}"
        whole = envelope + body
        half = self.folder / f"{key}.half"
        half.write_bytes(whole)
        half.rename(self.folder / f"{key}.eml")
        caught = _summary(key, whole)
        with self.lock:
            self.index[key] = caught
            if len(self.index) > self.keep:
                for old in list(self.index)[:TRIM]:
                    del self.index[old]
                    (self.folder / f"{old}.eml").unlink(missing_ok=True)
        return caught

    def find(self, words: str = "") -> list[Caught]:
        """Mails whose sender, recipient or subject holds every word, newest first."""
        wanted = words.casefold().split()
        with self.lock:
            mails = list(self.index.values())
        mails.reverse()
        if not wanted:
            return mails
        return [one for one in mails if all(word in _haystack(one) for word in wanted)]

    def body(self, key: str) -> bytes | None:
        """The mail's bytes, or None if there is no such mail."""
        if key not in self.index:
            return None
        return (self.folder / f"{key}.eml").read_bytes()

    def parsed(self, key: str) -> EmailMessage | None:
        """The mail as a message object, or None."""
        raw = self.body(key)
        return None if raw is None else BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)

    def _read(self, key: str) -> Caught:
        with (self.folder / f"{key}.eml").open("rb") as file:
            return _summary(key, file.read(16_384))


def _summary(key: str, start: bytes) -> Caught:
    headers = HEADERS.parsebytes(start.partition(b"\r\n\r\n")[0])
    return Caught(
        key, int(key[:13]), _plain(headers["X-Envelope-To"]), _plain(headers["From"]), _plain(headers["Subject"])
    )


def _plain(value: str | None) -> str:
    if not value:
        return ""
    if "=?" in value:
        value = str(policy.default.header_factory("subject", value))
    return " ".join(value.split())


def _line(value: str) -> str:
    return " ".join(value.split())


def _haystack(one: Caught) -> str:
    return f"{one.to} {one.sender} {one.subject}".casefold()
