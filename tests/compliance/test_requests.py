"""The request desk: clocks by place, nobody answered before they are known, what was asked is done and proven."""

from datetime import UTC, date, datetime

import pytest
from django.test import Client as Browser

from compliance import tokens
from compliance.models import Asked, Client, ConsentState, Erasure, LedgerEntry
from compliance.rights import holds, requests
from tests.people import PASSWORD

JAN_31 = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def ann(db, at):
    return Client.objects.create(user_id="ann", email="ann@mail.example", first_name="Ann", first_seen_at=at)


def asked(person, kind, at=JAN_31) -> Asked:
    return requests.receive(person.pk, kind, came_by="letter", by="system:test", at=at)


@pytest.mark.parametrize(
    ("place", "kind", "due", "extended"),
    [
        ("UK", "access", date(2026, 2, 28), date(2026, 4, 30)),
        ("EU", "erasure", date(2026, 2, 28), date(2026, 4, 30)),
        ("US", "access", date(2026, 3, 17), date(2026, 5, 1)),
        ("UK", "objection", date(2026, 1, 31), None),
    ],
)
def test_the_clock_is_that_of_the_place(place, kind, due, extended, ann, officer) -> None:
    Client.objects.update(jurisdiction=place)
    made = asked(ann, kind)

    assert made.due_on == due
    assert made.source
    if extended is None:
        with pytest.raises(requests.BadRequestOfRights):
            requests.extend(made.pk, why="many records", by=officer, at=JAN_31)
        return
    with pytest.raises(requests.BadRequestOfRights):
        requests.extend(made.pk, why=" ", by=officer, at=JAN_31)
    requests.extend(made.pk, why="many records", by=officer, at=JAN_31)
    with pytest.raises(requests.BadRequestOfRights):
        requests.extend(made.pk, why="again", by=officer, at=JAN_31)
    assert Asked.objects.get().due_on == extended


def test_nobody_is_answered_before_they_are_known(ann, officer) -> None:
    made = asked(ann, "erasure")

    with pytest.raises(requests.BadRequestOfRights, match="find out"):
        requests.close(made.pk, answer="Done.", by=officer, at=JAN_31)
    with pytest.raises(requests.BadRequestOfRights):
        requests.know(made.pk, how=" ", by=officer, at=JAN_31)
    assert not Erasure.objects.exists()
    requests.know(made.pk, how="Called back.", by=officer, at=JAN_31)
    closed = requests.close(made.pk, answer="You are erased, Ann.", by=officer, at=JAN_31)

    assert LedgerEntry.objects.get(pk=closed.proof).kind == "request.closed"
    assert (Client.objects.get(pk=ann.pk).email, Erasure.objects.get().client_id) == ("", ann.pk)
    assert Asked.objects.get().answer == ""  # sealed with the rest: it named her
    with pytest.raises(requests.AlreadyClosed):
        requests.close(made.pk, answer="Again.", by=officer, at=JAN_31)


def test_a_hold_keeps_the_request_open(ann, officer) -> None:
    made = asked(ann, "erasure")
    requests.know(made.pk, how="Called back.", by=officer, at=JAN_31)
    holds.place("client", client_id=ann.pk, reason="A claim.", by=officer, at=JAN_31)

    with pytest.raises(holds.OnHold):
        requests.close(made.pk, answer="Done.", by=officer, at=JAN_31)

    assert Asked.objects.get().closed_at is None
    assert not LedgerEntry.objects.filter(kind="request.closed").exists()
    assert requests.close(made.pk, answer="A claim is open.", is_refused=True, by=officer, at=JAN_31).is_refused


def test_an_objection_is_in_force_at_once_and_never_overdue(ann, officer, client: Browser) -> None:
    made = asked(ann, "objection")
    client.force_login(officer)

    desk = client.get("/compliance/requests/").content.decode()
    page = client.get(f"/compliance/requests/{made.pk}/").content.decode()

    assert ConsentState.objects.get(client=ann, purpose="marketing", channel="any").state == "denied"
    assert "In force, to be confirmed" in desk
    assert "Nobody waits for an answer." in desk
    assert ("overdue" in desk, "overdue" in page, "In force since it was received." in page) == (False, False, True)
    closed = requests.close(made.pk, answer="Done.", by=officer, at=datetime(2026, 3, 1, tzinfo=UTC))
    assert LedgerEntry.objects.get(pk=closed.proof).facts["late"] is False
    assert "In force, to be confirmed" not in client.get("/compliance/requests/").content.decode()


def test_a_number_names_the_firms_own_client_and_ours_with_a_sign(ann, officer, client: Browser) -> None:
    other = Client.objects.create(user_id=str(ann.pk), first_seen_at=JAN_31)
    client.force_login(officer)
    told = {"kind": "access", "came_by": "letter"}

    for named in (f"#{ann.pk}", str(ann.pk), "#0", "#x"):
        client.post("/compliance/requests/new/", {"client": named} | told)

    assert list(Asked.objects.order_by("pk").values_list("client_id", flat=True)) == [ann.pk, other.pk]


def test_a_step_that_nobody_knows_does_nothing(ann, officer, client: Browser) -> None:
    made = asked(ann, "erasure")
    requests.know(made.pk, how="Called back.", by=officer, at=JAN_31)
    client.force_login(officer)

    answers = [
        client.post(f"/compliance/requests/{made.pk}/{verb}/", {"said": "Done."}).status_code
        for verb in ("closed", "erase")
    ]

    assert answers == [404, 404]
    assert Client.objects.get().email == "ann@mail.example"
    assert Asked.objects.get().closed_at is None


def test_a_client_takes_a_copy_and_asks_by_their_link(ann, client: Browser) -> None:
    link = f"/portal/{tokens.make('portal', ann.ref)}/"

    shown = client.get(link).content.decode()
    copy = client.post(f"{link}copy/")
    sent = client.post(f"{link}ask/", {"kind": "erasure", "words": "Please."})
    again = client.post(f"{link}ask/", {"kind": "erasure", "words": "Please!"})
    wrong = client.post(f"{link}ask/", {"kind": "access"})

    assert "Download my copy" in shown
    assert (copy.status_code, copy["Content-Type"]) == (200, "application/zip")
    assert (sent.status_code, again.status_code, wrong.status_code) == (303, 303, 400)
    assert Asked.objects.get().words == "Please."
    assert "we answer by" in client.get(link).content.decode()
    assert client.post("/portal/x/copy/").status_code == 404
    assert client.get(f"{link}copy/").status_code == 405


def test_the_officer_works_through_a_request_and_a_hold(ann, officer, editor, client: Browser) -> None:
    client.force_login(officer)
    prove = {"step_up_password": PASSWORD}
    refused = client.post("/compliance/requests/new/", {"client": "nobody", "kind": "erasure", "came_by": "letter"})
    client.post("/compliance/requests/new/", {"client": "ann", "kind": "erasure", "came_by": "letter", "words": "<b>x"})
    made = Asked.objects.get()
    page = client.get(f"/compliance/requests/{made.pk}/").content.decode()
    early = client.post(f"/compliance/requests/{made.pk}/close/", {"said": "Done."} | prove)
    client.post(f"/compliance/requests/{made.pk}/know/", {"said": "Called back."})
    client.post("/compliance/holds/new/", {"scope": "client", "target": "ann", "reason": "A claim."})
    held = client.post(f"/compliance/requests/{made.pk}/close/", {"said": "Done."} | prove)
    keeping = client.get("/compliance/keeping/").content.decode()

    assert refused.status_code == 422
    assert "There is no client “nobody”." in refused.content.decode()
    assert "What erasing would do" in page
    assert "&lt;b&gt;x" in page
    assert early.status_code == 422
    assert held.status_code == 409
    assert "A claim." in keeping
    assert "FCA COBS 4.11.1R(3)(b)" in keeping
    assert Client.objects.get().email == "ann@mail.example"
    hold = holds.Hold.objects.get()
    holds.ask_lift(hold.pk, by=editor, at=JAN_31)
    client.post(f"/compliance/holds/{hold.pk}/lift/", prove)
    client.post(f"/compliance/requests/{made.pk}/close/", {"said": "Done."} | prove)
    assert Client.objects.get().email == ""
    assert "Closed by officer" in client.get(f"/compliance/requests/{made.pk}/").content.decode()
    assert client.get("/compliance/requests/").status_code == 200
