"""A grave deed asks again who it is; what was typed comes back with the question, and nothing was done."""

import hashlib

import pytest

from campaigns.models import Campaign  # noqa: F401 - stops name campaigns
from compliance import review, roles, stops
from compliance.access import bearers
from compliance.models import (
    ApiToken,
    Approval,
    Client,
    Erasure,
    Hold,
    LedgerEntry,
    Packet,
    ReviewItem,
    Role,
    Staff,
    Stop,
)
from compliance.rights import holds, requests
from tests.people import PASSWORD
from tests.signing import age, code, enter, with_app

pytestmark = pytest.mark.django_db
WORDS = "Our savings fund may fall as well as rise."
LONG = 100_000.0


@pytest.fixture
def waiting(marketer, at) -> ReviewItem:
    return review.submit(
        digest=hashlib.sha256(WORDS.encode()).hexdigest(), kind="block", title="Words", by=marketer, at=at, topics=[],
        snapshot={"parts": {"text": WORDS}}, authors=[marketer], findings=[], reason="plain", approvals_needed=1,
    )  # fmt: skip


def stale(client, staff):
    client.force_login(staff)
    client.get("/account/")
    age(client, "proved", by_s=LONG)


def approve(client, item, **more):
    return client.post(f"/review/{item.pk}/approve/", {"seen": item.digest, "reason": "Calm & <plain>.", **more})


def test_approval_asks_and_brings_back_what_was_typed(client, editor, waiting):
    stale(client, editor)

    asked = approve(client, waiting)

    page = asked.content.decode()
    assert (asked.status_code, Approval.objects.count()) == (403, 0)
    assert "Is it still you?" in page
    assert f'name="seen" value="{waiting.digest}"' in page
    assert 'name="reason" value="Calm &amp; &lt;plain&gt;."' in page
    wrong = approve(client, waiting, step_up_password="not it, sorry")
    assert (wrong.status_code, Approval.objects.count()) == (403, 0)
    assert "That was not right" in wrong.content.decode()
    before = client.session.session_key
    right = approve(client, waiting, step_up_password=PASSWORD)
    assert (right.status_code, Approval.objects.get().reason) == (302, "Calm & <plain>.")
    assert client.session.session_key != before, "a new number after a proof"


def test_a_code_is_a_proof_as_well(client, editor, waiting):
    secret = with_app(editor)
    stale(client, editor)

    assert approve(client, waiting, step_up_code="000000").status_code == 403
    assert approve(client, waiting, step_up_code=code(secret)).status_code == 302
    assert Approval.objects.count() == 1


def test_the_proof_of_another_person_is_none(client, editor, waiting):
    roles.hire("eve", Role.EDITOR, "eve has a long password")
    stale(client, editor)

    assert approve(client, waiting, step_up_password="eve has a long password").status_code == 403
    assert Approval.objects.count() == 0


def test_a_part_of_a_page_is_asked_in_its_place(client, editor, waiting):
    stale(client, editor)

    asked = client.post(
        f"/review/{waiting.pk}/approve/", {"seen": waiting.digest, "reason": "x"}, headers={"HX-Request": "true"}
    )

    assert asked.status_code == 403
    assert "<html" not in asked.content.decode()
    assert f'action="/review/{waiting.pk}/approve/"' in asked.content.decode()


def test_signing_in_is_a_proof_for_a_while(client, editor, waiting):
    enter(client, editor)

    assert approve(client, waiting).status_code == 302


def test_the_api_says_so_to_a_browser_and_lets_a_token_pass(client, editor, waiting):
    stale(client, editor)
    path, body = f"/api/v1/reviews/{waiting.pk}/approve", {"seen": waiting.digest, "reason": "Calm."}

    refused = client.post(path, body, content_type="application/json")

    assert (refused.status_code, refused.json()["code"], Approval.objects.count()) == (403, "step_up_required", 0)
    client.post("/step-up/?next=/review/", {"step_up_password": PASSWORD})
    assert client.post(path, body, content_type="application/json").status_code == 200
    assert Approval.objects.count() == 1


@pytest.fixture
def deeds(client, officer, marketer, at):
    """Each grave deed: path, form, and how to see whether it was done."""
    root = roles.hire("root", Role.ADMIN, PASSWORD)
    stop = stops.throw(scope="everything", target="", reason="A wrong rate.", by=marketer, at=at)
    days = {"from": "2026-01-01", "to": "2026-01-02"}
    maya = Staff.objects.filter(pk=marketer.pk)
    mailed = Staff.objects.filter(email="r@firm.example")
    hold = holds.place("campaign", campaign="other", reason="A claim.", by=marketer, at=at)
    person = Client.objects.create(user_id="ann", first_seen_at=at)
    wish = requests.receive(person.pk, "erasure", came_by="letter", by=officer, at=at)
    requests.know(wish.pk, how="Called back.", by=officer, at=at)
    released = Stop.objects.filter(release_asked_by=officer)
    made = LedgerEntry.objects.filter(kind="staff.recovery_codes_made")
    return {
        "release": (officer, f"/compliance/stops/{stop.pk}/release/", {}, released.exists),
        "lift": (officer, f"/compliance/holds/{hold.pk}/lift/", {}, Hold.objects.exclude(lift_asked_by=None).exists),
        "erase": (officer, f"/compliance/requests/{wish.pk}/close/", {"said": "Done."}, Erasure.objects.exists),
        "packet": (officer, "/compliance/packets/new/", {"reason": "Audit", **days}, Packet.objects.exists),
        "token": (officer, "/account/tokens/", {"name": "t", "scope": "read", "days": "7"}, ApiToken.objects.exists),
        "address": (officer, "/account/address/", {"email": "r@firm.example"}, mailed.exists),
        "codes": (officer, "/account/steps/codes/", {}, made.exists),
        "role": (root, f"/people/{marketer.pk}/role/", {"role": "editor"}, maya.filter(role="editor").exists),
        "out": (root, f"/people/{marketer.pk}/out/", {}, maya.filter(is_active=False).exists),
    }


def test_every_grave_deed_asks(client, officer, deeds):
    with_app(officer)
    for name, (staff, path, form, done) in deeds.items():
        stale(client, staff)

        asked = client.post(path, form)

        assert (name, asked.status_code, done()) == (name, 403, False)
        assert "Is it still you?" in asked.content.decode()
        assert client.post(path, {**form, "step_up_password": PASSWORD}).status_code in (201, 302)
        assert (name, done()) == (name, True)


def test_a_page_that_hands_over_data_asks_first_and_leads_back(client, officer, tmp_path):
    file = tmp_path / "packet.zip"
    file.write_bytes(b"zip")
    packet = Packet.objects.create(
        scope={"client": None}, reason="r", requested_by=officer, requested_at="2026-01-01T00:00Z", state="ready",
        path=str(file), sha256="00",
    )  # fmt: skip
    stale(client, officer)
    path = f"/compliance/packets/{packet.pk}/"

    asked = client.get(path)

    assert asked.status_code == 403
    assert not LedgerEntry.objects.filter(kind="packet.downloaded").exists()
    assert client.post(f"/step-up/?next={path}", {"step_up_password": PASSWORD}).headers["Location"] == path
    assert b"".join(client.get(path)) == b"zip"


def test_it_leads_nowhere_else(client, officer):
    client.force_login(officer)

    assert client.get("/step-up/?next=https://evil.example/").headers["Location"] == "/"


def test_a_token_owner_cannot_give_more_than_they_may(marketer, at):
    with pytest.raises(bearers.BadToken):
        bearers.give(marketer, name="t", scopes=["oversee"], expires_at=at.replace(year=2027), by=marketer, at=at)

    assert not ApiToken.objects.exists()
