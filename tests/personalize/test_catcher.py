"""The mail catcher keeps every mail, shows it safely, and copes with many."""

import json
import smtplib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from personalize.catcher import page, smtp
from personalize.catcher.mailbox import Caught, Mailbox
from personalize.start.postgres import free_port


@dataclass(frozen=True, slots=True)
class Catcher:
    """A running catcher."""

    smtp_port: int
    url: str
    mailbox: Mailbox

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), refused.read().decode()

    def send(self, *mails: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as client:
            for mail in mails:
                client.send_message(mail)


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    mailbox, smtp_port, port = Mailbox(tmp_path / "mail"), free_port(), free_port()
    receiver, server = smtp.listen(mailbox, port=smtp_port), page.serve(mailbox, port=port)
    yield Catcher(smtp_port, f"http://127.0.0.1:{port}", mailbox)
    receiver.stop()
    server.shutdown()
    server.server_close()


def mail(to: str, subject: str, *, html: str = "<p>Hello</p>") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Firm <hello@firm.example>", to, subject
    made.set_content("Hello, as text")
    made.add_alternative(html, subtype="html")
    return made


def test_mails_are_listed_newest_first_with_words_in_any_script(catcher: Catcher) -> None:
    catcher.send(mail("ana@example.com", "First"), mail("bo@example.com", "Zinsänderung für Sie ☂"))

    listed = json.loads(catcher.get("/messages.json")[2])

    assert [(one["to"], one["subject"]) for one in listed] == [
        ("bo@example.com", "Zinsänderung für Sie ☂"),
        ("ana@example.com", "First"),
    ]
    assert "Zinsänderung für Sie ☂" in catcher.get("/")[2]


def test_search_finds_every_word_in_address_or_subject(catcher: Catcher) -> None:
    catcher.send(mail("ana@example.com", "Your pension"), mail("bo@example.com", "Your pension"))

    found = json.loads(catcher.get("/messages.json?q=PENSION+ana")[2])

    assert [one["to"] for one in found] == ["ana@example.com"]
    assert "No mail matches." in catcher.get("/?q=nobody")[2]


def test_a_mail_is_kept_byte_for_byte_behind_its_envelope(catcher: Catcher) -> None:
    body = b"Subject: exact\r\nX-Odd:  two  spaces\r\n\r\n.line\r\ntrailing  \r\n"
    with smtplib.SMTP("127.0.0.1", catcher.smtp_port) as client:
        client.sendmail("a@firm.example", ["b@example.com", "c@example.com"], body)

    (kept,) = catcher.mailbox.find()

    envelope = b"X-Envelope-From: a@firm.example\r\nX-Envelope-To: b@example.com, c@example.com\r\n"
    assert catcher.mailbox.body(kept.key) == envelope + body


def test_hostile_words_are_shown_as_words(catcher: Catcher) -> None:
    script = "<script>alert(1)</script>"
    catcher.send(mail("ana@example.com", script, html=script))
    (kept,) = catcher.mailbox.find()

    pages = [catcher.get(path) for path in ("/", f"/?q={'%22%3E%3Cscript%3E'}", f"/mail/{kept.key}")]
    inside = catcher.get(f"/mail/{kept.key}/html")

    assert [script in body for _, _, body in pages] == [False, False, False]
    assert all("default-src 'none'; style-src 'self'" in headers["Content-Security-Policy"] for _, headers, _ in pages)
    assert 'sandbox="allow-popups' in pages[2][2]
    policy = inside[1]["Content-Security-Policy"]
    assert "sandbox allow-popups" in policy
    assert "script" not in policy


@pytest.mark.parametrize(
    "path", ["/mail/../../etc/passwd", "/mail/1/raw", "/mail/%2e%2e/html", "/nothing", "/mail/x/y/z"]
)
def test_what_is_not_there_is_not_found(catcher: Catcher, path: str) -> None:
    assert catcher.get(path)[0] == 404


def test_a_restart_keeps_the_mails(catcher: Catcher) -> None:
    catcher.send(mail("ana@example.com", "Kept ☂"))

    again = Mailbox(catcher.mailbox.folder)

    assert again.find() == catcher.mailbox.find()


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, keep=1_000)

    for number in range(1_001):
        mailbox.add(b"Subject: %d\r\n\r\n" % number, sender="a", recipients=["b"])

    left = mailbox.find()
    assert (len(left), left[0].subject, left[-1].subject) == (501, "1000", "500")
    assert len(list(tmp_path.iterdir())) == 501


def test_twenty_thousand_mails_are_searched_at_once(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    for number in range(20_000):
        key = f"{number:013d}-000000"
        mailbox.index[key] = Caught(key, number, f"client{number}@example.com", "firm", "Hello")

    begun = time.process_time()
    first, found = page.answer(mailbox, "/"), page.answer(mailbox, "/messages.json?q=client19999@example.com")
    spent = time.process_time() - begun

    assert b"20,000 mails" in first.body
    assert len(json.loads(found.body)) == 1
    assert spent < 0.5
