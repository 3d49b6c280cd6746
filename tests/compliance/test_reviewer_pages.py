"""Comments, the officers' page about reviewers, the counsel's page, and a queue of keys only, without JavaScript."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from compliance import review
from compliance.models import Comment, Invitation, LedgerEntry, Reading, ReviewItem
from compliance.reviewing import counsel
from tests.compliance.texts import submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(marketer) -> ReviewItem:
    """A text in the queue."""
    return submitted(marketer, at=now())


def signed_in(staff) -> Client:
    made = Client()
    made.force_login(staff)
    return made


def test_opening_a_text_starts_the_reading(item, editor, marketer):
    signed_in(editor).get(f"/review/{item.pk}/")
    signed_in(marketer).get(f"/review/{item.pk}/")

    assert [one.staff for one in Reading.objects.all()] == [editor]


def test_a_must_fix_is_said_shown_and_settled_by_who_said_it(item, editor, editor2):
    said = {"kind": "must_fix", "quote": "your pot", "words": "Which pot?"}
    mine, other = signed_in(editor), signed_in(editor2)

    assert mine.post(f"/review/{item.pk}/comment/", said).status_code == 302
    (made,) = Comment.objects.all()
    text = other.get(f"/review/{item.pk}/").content.decode()
    assert ("Which pot?" in text, "Approve these words" in text) == (True, False)
    address = f"/review/{item.pk}/comment/{made.pk}/settle/"
    assert other.post(address, {"how": "Never mind."}).status_code == 403
    assert mine.post(address, {"how": ""}).status_code == 422
    assert mine.post(address, {"how": "It says below."}).status_code == 302
    assert "Approve these words" in other.get(f"/review/{item.pk}/").content.decode()


@pytest.mark.parametrize("wrong", [{"quote": "not in it"}, {"words": " "}, {"kind": "shout"}])
def test_a_comment_that_cannot_be_kept_says_why(item, editor, wrong):
    said = {"kind": "note", "quote": "", "words": "Fine."} | wrong

    assert signed_in(editor).post(f"/review/{item.pk}/comment/", said).status_code == 422
    assert not Comment.objects.exists()


def test_reviewers_are_for_officers_and_show_their_figures(item, editor, officer):
    review.approve(item.pk, by=editor, seen=item.digest, reason="x", at=now())

    text = signed_in(officer).get("/compliance/reviewers/").content.decode()

    assert "1 of 1" in text  # decided in no time
    assert signed_in(editor).get("/compliance/reviewers/").status_code == 403


def test_counsel_sees_one_text_and_only_a_post_decides(item, officer, client):
    asked = {"name": "Iris Vane", "firm": "Vane LLP", "evidence": "Pensions counsel.", "days": "5"}
    answer = signed_in(officer).post(f"/review/{item.pk}/invite/", asked, follow=True)
    (secret,) = re.findall(r"/review/outside/([\w-]+)/", answer.content.decode())
    address = f"/review/outside/{secret}/"

    assert item.snapshot["parts"]["body"] in client.get(address).content.decode()
    assert ReviewItem.objects.get().state == "waiting"
    assert client.post(address, {"verdict": "yes", "reason": "", "seen": item.digest}).status_code == 422
    done = client.post(address, {"verdict": "yes", "reason": "Correct.", "seen": item.digest})

    assert (done.status_code, ReviewItem.objects.get().state) == (200, "approved")
    assert client.get(address).status_code == 404
    assert client.get("/review/outside/guessed/").status_code == 404
    assert "no-store" in done["Cache-Control"]


def test_only_officers_ask_counsel(item, editor):
    asked = {"name": "A", "firm": "B", "evidence": "x", "days": "5"}

    assert signed_in(editor).post(f"/review/{item.pk}/invite/", asked).status_code == 403
    assert not Invitation.objects.exists()


def test_a_link_that_was_used_up_leaves_one_decision(item, officer):
    _, secret = counsel.invite(
        item, name="Iris", firm="Vane", until=now() + timedelta(days=1), evidence="x", by=officer, at=now()
    )
    counsel.decide(secret, yes=False, reason="No.", seen=item.digest, at=now())

    with pytest.raises(counsel.NoInvitation):
        counsel.decide(secret, yes=True, reason="Yes.", seen=item.digest, at=now())
    kinds = LedgerEntry.objects.filter(about=review.about(item), kind__in=("counsel.invited", "review.rejected"))
    assert [one.kind for one in kinds.order_by("id")] == ["counsel.invited", "review.rejected"]
