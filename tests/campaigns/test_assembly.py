"""The message: parsed back by a real parser, the same bytes twice, and nothing a value can add to a header."""

import email
import hashlib
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, default
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns import assembly, layout, mail, variants, wording
from campaigns.layout import Piece
from campaigns.models import Variant
from compliance import consent, tokens
from compliance.models import Channel, Client, Purpose
from personalize.models import Attribute, Origin

AT = datetime(2026, 11, 23, 12, 30, 5, tzinfo=UTC)
MESSAGE, CLIENT = UUID(int=41), UUID(int=42)
WORDS = (
    Piece("subject", '{{ first_name|fallback:"Hello" }}, your plan – in plain words'),
    Piece("preheader", "What it is, and what it costs."),
    Piece("visual", "Waves & a <sun>", image="waves.png"),
    Piece("value_proposition", 'A plan for {{ goal|fallback:"what matters" }}'),
    Piece(
        "body",
        "Markets rise & fall.\nAlways.\n\n- One thing\n- Another = thing\n\n.\n\nFrom: {{ horizon_years }} years.  ",
    ),
    Piece("disclosure", "The value of investments can fall as well as rise."),
    Piece("call_to_action", "Read the guide", url="https://www.harbourwell.example/guide?a=1&b=2"),
)


def variant(*words: Piece, purpose: str = "marketing") -> Variant:
    made = layout.compose(words or WORDS, purpose=purpose)
    return Variant(
        pk=7,
        campaign_id=3,
        digest=variants.text_digest(made, ["d" * 64]),
        versions=[1],
        blocks=["d" * 64],
        subject=made.subject,
        preheader=made.preheader,
        html=made.html,
        text=made.text,
        links=list(made.links),
        layout=made.layout,
    )


def render(
    text: Variant | None = None, *, address: str = "ann@mail.example", purpose: str = "marketing", **merge: object
):
    return assembly.render(
        text or variant(),
        {"first_name": "Ann", "goal": "house", "horizon_years": 12, **merge},
        message_id=MESSAGE,
        address=address,
        client_ref=CLIENT,
        purpose=purpose,
        at=AT,
    )


def parsed(mime: bytes) -> EmailMessage:
    found = email.message_from_bytes(mime, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def test_the_message_parses_back_to_what_was_rendered() -> None:
    made = render(first_name="Zoë")

    message = parsed(made.mime)

    assert message.defects == []
    assert message["Subject"] == made.subject == "Zoë, your plan – in plain words"
    assert part(message, "html") == made.html
    assert part(message, "plain") == made.text
    assert made.sha256 == hashlib.sha256(made.mime).digest()
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_headers_are_those_of_an_honest_sender(settings) -> None:
    message = parsed(render().mime)
    token = tokens.make("unsubscribe", MESSAGE)

    assert message.keys() == [
        "From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id",
        "Feedback-ID", "X-Personalize-Key", "Auto-Submitted", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert message["From"] == settings.FIRM["sender"]
    assert message["To"] == "ann@mail.example"
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == f"<{MESSAGE}@{settings.MAIL_DOMAIN}>"
    assert message["List-Unsubscribe"] == f"<{settings.PUBLIC_URL}/u/{token}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["X-Personalize-Key"] == str(MESSAGE)


def test_a_service_message_has_no_unsubscribe(settings) -> None:
    made = render(variant(*WORDS, purpose="service"), purpose="service")

    assert parsed(made.mime)["List-Unsubscribe"] is None
    assert "/u/" not in made.html + made.text


def test_links_lead_through_us_and_only_to_approved_addresses(settings) -> None:
    text = variant()
    made = render(text)
    click = f"{settings.PUBLIC_URL}/c/{tokens.make('click', MESSAGE, 0)}"

    assert text.links == ["https://www.harbourwell.example/guide?a=1&b=2"]
    assert re.findall(r'href="([^"]+)"', made.html) == [
        click,
        f"{settings.PUBLIC_URL}/w/{tokens.make('why', MESSAGE)}",
        f"{settings.PUBLIC_URL}/portal/{tokens.make('portal', CLIENT)}/",
        f"{settings.PUBLIC_URL}/u/{tokens.make('unsubscribe', MESSAGE)}",
    ]
    assert f"Read the guide: {click}" in made.text
    assert "harbourwell.example/guide" not in made.html + made.text


def test_opens_are_counted_only_when_the_client_agreed(settings) -> None:
    assert "/o/" not in render().html
    assert "/o/" not in render(measure="yes").html
    assert f'<img src="{settings.PUBLIC_URL}/o/{tokens.make("open", MESSAGE)}.gif"' in render(measure=True).html
    assert part(parsed(render(measure=True).mime), "html") == render(measure=True).html


def test_the_layout_is_whole(settings) -> None:
    made = render()

    assert '<meta name="color-scheme" content="light dark">' in made.html
    assert "prefers-color-scheme: dark" in made.html
    assert 'alt="Waves &amp; a &lt;sun&gt;"' in made.html
    assert f'src="{settings.PUBLIC_URL}/static/mail/waves.png"' in made.html
    assert made.html.index("can fall as well as rise") < made.html.index("Read the guide")
    assert made.text.index("can fall as well as rise") < made.text.index("Read the guide")
    assert "<li" in made.html
    assert "Another = thing" in made.html
    for firm in ("legal_name", "status_line", "address"):
        assert settings.FIRM[firm] in made.html
        assert settings.FIRM[firm] in made.text
    assert "Why am I seeing this?" in made.html


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: c@d.example", "a@b.example\nX: y", "a@b.example, c@d.example", "a b@c.example",
        "<a@b.example>", "a@b.example>", '"a"@b.example', "é@b.example", "a@b..example", "a@", "@b.example", "",
        "a@b.example ", "a" * 250 + "@b.c",
    ],
)  # fmt: skip
def test_an_address_that_is_not_one_plain_mailbox_is_refused(address: str) -> None:
    with pytest.raises(mail.BadAddress):
        render(address=address)


@settings(max_examples=150, deadline=None)
@example("", f"000000000{'¡' * 5}{chr(0x10000) * 3}0", False)  # 76 characters once encoded, with no room for a break
@example("", f"{'0' * 10}{'¡' * 11}", False)
@given(st.text(max_size=39), st.text(max_size=39), st.booleans())
def test_any_value_gives_one_sound_message_and_the_same_bytes_twice(name: str, goal: str, measure: bool) -> None:
    made, again = (render(first_name=name, goal=goal, measure=measure) for _ in range(2))
    message = parsed(made.mime)

    assert made.mime == again.mime
    assert len(message.keys()) == 13
    assert message.defects == []
    assert " ".join(str(message["Subject"]).split()) == made.subject
    assert part(message, "html") == made.html
    assert part(message, "plain") == made.text
    head, _, body = made.mime.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert b"\n" not in made.mime.replace(b"\r\n", b"")
    assert made.mime.isascii()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([" ", "=", ".", "\n", "é", "word", "—", "😀", "x" * 80, "From ", "<b>", "&", '"']), max_size=40
    )
)
def test_any_words_survive_the_encoding(bits: list[str]) -> None:
    body = "Start " + "".join(bits).strip() + " {{ first_name }} end"
    made = render(variant(WORDS[0], Piece("body", body), WORDS[-1]))

    message = parsed(made.mime)

    assert part(message, "html") == made.html
    assert part(message, "plain") == made.text
    assert made.mime == parsed(made.mime).as_bytes(policy=SMTP.clone(max_line_length=None)) or message.defects == []


@given(st.text(max_size=200))
def test_a_header_never_becomes_two(value: str) -> None:
    line = mail.header("Subject", value)

    assert len(email.message_from_string(line + "\r\n\r\n").keys()) == 1
    assert all(one.startswith(" ") for one in line.split("\r\n")[1:])
    assert max(map(len, line.split("\r\n"))) <= 76


def test_words_that_are_not_those_of_the_digest_are_refused() -> None:
    text = variant()
    text.html = text.html.replace("Markets rise", "Markets only rise")

    with pytest.raises(assembly.Tampered):
        render(text)


def test_a_missing_value_refuses_the_message() -> None:
    with pytest.raises(wording.MissingValue):
        render(horizon_years=None)
    with pytest.raises(wording.TooLong):
        render(horizon_years=12345)


def test_only_the_values_a_text_uses_need_keeping() -> None:
    assert assembly.needed(variant()) == {"first_name", "goal", "horizon_years"}


@pytest.fixture
def people(db: None) -> list[Client]:
    names = ("Ann", "", "Cem")
    return [Client.objects.create(user_id=f"m{n}", first_name=name, first_seen_at=AT) for n, name in enumerate(names)]


def known(client: Client, key: str, value: object, origin: str = Origin.DECLARED) -> None:
    Attribute.objects.create(client=client, key=key, value=value, origin=origin, source="test", at=AT)


def test_merge_values_prefer_what_was_declared_and_respect_consent(people: list[Client]) -> None:
    first, second, third = people
    known(first, "goal", "house")
    known(first, "goal", "growth", Origin.INFERRED)
    known(first, "retirement_age", 67)
    known(second, "goal", "growth", Origin.INFERRED)
    known(third, "unrelated", "x")
    for purpose in (Purpose.PROFILING, Purpose.SENSITIVE):
        consent.grant(
            second.pk, purpose=purpose, channel=Channel.ANY, wording=f"portal-{purpose}-1", surface="portal",
            mechanism="checkbox", by=f"client:{second.pk}", at=AT,
        )  # fmt: skip
    known(second, "retirement_age", 60)

    values = assembly.merge_values([third.pk, first.pk, second.pk], at=AT)

    assert values == [
        {"first_name": "Cem", "firm_name": "Harbourwell", "measure": False},
        {"first_name": "Ann", "firm_name": "Harbourwell", "measure": False, "goal": "house"},
        {"firm_name": "Harbourwell", "measure": False, "goal": "growth", "retirement_age": 60},
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_merge_values_ask_the_same_number_of_questions_for_any_number(rows, people, django_assert_num_queries) -> None:
    with django_assert_num_queries(3):
        assembly.merge_values([one.pk for one in people[:rows]], at=AT)
