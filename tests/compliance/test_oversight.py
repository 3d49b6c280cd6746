"""The officer's pages: search the ledger; ask for a packet with a reason and get it on record."""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns import tasks
from compliance import consent, packet
from compliance.models import Client, LedgerEntry, Packet, Topic

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PAGES = ("/compliance/", "/compliance/ledger/", "/compliance/packets/", "/compliance/ledger/verify/")


@pytest.fixture
def ann(db):
    person = Client.objects.create(user_id="u-1", email="ann@example.org", first_seen_at=NOON)
    consent.refuse(person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON)
    return person


@pytest.mark.parametrize("path", PAGES)
def test_only_officers_see_them(client, officer, marketer, path):
    client.force_login(marketer)
    assert client.get(path).status_code == 403

    client.force_login(officer)
    assert client.get(path).status_code == 200


def test_the_ledger_is_found_by_client_deed_and_who_and_shows_what_changed(client, officer, ann):
    client.force_login(officer)
    Topic.objects.filter(code="t-1").delete()
    Topic.objects.create(code="t-1", name="Before", covers="x")
    Topic.objects.filter(code="t-1").update(name="After")

    by_client = client.get("/compliance/ledger/", {"about": str(ann.pk)}).content.decode()
    by_thing = client.get(
        "/compliance/ledger/", {"about": "compliance_topic:t-1", "kind": "row.update"}
    ).content.decode()

    assert "compliance_consentevent:" in by_client
    assert f"compliance_client:{ann.pk}" in by_client
    assert "<del>Before</del> <ins>After</ins>" in by_thing
    assert "Nothing matches" in client.get("/compliance/ledger/", {"actor": "nobody"}).content.decode()
    part = client.get("/compliance/ledger/", {"about": str(ann.pk)}, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<section id="found">')


def test_a_long_page_costs_no_more_queries_than_a_short_one(client, officer, db, django_assert_num_queries):
    client.force_login(officer)
    Topic.objects.create(code="q-0", name="x", covers="x")
    for n in (1, 30):
        for one in range(n):
            Topic.objects.update_or_create(code=f"q-{one}", defaults={"name": f"{n}", "covers": "x"})
        with django_assert_num_queries(12):
            client.get("/compliance/ledger/", {"kind": "row.", "from": "2020-01-01"})


def test_pages_of_the_ledger_go_on_where_the_last_one_ended(client, officer, db):
    client.force_login(officer)
    for n in range(60):
        Topic.objects.create(code=f"p-{n}", name="x", covers="x")

    first = client.get("/compliance/ledger/", {"kind": "row."})
    older = first.context["older"]
    second = client.get("/compliance/ledger/", {"kind": "row.", "before": older})

    seen = [row["entry"].pk for row in first.context["rows"]]
    assert len(seen) == 50
    assert second.context["rows"][0]["entry"].pk < min(seen)


@pytest.mark.django_db(transaction=True)
def test_a_packet_is_asked_for_built_and_handed_over_on_record(client, officer, ann, settings, tmp_path):
    settings.PACKETS = tmp_path
    client.force_login(officer)

    assert client.post("/compliance/packets/new/", {"client": "u-1", "reason": ""}).status_code == 422
    assert client.post("/compliance/packets/new/", {"client": "nobody", "reason": "exam"}).status_code == 422
    assert Packet.objects.count() == 0
    assert client.post("/compliance/packets/new/", {"client": "u-1", "reason": "exam"}).status_code == 302
    asked = Packet.objects.get()
    assert client.get(f"/compliance/packets/{asked.pk}/").status_code == 404
    assert "every 2s" in client.get("/compliance/packets/").content.decode()

    tasks.build_packets()

    asked.refresh_from_db()
    assert (asked.state, asked.error) == ("ready", "")
    handed = client.get(f"/compliance/packets/{asked.pk}/")
    assert b"".join(handed.streaming_content)[:2] == b"PK"
    deeds = LedgerEntry.objects.filter(about=f"packet:{asked.pk}").order_by("id").values_list("kind", "actor")
    assert list(deeds) == [
        ("packet.requested", f"staff:{officer.pk}"),
        ("packet.built", "system:worker"),
        ("packet.downloaded", f"staff:{officer.pk}"),
    ]
    assert "every 2s" not in client.get("/compliance/packets/").content.decode()


@pytest.mark.parametrize(
    "period",
    [{"from": "2026-13-01"}, {"from": "2026-05-02", "to": "2026-05-01"}, {"to": "9999-12-31"}, {"to": "0001-01-01"}],
)
def test_a_period_that_cannot_be_is_refused(client, officer, period):
    client.force_login(officer)

    asked = client.post("/compliance/packets/new/", {"client": "", "reason": "exam", **period})

    assert (asked.status_code, Packet.objects.count()) == (422, 0)
    assert client.get("/compliance/ledger/", period).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_packet_that_fails_says_why_and_the_next_is_built(client, officer, ann, settings, tmp_path):
    settings.PACKETS = tmp_path
    kept = {"client": None, "campaign": None, "from": None, "to": "9999-12-31"}
    asked = {"reason": "exam", "requested_by": officer, "requested_at": NOON}
    Packet.objects.create(scope=kept, **asked)
    Packet.objects.create(scope={**kept, "campaign": "nowhere", "to": None}, **asked)
    Packet.objects.create(scope={**kept, "client": ann.pk, "to": None}, **asked)

    tasks.build_packets()

    far, nowhere, sound = Packet.objects.order_by("pk")
    assert (far.state, nowhere.state, sound.state) == ("failed", "failed", "ready")
    assert nowhere.error == "There is no campaign nowhere."


@pytest.mark.parametrize("path", ["/compliance/ledger/?about=%00", "/compliance/messages/?q=%00", "/review/?topic=%00"])
def test_a_null_character_is_refused(client, officer, path):
    client.force_login(officer)

    assert client.get(path).status_code == 400


def test_nobody_asks_for_more_than_so_many_packets_in_an_hour(client, officer, at):
    scope = packet.Scope(campaign="guide")
    for _ in range(packet.MOST):
        packet.request(scope, reason="exam", by=officer, at=at)

    with pytest.raises(packet.BadScope, match="within an hour"):
        packet.request(scope, reason="exam", by=officer, at=at + timedelta(minutes=59))
    assert Packet.objects.count() == packet.MOST

    packet.request(scope, reason="exam", by=officer, at=at + timedelta(minutes=61))
    assert Packet.objects.count() == packet.MOST + 1
