"""The request desk: clocks by place, nobody answered before they are known, what was asked is done and proven."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.utils.timezone import now

from compliance import roles, tokens
from compliance.models import Asked, Client, ConsentState, CopyLink, Erasure, LedgerEntry, Role
from compliance.rights import copylinks, holds, letters, requests
from tests.people import PASSWORD, reviewer

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
        ("US", "objection", date(2026, 2, 13), None),  # a Saturday, then ten working days
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


def test_a_client_asks_by_their_link(ann, client: Browser) -> None:
    link = f"/portal/{tokens.make('portal', ann.ref)}/"

    sent = client.post(f"{link}ask/", {"kind": "erasure", "words": "Please."})
    again = client.post(f"{link}ask/", {"kind": "erasure", "words": "Please!"})
    wrong = client.post(f"{link}ask/", {"kind": "access"})

    assert (sent.status_code, again.status_code, wrong.status_code) == (303, 303, 400)
    assert Asked.objects.get().words == "Please."
    assert "we answer by" in client.get(link).content.decode()


@pytest.fixture
def door(ann) -> str:
    """The link that stands in every mail to Ann."""
    return f"/portal/{tokens.make('portal', ann.ref)}/"


def mailed() -> str:
    """The link in the newest mail."""
    return re.search(r"https?://[^/]+(/copy/[^/\s]+/)", mail.outbox[-1].body)[1]


def test_a_copy_goes_by_a_fresh_link_to_the_clients_own_address_and_never_by_the_one_in_mails(
    ann, door, client: Browser
) -> None:
    assert "Mail me the link to my copy" in client.get(door).content.decode()
    asked_for = client.post(f"{door}copy/")
    assert (asked_for.status_code, asked_for["Content-Type"].partition(";")[0]) == (303, "text/html")
    assert client.get(f"{door}copy/").status_code == 405
    assert client.post("/portal/x/copy/").status_code == 404
    assert not LedgerEntry.objects.filter(kind="access.packed").exists()
    link = CopyLink.objects.get()
    assert (link.secret, mail.outbox) == (None, [])  # a worker mails it; what waits for it is a number

    assert letters.send_copy_link(link.pk, secret="a-secret-of-a-worker", at=now())
    assert not letters.send_copy_link(link.pk, secret="another", at=now())  # mailed once
    assert (mail.outbox[0].to, len(mail.outbox)) == (["ann@mail.example"], 1)
    path = mailed()
    assert "Download my copy" in client.get(path).content.decode()  # looking, as scanners of mails do, uses nothing
    assert client.get("/copy/made-up/").status_code == 404
    copy = client.post(path)

    assert (copy.status_code, copy["Content-Type"]) == (200, "application/zip")
    assert LedgerEntry.objects.filter(kind="access.packed", actor=f"client:{ann.pk}").count() == 1
    assert (client.post(path).status_code, client.get(path).status_code) == (404, 404)
    assert LedgerEntry.objects.filter(kind="access.packed").count() == 1
    assert CopyLink.objects.get().used_at is not None
    with pytest.raises(IntegrityError, match="a_link_to_a_copy_opens_once"), transaction.atomic():
        CopyLink.objects.update(used_at=None)


def test_a_link_to_a_copy_ends_by_itself_and_few_are_mailed(ann, client: Browser) -> None:
    at = now()
    made = [copylinks.ask(ann.pk, at=at) for _ in range(4)]
    assert [one is not None for one in made] == [True, True, True, False]
    letters.send_copy_link(made[0].pk, secret="first", at=at)

    assert copylinks.find("first", at=at + copylinks.LASTS) is None
    with pytest.raises(copylinks.NoLink):
        copylinks.use("first", at=at + copylinks.LASTS)
    assert not letters.send_copy_link(made[1].pk, secret="late", at=at + copylinks.LASTS)
    assert CopyLink.objects.filter(used_at=None).count() == 3
    assert copylinks.ask(ann.pk, at=at + timedelta(hours=1)) is not None
    assert copylinks.use("first", at=at) == ann.pk


def test_without_an_address_people_hand_the_copy_over(ann, door, client: Browser) -> None:
    Client.objects.update(email="")

    assert client.post(f"{door}copy/").status_code == 303

    assert not CopyLink.objects.exists()
    assert Asked.objects.get().kind == "access"


def test_an_officer_takes_a_copy_only_between_being_sure_and_closing(ann, officer, client: Browser) -> None:
    made = asked(ann, "access")
    client.force_login(officer)
    take = f"/compliance/copies/{made.pk}/", {"step_up_password": PASSWORD}
    packed = LedgerEntry.objects.filter(kind="access.packed")

    early = client.post(*take)
    assert (early.status_code, packed.count()) == (422, 0)
    assert "First find out that it is them." in early.content.decode()
    assert "Download the copy" not in client.get(f"/compliance/requests/{made.pk}/").content.decode()
    requests.know(made.pk, how="Called back.", by=officer, at=JAN_31)
    assert "Download the copy" in client.get(f"/compliance/requests/{made.pk}/").content.decode()
    taken = client.post(*take)
    assert (taken.status_code, taken["Content-Type"], packed.count()) == (200, "application/zip", 1)
    requests.close(made.pk, answer="Sent.", by=officer, at=JAN_31)
    assert (client.post(*take).status_code, packed.count()) == (409, 1)


def test_a_restricted_clients_data_are_used_again_once_an_officer_says_why(ann, officer, client: Browser) -> None:
    requests.restrict(ann.pk, why="They asked.", by=officer, at=JAN_31)
    path, prove = f"/compliance/restrictions/{ann.pk}/lift/", {"step_up_password": PASSWORD}
    client.force_login(officer)
    lifted = LedgerEntry.objects.filter(kind="client.restriction_lifted")

    assert "Kept and not used" in client.get("/compliance/requests/").content.decode()
    assert client.post(path, prove | {"why": " "}).status_code == 422
    client.force_login(roles.hire("admin", Role.ADMIN, PASSWORD))
    assert client.post(path, prove | {"why": "Corrected; told by letter."}).status_code == 422
    assert (Client.objects.get().restricted_at, lifted.count()) == (JAN_31, 0)
    client.force_login(officer)
    assert client.post(path, prove | {"why": "Corrected; told by letter."}).status_code == 302
    assert (Client.objects.get().restricted_at, lifted.count()) == (None, 1)
    assert client.post(path, prove | {"why": "Again."}).status_code == 409
    assert "Kept and not used" not in client.get("/compliance/requests/").content.decode()


def test_the_desk_shows_every_request_a_page_at_a_time(ann, officer, client: Browser) -> None:
    people = [Client(user_id=f"p{one}", first_seen_at=JAN_31) for one in range(51)]
    for one in Client.objects.bulk_create(people):
        asked(one, "erasure")
    client.force_login(officer)

    first, second = (client.get(f"/compliance/requests/?waiting={page}").content.decode() for page in (1, 2))

    shown = [re.findall(r">client (\d+)<", one) for one in (first, second)]
    assert (len(shown[0]), len(shown[1]), len({*shown[0], *shown[1]})) == (50, 1, 51)
    assert "Page 1 of 2" in first


def test_the_officer_works_through_a_request_and_a_hold(ann, officer, client: Browser) -> None:
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
    holds.ask_lift(hold.pk, by=reviewer("officer2", Role.OFFICER), at=JAN_31)
    client.post(f"/compliance/holds/{hold.pk}/lift/", prove)
    client.post(f"/compliance/requests/{made.pk}/close/", {"said": "Done."} | prove)
    assert Client.objects.get().email == ""
    assert "Closed by officer" in client.get(f"/compliance/requests/{made.pk}/").content.decode()
    assert client.get("/compliance/requests/").status_code == 200
