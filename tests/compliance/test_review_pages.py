"""The editors' pages and their API, as a browser without JavaScript and a program see them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from compliance import review
from compliance.models import ReviewItem
from tests.compliance.texts import submitted

pytestmark = pytest.mark.django_db
FINDING = {
    "rule": "topic:retirement_adequacy", "topic": "retirement_adequacy", "severity": "REVIEW", "start": 0, "end": 8,
    "quote": "How long", "citation": "Sensitive topics", "why": "About adequacy.",
    "suggestion": "No figure.", "part": "body",
}  # fmt: skip


@pytest.fixture
def item(marketer) -> ReviewItem:
    """A text in the queue, with one finding."""
    return submitted(marketer, findings=[FINDING], at=now())


@pytest.fixture
def browser(client, editor):
    """An editor who is signed in."""
    client.force_login(editor)
    return client


def path(item, deed=""):
    """Where a deed on the item is posted."""
    return f"/review/{item.pk}/{deed}"


def test_the_queue_shows_what_waits_and_not_ones_own(browser, item, editor):
    own = submitted(editor, words="Mine.", at=now())

    text = browser.get("/review/").content.decode()

    assert f'href="/review/{item.pk}/"' in text
    assert f'href="/review/{own.pk}/"' not in text
    assert f'href="/review/{own.pk}/"' in browser.get("/review/?show=written").content.decode()


def test_an_overdue_text_says_so(browser, marketer):
    submitted(marketer, at=now() - timedelta(days=9))

    assert "Overdue" in browser.get("/review/").content.decode()


def test_the_queue_costs_the_same_for_one_and_three_texts(browser, marketer):
    counts = []
    for number in (1, 3):
        for extra in range(number):
            submitted(marketer, words=f"{number} {extra}", at=now())
        with CaptureQueriesContext(connection) as asked:
            browser.get("/review/")
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_a_text_shows_the_flagged_words_with_the_rule_and_the_reason(browser, item):
    text = browser.get(path(item)).content.decode()

    assert '<mark class="flag">How long' in text
    assert "About adequacy." in text
    assert "topic:retirement_adequacy" in text
    assert f'name="seen" value="{item.digest}"' in text


def test_the_diff_since_the_last_approval_is_word_by_word(browser, item, marketer, editor):
    review.approve(item.pk, by=editor, seen=item.digest, reason="x", at=now())
    newer = submitted(marketer, words="How long will your savings last?", at=now())

    text = browser.get(path(newer)).content.decode()

    assert "<del>pot</del><ins>savings</ins>" in text


def test_the_mail_is_shut_in_a_sandbox(browser, item):
    answer = browser.get(path(item, "mail/"))

    assert answer.content.decode() == "<!doctype html><p>How long will your pot last?</p>"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_claim_approve_and_the_decided_list(browser, item, editor):
    assert browser.post(path(item, "claim/")).headers["Location"] == path(item)
    answer = browser.post(path(item, "approve/"), {"seen": item.digest, "reason": "Balanced."})

    assert answer.headers["Location"] == "/review/"
    item.refresh_from_db()
    assert (item.state, item.decided_by) == ("approved", editor)
    assert "Balanced." in browser.get("/review/decided/").content.decode()


def test_a_yes_without_a_reason_is_asked_again(browser, item):
    answer = browser.post(path(item, "approve/"), {"seen": item.digest, "reason": " "})

    assert answer.status_code == 422
    item.refresh_from_db()
    assert item.state == "waiting"


def test_whoever_is_second_is_told(browser, item, editor2):
    review.approve(item.pk, by=editor2, seen=item.digest, reason="x", at=now())

    answer = browser.post(path(item, "reject/"), {"seen": item.digest, "reason": "No."})

    assert answer.status_code == 409
    assert "Someone was first" in answer.content.decode()
    item.refresh_from_db()
    assert item.state == "approved"


def test_htmx_gets_only_the_decision(browser, item):
    answer = browser.post(
        path(item, "reject/"),
        {"seen": item.digest, "why": "The risk is missing or stands too far from the benefit."},
        headers={"HX-Request": "true"},
    )

    assert answer.status_code == 200
    assert answer.content.decode().strip().startswith('<section id="decision"')
    assert "Rejected" in answer.content.decode()


def test_a_marketer_sees_only_what_they_wrote_and_decides_nothing(client, item, marketer, marketer2):
    client.force_login(marketer)
    assert client.get(path(item)).status_code == 200
    assert client.post(path(item, "approve/"), {"seen": item.digest, "reason": "x"}).status_code == 403

    client.force_login(marketer2)
    assert client.get(path(item)).status_code == 404
    assert client.get(path(item, "mail/")).status_code == 404
    assert client.post(path(item, "withdraw/"), {"reason": "x"}).status_code == 404
    item.refresh_from_db()
    assert item.state == "waiting"


def test_stopping_and_starting_again(client, item, marketer, officer):
    client.force_login(marketer)
    assert client.post(path(item, "withdraw/"), {"reason": "Rate changed."}).status_code == 302
    client.force_login(officer)
    assert client.post(path(item, "reopen/"), {"reason": "Rate is back."}).status_code == 302

    item.refresh_from_db()
    assert (item.state, item.round, item.approvals_needed) == ("waiting", 2, 2)


def test_the_rules_page_lists_all_ninety(browser):
    text = browser.get("/compliance/rules/").content.decode()

    assert "90 rules and 18 sensitive topics" in text


def test_precedents_share_a_topic(browser, item, marketer, editor):
    review.reject(item.pk, by=editor, seen=item.digest, reason="Too blunt.", at=now())
    other = submitted(marketer, words="Is it enough?", at=now())

    assert "Too blunt." in browser.get(path(other)).content.decode()


# -- by API -------------------------------------------------------------------------------------


def test_the_api_lists_and_decides(browser, item, editor):
    listed = browser.get("/api/v1/reviews?state=open").json()["results"]
    assert [one["id"] for one in listed] == [item.pk]
    assert listed[0]["parts"]["body"] == "How long will your pot last?"

    assert browser.post(f"/api/v1/reviews/{item.pk}/claim").json()["claimed_by"] == "editor"
    answer = browser.post(f"/api/v1/reviews/{item.pk}/approve", {"seen": item.digest}, content_type="application/json")
    assert (answer.status_code, answer.json()["state"], answer.json()["decided_by"]) == (200, "approved", "editor")


@pytest.mark.parametrize(("body", "status"), [({"seen": "0" * 64}, 409), ({}, 400), ({"seen": "short"}, 400)])
def test_the_api_refuses_words_that_were_not_seen(browser, item, body, status):
    answer = browser.post(f"/api/v1/reviews/{item.pk}/approve", body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    item.refresh_from_db()
    assert item.state == "waiting"


def test_the_api_knows_its_own_author_and_strangers(client, item, marketer, editor2):
    own = submitted(editor2, words="Mine.", at=now())
    client.force_login(editor2)
    answer = client.post(f"/api/v1/reviews/{own.pk}/approve", {"seen": own.digest}, content_type="application/json")
    assert answer.status_code == 403
    assert client.post("/api/v1/reviews/999999/claim").status_code == 404
    client.force_login(marketer)
    assert client.post(f"/api/v1/reviews/{item.pk}/claim").status_code == 403
    assert [one["id"] for one in client.get("/api/v1/reviews").json()["results"]] == [item.pk]


def test_an_editor_is_told_when_only_compliance_may_say_the_last_yes(browser, marketer, editor2):
    one = submitted(marketer, topics=["debt"], needed=2, at=now())
    ReviewItem.objects.filter(pk=one.pk).update(officers_needed=1)
    review.approve(one.pk, by=editor2, seen=one.digest, reason="Calm.", at=now())

    text = browser.get(path(one)).content.decode()

    assert "must come from a compliance officer" in text
    assert "Approve these words" not in text
    assert "Reject these words" in text
