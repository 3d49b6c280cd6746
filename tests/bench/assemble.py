"""`assemble`: finished, hashed messages against Django templates and EmailMultiAlternatives making the same ones.

Both sides make the same links, the same words and the same headers for the same clients, in turns in one process.
Every message of the first turn goes through Python's own parser and must hold the same HTML, text and subject.
"""

import email
import gc
import hashlib
import re
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.policy import default
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context, Template, engines
from django.utils.safestring import mark_safe

from campaigns import assembly, compiled, layout, variants, wording
from campaigns.layout import Piece
from campaigns.models import Slot, Variant
from compliance import tokens

TARGET = 40.0
PAIRS = 7
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WORDS = (
    Piece("subject", '{{ first_name|fallback:"Hello" }}, here are both sides of investing'),
    Piece("preheader", "A short read, no jargon, and nothing to buy at the end."),
    Piece("visual", "A small sailing boat in a quiet harbour at first light", image="harbour.png"),
    Piece("value_proposition", 'A plan for {{ goal|fallback:"what matters to you" }}'),
    Piece(
        "body",
        'Hello {{ first_name|fallback:"there" }}, every investment is a trade. A chance of growing faster than cash '
        "comes with the chance of falling in value, and you could get back less than you paid in.\n\n"
        "- When might you need this money?\n- How would you feel if it was worth less for a year or two?\n"
        "- Do you have some cash set aside for a rainy day?\n\n"
        'You told us that your horizon is {{ horizon_years|fallback:"a few" }} years. Keep that in mind as you read: '
        "when you need the money matters as much as how you feel about the ups and downs on the way.",
    ),
    Piece(
        "disclosure", "The value of investments can fall as well as rise, and you could get back less than you put in."
    ),
    Piece("call_to_action", "Open the guide to risk", url="https://www.harbourwell.example/learn/risk"),
)
NAMES = ("Ann", "Bob", "Çağla", "Dieter", "Éloïse", "Farid", "Grace", "Hamish")
GOALS = ("retirement", "house", "education", "security", "growth", "a boat & a shed")


def bench(scale: float = 1.0) -> dict[str, Any]:
    """The median ratio of CPU time a message over alternating pairs, with its spread."""
    variant, slow = _variant(), _Django()
    n_slow, n_fast = max(20, int(400 * scale)), max(400, int(12_000 * scale))
    _check(variant, slow, n_slow)
    ratios, floors, ours = [], [], []
    for _ in range(PAIRS):
        floors.append(_cpu_us(slow.make, n_slow))
        ours.append(_cpu_us(lambda client: _fast(variant, client).sha256, n_fast))
        ratios.append(floors[-1] / ours[-1])
    return {
        "name": "assemble",
        "ratio": round(statistics.median(ratios), 1),
        "target": TARGET,
        "met": statistics.median(ratios) >= TARGET,
        "spread": [round(min(ratios), 1), round(max(ratios), 1)],
        "pairs": PAIRS,
        "django_us": round(statistics.median(floors), 1),
        "ours_us": round(statistics.median(ours), 1),
        "bytes": len(_fast(variant, _client(1)).mime),
        "checked": n_slow,
    }


def _client(number: int) -> dict[str, Any]:
    return {
        "id": UUID(int=(1 << 100) + number),
        "ref": UUID(int=(1 << 101) + number),
        "address": f"client{number}@mail.example",
        "merge": {
            "first_name": NAMES[number % len(NAMES)],
            "goal": GOALS[number % len(GOALS)],
            "horizon_years": number % 40 + 1,
            "measure": True,
        },
    }


def _variant() -> Variant:
    made = layout.compose(WORDS, purpose="marketing")
    words = {name: getattr(made, name) for name in ("subject", "preheader", "html", "text", "layout")}
    digest = variants.text_digest(made, ["0" * 64])
    return Variant(pk=1, campaign_id=1, versions=[1], blocks=["0" * 64], digest=digest, links=list(made.links), **words)


def _fast(variant: Variant, client: dict[str, Any]) -> assembly.Rendered:
    return assembly.render(
        variant,
        client["merge"],
        message_id=client["id"],
        address=client["address"],
        client_ref=client["ref"],
        purpose="marketing",
        at=AT,
    )


class _Django:
    """The same message as Django's own parts make it: a page template, a template a block, and its mail class."""

    def __init__(self) -> None:
        self.engine = engines["django"].engine
        self.page = self.engine.get_template(f"mail/layout_{layout.LAYOUT}.html")
        self.plain = self.engine.get_template(f"mail/layout_{layout.LAYOUT}.txt")
        self.blocks = {one.slot: self._template(one.body) for one in WORDS}
        self.texts = {one.slot: self._template(one.body, plain=True) for one in WORDS}
        parts = re.split(r"\n\n", next(one.body for one in WORDS if one.slot == Slot.BODY))
        self.body = [[self._template(re.sub(r"^- ", "", line)) for line in one.split("\n")] for one in parts]

    def _template(self, body: str, *, plain: bool = False) -> Template:
        source = re.sub(r'\{\{ (\w+)\|fallback:"([^"]*)" \}\}', r'{{ \1|default:"\2" }}', body)
        return self.engine.from_string("{% autoescape off %}" + source + "{% endautoescape %}" if plain else source)

    def make(self, client: dict[str, Any]) -> bytes:
        """The digest of the message's bytes."""
        return hashlib.sha256(self.message(client).message().as_bytes()).digest()

    def message(self, client: dict[str, Any]) -> EmailMultiAlternatives:
        """The message for one client."""
        merge, base, ref = client["merge"], settings.PUBLIC_URL, client["id"]
        spoken = wording.FIELDS["goal"].spoken
        context = Context({**merge, "goal": spoken.get(merge["goal"], merge["goal"])})
        filled = {slot: mark_safe(one.render(context)) for slot, one in self.blocks.items()}
        texts = {slot: one.render(context) for slot, one in self.texts.items()}
        click = f"{base}/c/{tokens.make('click', ref, 0)}"
        unsubscribe, pixel = tokens.make("unsubscribe", ref), tokens.make("open", ref)
        body = [[mark_safe(line.render(context)) for line in lines] for lines in self.body]
        shared = {"base": base, "is_marketing": True, "firm": settings.FIRM}
        page = {
            "subject": filled[Slot.SUBJECT],
            "preheader": filled[Slot.PREHEADER],
            "pictures": [layout.Picture(f"{base}/static/mail/harbour.png", filled[Slot.VISUAL])],
            "headings": [filled[Slot.VALUE_PROPOSITION]],
            "body": [layout.Paragraph(*(("", tuple(one)) if len(one) > 1 else (one[0], ()))) for one in body],
            "disclosures": [layout.Paragraph(filled[Slot.DISCLOSURE], ())],
            "buttons": [layout.Button(filled[Slot.CALL_TO_ACTION], click)],
        }
        plain = {
            "headings": [texts[Slot.VALUE_PROPOSITION]],
            "body": [texts[Slot.BODY]],
            "disclosures": [texts[Slot.DISCLOSURE]],
            "buttons": [layout.Button(texts[Slot.CALL_TO_ACTION], click)],
        }
        links = {
            "why": tokens.make("why", ref),
            "portal": tokens.make("portal", client["ref"]),
            "unsubscribe": unsubscribe,
            "open_pixel": assembly.PIXEL.format(base=base, token=pixel),
        }
        html = _linked(self.page.render(Context({**shared, **page})), links)
        text = _linked(self.plain.render(Context({**shared, **plain})), links)
        headers = {
            "Date": "Mon, 23 Nov 2026 09:00:00 +0000",
            "Message-ID": f"<{ref}@{settings.MAIL_DOMAIN}>",
            "List-Unsubscribe": f"<{base}/u/{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": f"{settings.FIRM['name']} <messages.{settings.MAIL_DOMAIN}>",
            "X-Personalize-Key": str(ref),
        }
        mail = EmailMultiAlternatives(
            texts[Slot.SUBJECT], text, settings.FIRM["sender"], [client["address"]], headers=headers
        )
        mail.attach_alternative(html, "text/html")
        return mail


def _linked(page: str, links: dict[str, str]) -> str:
    for name, value in links.items():
        page = page.replace(f"{{{{ {name} }}}}", value)
    return page


def _check(variant: Variant, slow: _Django, n: int) -> None:
    """Both sides say the same to the same client, as Python's parser reads them."""
    for number in range(n):
        client = _client(number)
        ours = email.message_from_bytes(_fast(variant, client).mime, policy=default)
        theirs = email.message_from_bytes(slow.message(client).message().as_bytes(), policy=default)
        assert ours.defects == [], ours.defects
        for kind in ("html", "plain"):
            assert _read(ours, kind) == _read(theirs, kind), f"client {number}: the {kind} parts differ"
        assert ours["Subject"] == theirs["Subject"]
        assert max(map(len, _fast(variant, client).mime.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    assert compiled.of(variant).names == {"first_name", "goal", "horizon_years"}


def _read(message: Any, kind: str) -> list[str]:
    """The words of a part, blank lines and ends of lines aside: the two sides tidy them differently."""
    return [line.strip() for line in message.get_body((kind,)).get_content().splitlines() if line.strip()]


def _cpu_us(make: Callable[[dict[str, Any]], bytes], n: int) -> float:
    clients = [_client(number) for number in range(n)]
    gc.collect()
    start = time.process_time()
    for client in clients:
        make(client)
    return (time.process_time() - start) / n * 1e6
