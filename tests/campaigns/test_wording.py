"""The template language: two forms, nothing that runs, every value escaped."""

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import wording
from campaigns.wording import BadTemplate, MissingValue, TooLong

ATTACKS = [
    "{{ 7*7 }}", "{{7*'7'}}", "{{ first_name.__class__ }}", "{{ first_name['x'] }}", "{{ first_name|upper }}",
    "{{ first_name|safe }}", "{{ first_name|fallback:'x' }}", '{{ first_name|fallback:"{{goal}}" }}',
    '{{ first_name|fallback:"a"|safe }}', "{% load static %}", "{% if 1 %}x{% endif %}", "{# note #}",
    "{{{ first_name }}}",
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "[[7*7]]", "{{ config }}", "{{ settings.SECRET_KEY }}", "{{ self }}",
    "{{ request }}", "{{ ''.__class__.__mro__ }}", "{{ first_name", "first_name }}", "{{ }}", "{{}}",
    "{{ first_name }} {{", "{{ open_pixel }}", "{{ unsubscribe }}", "{{ click_0 }}", "{{ FIRST_NAME }}",
    "{{ first name }}", '{{ first_name|fallback:"" }}', '{{ first_name|fallback:"   " }}', "pay\u202erall", "a\u200bb",
    "a\x00b", '{{ first_name|fallback:"<b>" }}', "%}", "#}", "*{7*7}{{x}}", "@(1+2){{ .Env }}",
]  # fmt: skip


class Tags(HTMLParser):
    """Counts what a browser would take for markup."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag + "".join(f" {name}" for name, _ in attrs))


@pytest.mark.parametrize("source", ATTACKS)
def test_anything_that_is_not_our_language_is_refused(source: str) -> None:
    with pytest.raises(BadTemplate):
        wording.parse(source)


def test_a_refusal_says_where() -> None:
    with pytest.raises(BadTemplate) as refused:
        wording.parse("Dear client,\nyour {{ balance }} is here")

    assert (refused.value.line, refused.value.column) == (2, 9)
    assert str(refused.value).startswith("Line 2, column 9: There is no field called “balance”.")


def test_a_value_takes_its_place_and_a_fallback_takes_over() -> None:
    text = wording.parse('Hello {{ first_name|fallback:"there" }}, about {{ goal }}.')

    assert text.fill({"first_name": "Zoë", "goal": "house"}, wording.as_text) == "Hello Zoë, about a home of your own."
    assert text.fill({"first_name": "  ", "goal": "a boat"}, wording.as_text) == "Hello there, about a boat."
    assert text.names == {"first_name", "goal"}


@pytest.mark.parametrize(
    "value", [None, "", "   ", True, [], {"a": 1}, "visit https://evil.test", "www.evil", "<b>Bo</b>", "{{ goal }}"]
)
def test_a_value_that_is_unknown_or_unfit_refuses_the_message(value: object) -> None:
    with pytest.raises(MissingValue):
        wording.parse("Hello {{ first_name }}").fill({"first_name": value}, wording.as_html)


def test_a_value_that_is_too_long_refuses_the_message() -> None:
    text = wording.parse("Hello {{ first_name }}")

    with pytest.raises(TooLong):
        text.fill({"first_name": "x" * 41}, wording.as_text)
    assert text.fill({"first_name": "x" * 40}, wording.as_text) == "Hello " + "x" * 40


def test_a_line_break_in_a_value_becomes_a_space() -> None:
    shown = wording.parse("To {{ first_name }}").fill({"first_name": "Bo\r\nBcc: x"}, wording.as_text)

    assert shown == "To Bo Bcc: x"


@given(st.text(max_size=60))
def test_no_source_ever_does_more_than_show_its_fields(source: str) -> None:
    try:
        text = wording.parse(source)
    except BadTemplate:
        return

    assert wording.parse(text.rewrite(str)) == text
    assert "".join(one for one in text.pieces if isinstance(one, str)) in source or text.opens


@given(st.text(max_size=80))
def test_a_value_never_becomes_markup(value: str) -> None:
    text = wording.parse('<p title="{{ first_name|fallback:"there" }}">{{ first_name|fallback:"there" }}</p>')
    tags = Tags()

    shown = text.fill({"first_name": value}, wording.as_html)
    tags.feed(shown)

    assert tags.tags == ["p title"]
    assert html.unescape(shown).count("<p") == 1


@given(st.text(max_size=60))
def test_a_value_never_breaks_a_line(value: str) -> None:
    shown = wording.parse('{{ first_name|fallback:"there" }}').fill({"first_name": value}, wording.as_text)

    assert len(shown.splitlines()) == 1


def test_the_longest_text_counts_every_field_at_its_longest() -> None:
    assert wording.parse("Hi {{ first_name }}!").longest == 3 + 40 + 1
    assert wording.parse('{{ horizon_years|fallback:"a few" }}').longest == 5


def test_a_finding_in_the_sample_leads_back_to_the_source() -> None:
    source = 'Hi {{ first_name|fallback:"there" }}, guaranteed returns'
    sample = wording.parse(source).sample()
    start = sample.text.index("guaranteed")

    assert sample.text == "Hi Alex, guaranteed returns"
    assert source[slice(*sample.back(start, start + 10))] == "guaranteed"
    assert source[slice(*sample.back(3, 7))] == '{{ first_name|fallback:"there" }}'
