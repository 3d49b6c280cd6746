"""The catcher's web side: a read-only page on a port of its own, so a mail's HTML never shares the console's origin."""

import json
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from personalize.catcher import shown
from personalize.catcher.mailbox import Mailbox

STRICT = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
# The mail itself: its own styles and images, no script, no form, no plug-in, no way out but a link in a new tab.
MAIL = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src * data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
PAGE = 50
NEVER = 10_000


class Answer(Exception):
    """What to send: status, content type, body, and the policy that holds for it."""

    def __init__(self, body: bytes, *, kind: str = "text/html", status: int = 200, csp: str = STRICT, file: str = ""):
        super().__init__()
        self.body, self.kind, self.status, self.csp, self.file = body, kind, status, csp, file


def answer(mailbox: Mailbox, target: str) -> Answer:
    """The answer to GET `target`."""
    url = urlsplit(target)
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    words = asked.get("q", "")[:200]
    match url.path.strip("/").split("/"):
        case [""]:
            mails = mailbox.find(words)
            number = _number(asked.get("page", "1"), most=max(1, -(-len(mails) // PAGE)))
            return Answer(shown.listing(mails, words=words, number=number, size=PAGE).encode())
        case ["messages.json"]:
            mails = mailbox.find(words)[: _number(asked.get("limit", "1000"), most=NEVER)]
            body = json.dumps([{"id": one.key, "at": one.at, "to": one.to, "subject": one.subject} for one in mails])
            return Answer(body.encode(), kind="application/json")
        case ["catcher.css"]:
            return Answer(files("personalize.catcher").joinpath("catcher.css").read_bytes(), kind="text/css")
        case ["mail", key]:
            if mail := mailbox.parsed(key):
                return Answer(shown.mail(key, mail).encode())
        case ["mail", key, "html"]:
            if (mail := mailbox.parsed(key)) and (html := part(mail, "html")):
                return Answer(html.encode(), csp=MAIL)
        case ["mail", key, "raw"]:
            if raw := mailbox.body(key):
                return Answer(raw, kind="message/rfc822", file=f"{key}.eml")
    return Answer(shown.missing().encode(), status=404)


def part(mail: EmailMessage, kind: str) -> str:
    """The text of the mail's html or plain part; empty if there is none."""
    body = mail.get_body((kind,))
    return body.get_content() if body else ""


def serve(mailbox: Mailbox, *, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Serve the page on host:port from now on, in threads; stop it with .shutdown()."""

    class Handler(BaseHTTPRequestHandler):
        """One request: GET and HEAD only."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            sent = answer(mailbox, self.path)
            self.send_response(sent.status)
            charset = "; charset=utf-8" if sent.kind.startswith("text/") else ""
            self.send_header("Content-Type", sent.kind + charset)
            self.send_header("Content-Length", str(len(sent.body)))
            self.send_header("Content-Security-Policy", sent.csp)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            if sent.file:
                self.send_header("Content-Disposition", f'attachment; filename="{sent.file}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(sent.body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: addresses and searches name clients."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="page").start()
    return server


def _number(text: str, *, most: int) -> int:
    return min(max(1, int(text)), most) if text.isdecimal() and len(text) < 10 else 1
