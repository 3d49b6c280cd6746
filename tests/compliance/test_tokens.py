"""A signed link is for one thing and one purpose, under a key of ours."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import tokens
from compliance.tokens import PURPOSES, Token

REF = UUID("0192f0c1-0000-7000-8000-000000000001")


@pytest.mark.parametrize("made_for", PURPOSES)
def test_a_token_is_for_its_purpose_alone(made_for):
    token = tokens.make(made_for, REF, 3)

    assert [purpose for purpose in PURPOSES if tokens.read(purpose, token)] == [made_for]
    assert tokens.read(made_for, token) == Token(REF, 3)


@given(st.integers(0, 43), st.integers(1, 63))
def test_a_changed_letter_opens_nothing(place, by):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = tokens.make("unsubscribe", REF)
    changed = letters[(letters.index(token[place]) + by) % 64]

    assert tokens.read("unsubscribe", token[:place] + changed + token[place + 1 :]) is None


@given(st.text(max_size=80))
def test_what_is_no_token_names_nothing(text):
    assert tokens.read("portal", text) is None


def test_a_former_key_still_reads_and_a_strangers_never_did(settings):
    before = settings.SECRET_KEY
    token = tokens.make("unsubscribe", REF)
    settings.SECRET_KEY = "the next key"

    assert tokens.read("unsubscribe", token) is None
    settings.SECRET_KEY_FALLBACKS = [before]

    assert tokens.read("unsubscribe", token) == Token(REF, 0)
    assert tokens.make("unsubscribe", REF) != token
