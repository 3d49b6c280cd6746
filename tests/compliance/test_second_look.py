"""The second look at texts where no phrase and no rule matched: it only adds, and scores as its fit says."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from compliance.words import normalise, second
from personalize.learn import wording
from personalize.management.commands import train_words
from tests.compliance.test_words import BOOK, CASES, route


def test_the_second_look_only_adds_and_says_so():
    quiet = "Order a new card"
    odd = "There may be less at the end than you were counting on, and no way back to where you were."

    assert not route(quiet, style="cta", market="UK").must_review
    found = route(odd, style="para", market="UK")
    assert (found.topics, found.lint, found.blocked) == ([], [], False)
    assert [one["rule"] for one in found.findings] == (["words:second"] if found.must_review else [])


def test_the_second_look_leaves_whole_messages_to_their_parts():
    for case in CASES:
        found = route(case["text"], style="full_email", market=case["market"])
        assert "words:second" not in {one["rule"] for one in found.findings}


def test_a_score_is_computed_as_written_down():
    buckets, value = second.counts("debt")
    weight = np.zeros((second.SIZE, 3), np.float32)
    weight[buckets[0]] = [2.0, 3.0, 5.0]
    model = second.Weights(
        idf=np.ones(second.SIZE, np.float32),
        weight=weight,
        place={"debt": 0, "unheard": 1},
        vectors=np.array([[4.0, 3.0], [0.0, 0.0]], np.float32),
        centre=np.array([1.0, -1.0], np.float32),
        bias=0.5,
        threshold=1.0,
        made_with="",
        digest="",
    )

    said = value[0] / np.linalg.norm(value)
    assert second.score("debt", model) == pytest.approx(0.5 + (2.0 + 3.0 * 0.6 + 5.0 * 0.8) * said)
    assert second.score("debt's", model) != second.score("debt", model)
    assert second.meaning("debt's", model).tolist() == pytest.approx([0.6, 0.8])
    assert [second.meaning(one, model).tolist() for one in ("unheard", "unknown", "")] == [[0.0, 0.0]] * 3
    assert second.score("", model) == 0.5


def test_a_word_is_read_by_its_kinds_too():
    one, other, plain = ("the hearse is here", "the coffin is here", "the parcel is here")

    def shared(text):
        return set(second.pieces(one)) & set(second.pieces(text))

    assert second.kinds()["coffin"] == second.kinds()["hearse"] == ("funeral",)
    assert second.spoken("the coffin's here") == ["the", "coffin", "here", "+funeral"]
    assert "parcel" not in second.kinds()
    assert shared(plain) < shared(other)


def test_the_weights_that_ship_were_made_with_the_kinds_that_ship():
    assert second.load().made_with == second.kinds_digest()


def test_a_text_without_words_is_not_looked_at_again():
    for text in ("", " ", "\u200b"):
        assert route(text, style="para", market="UK").findings == []


def test_a_meaning_comes_from_the_company_that_a_word_keeps():
    texts = ["oak elm", "ash elm", "ash yew", "tan wide", "blue wide", "blue tall", "lone"]
    said = train_words.texts_of(texts, np.zeros(len(texts), dtype=bool)).said
    place = {word: at for at, word in enumerate(train_words.vocabulary(texts))}
    vectors = wording.meanings(said, directions=4)

    def near(one, other):
        return float(vectors[place[one]] @ vectors[place[other]])

    assert near("oak", "ash") == pytest.approx(1)
    assert near("tan", "blue") == pytest.approx(1)
    assert near("oak", "tan") == pytest.approx(0)
    assert not vectors[place["lone"]].any()


def test_what_is_trained_scores_as_the_fit_says(tmp_path):
    cases = "".join(json.dumps(one) + "\n" for one in CASES)
    (tmp_path / "cases.jsonl").write_text(cases, encoding="utf-8")
    for name in ("one.npz", "two.npz"):
        call_command("train_words", tmp_path / "cases.jsonl", out=tmp_path / name, stdout=StringIO())
    texts = [normalise.fold(one["text"], BOOK.known).text for one in CASES]
    made = train_words.texts_of(texts, np.array([one["must_route_to_review"] for one in CASES]))
    expected = wording.scores(wording.fit(made), made)

    kept = second.read(tmp_path / "one.npz")
    found = [second.score(text, kept) for text in texts]
    assert found == pytest.approx(expected.tolist(), abs=0.02)  # weights are kept in eight bits
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_texts_that_share_two_fifths_of_their_longer_words_are_one_group():
    one, like, other, short = (
        frozenset(words.split())
        for words in ("lost your job today", "lost your job call today", "order a new card", "a b c")
    )

    assert wording.group([one, other, like, short]).tolist() == [0, 1, 0, 3]
    assert wording.group([like, one, other, like]).tolist() == [0, 0, 2, 0]  # whatever order the words are read in


def test_no_fit_and_no_threshold_sees_the_group_it_judges():
    words = ["purse", "rent", "bills", "heating", "supper", "meter", "wages", "shoes"]
    bare = [f"my {one} and nothing left" for one in words]
    made = train_words.texts_of([*bare, *(f"our {one} with a new picture" for one in words)], np.arange(16) < 8)
    groups, seen = np.tile(np.arange(8), 2), []

    def choose(scores, y):
        seen.append((len(scores), int(y.sum())))
        return 0.0

    sent = wording.nested(made, groups, choose, outer=2, inner=2)

    assert seen == [(8, 4), (8, 4)]  # each threshold is chosen on the groups of the other half
    assert sent.tolist() == [True] * 8 + [False] * 8
    assert (wording.out_of_fold(made, groups, folds=2) >= 0).tolist() == sent.tolist()
