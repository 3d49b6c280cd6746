"""The pages on which staff see clients, rejected events and merges."""

import re
from urllib.parse import unquote
from uuid import uuid4

import pytest
from django.urls import reverse

from campaigns.models import Campaign  # noqa: F401 - the page lists messages
from compliance.models import Client, LedgerEntry
from personalize import declarations, merging, sources
from personalize.models import MergeRequest, QuarantinedItem
from tests.merged import merge


@pytest.fixture
def signed_in(client, marketer):
    client.force_login(marketer)
    return client


@pytest.fixture
def ada(db, at):
    ada = Client.objects.create(user_id="ada/1", email="ada@example.com", first_name="<script>", first_seen_at=at)
    declarations.declare(ada.pk, "goal", "house", source="portal", at=at)
    return ada


def test_the_list_is_searched_and_paged(signed_in, at, django_assert_max_num_queries):
    Client.objects.bulk_create(Client(user_id=f"u{n:03}", email=f"u{n}@x.example", first_seen_at=at) for n in range(60))

    with django_assert_max_num_queries(8):
        first = signed_in.get("/console/clients/")
    second = signed_in.get("/console/clients/", {"after": first.context["more"]})

    assert len(first.context["clients"]) == 50
    assert len(second.context["clients"]) == 10
    found = signed_in.post("/console/clients/", {"q": "U7@X"}, follow=True)
    assert [one.user_id for one in found.context["clients"]] == ["u007"]
    assert signed_in.get("/console/clients/?after=999999999999999999999").status_code == 200
    assert signed_in.get("/console/clients/?q=%00nobody").status_code == 400


def test_a_profile_is_shown_escaped_and_the_look_is_kept(signed_in, ada):
    answer = signed_in.get(reverse("client", args=[ada.ref]))

    assert answer.status_code == 200
    assert "&lt;script&gt;" in answer.content.decode()
    assert "told us" in answer.content.decode()
    assert LedgerEntry.objects.filter(kind="client.viewed", about=f"client:{ada.pk}").count() == 1


def test_an_anonymous_client_is_found_by_reference_and_a_stranger_is_not(signed_in, at):
    someone = Client.objects.create(first_seen_at=at)

    assert signed_in.get(reverse("client", args=[someone.ref])).status_code == 200
    assert signed_in.get(reverse("client", args=[uuid4()])).status_code == 404


def test_a_former_key_is_found_and_an_absorbed_record_leads_to_the_one_that_is_left(signed_in, ada, at):
    other = Client.objects.create(user_id="former", first_seen_at=at)
    merge(ada.pk, other.pk, at=at)

    found = signed_in.post("/console/clients/", {"q": "former"}, follow=True)

    assert [one.pk for one in found.context["clients"]] == [ada.pk]
    assert signed_in.get(reverse("client", args=[other.ref])).headers["Location"] == f"/console/clients/{ada.ref}/"


@pytest.mark.parametrize(
    ("path", "name"),
    [("/console/clients/", "q"), ("/compliance/messages/", "q"), ("/compliance/as-of/", "client"),
     ("/compliance/ledger/", "client")],
)  # fmt: skip
def test_who_is_searched_for_stands_in_no_address(client, officer, ada, path, name):
    client.force_login(officer)

    sent = client.post(path, {name: "ada@example.com", "campaign": "guide"})
    page = client.get(sent.headers["Location"])

    assert (sent.status_code, page.status_code) == (303, 200)
    assert not any(word in unquote(sent.headers["Location"]) for word in ("ada", "example"))
    assert 'value="ada@example.com"' in page.content.decode()
    assert sent.headers["Location"].startswith(f"{path}?campaign=guide&named=")
    plain = client.get(path, {name: "ada@example.com"}).content.decode()
    assert "ada@example.com" not in re.findall(r'value="([^"]*)"', plain)  # typed into an address it asks nothing
    forged = client.get(path, {"named": sent.headers["Location"].partition("named=")[2][:-6] + "aaaaaa"})
    assert (forged.status_code, "ada@example.com" in re.findall(r'value="([^"]*)"', forged.content.decode())) == (
        200, False,
    )  # fmt: skip


def test_an_editor_may_not_look(client, editor, ada):
    client.force_login(editor)

    assert client.get(reverse("client", args=[ada.ref])).status_code == 403
    assert not LedgerEntry.objects.filter(kind="client.viewed").exists()


def test_rejected_events_are_filtered_and_escaped(signed_in, at):
    source = sources.add("web", "Web", write_key="k", at=at)
    for reason, body in (("too odd", "<b>1</b>"), ("too big", "2")):
        QuarantinedItem.objects.create(source=source, reason=reason, body=body, received_at=at)

    every = signed_in.get("/console/rejected/")
    odd = signed_in.get("/console/rejected/?source=web&reason=too+odd")

    assert [one.reason for one in every.context["items"]] == ["too big", "too odd"]
    assert [one.reason for one in odd.context["items"]] == ["too odd"]
    assert "&lt;b&gt;1&lt;/b&gt;" in odd.content.decode()


@pytest.mark.parametrize(("verb", "state"), [("merge", "merged"), ("refuse", "refused")])
def test_a_person_decides_a_merge_once(signed_in, ada, at, verb, state):
    other = Client.objects.create(user_id="other", first_seen_at=at)
    merging.request(ada.pk, other.pk, reason="the same device", at=at)
    asked = MergeRequest.objects.get()
    address = reverse("merge_decide", args=[asked.pk, verb])

    page = signed_in.get("/console/merges/")
    first, late = signed_in.post(address), signed_in.post(address)

    assert "the same device" in page.content.decode().lower()
    assert (first.status_code, late.status_code) == (302, 409)
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by.username) == (state, "marketer")
    assert signed_in.get("/console/merges/").status_code == 200
