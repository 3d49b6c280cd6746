"""The ledger is found by every subject, a page at a time in bounded work, and shows what stood at any past instant."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance import asof, bulk, consent, explorer, ledger, tree
from compliance.acting import acting
from compliance.models import Client, LedgerEntry, Preference, Topic
from tests.compliance.texts import submitted
from tests.owner import as_owner
from tests.people import NOON
from tests.sealing import seal

pytestmark = pytest.mark.django_db


def sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def told(marketer):
    """Deeds of three kinds about two campaigns, an hour apart."""
    for n in range(12):
        at = NOON + timedelta(hours=n)
        facts = {"campaign_id": n % 2, "digest": f"{n % 3}" * 64}
        ledger.record(f"test.deed_{n % 3}", by=marketer, at=at, about=f"x:{n}", facts=facts)
    ledger.record("test.alone", by="system:worker", at=NOON, about="campaign:1", facts={})
    return marketer


def found(**asked):
    return [one.about for one in explorer.search({"kind": "test.", **asked}).entries]


def test_every_subject_finds_its_entries_newest_first(told):
    everything = [f"x:{n}" for n in range(11, -1, -1)]

    assert found(person="marketer") == everything
    assert found(campaign="0") == everything[1::2]
    assert found(campaign="1") == [*everything[::2], "campaign:1"]
    assert found(kind="test.deed_2") == ["x:11", "x:8", "x:5", "x:2"]
    assert found(text="1" * 64) == ["x:10", "x:7", "x:4", "x:1"]
    assert found(campaign="0", text="1" * 64, person="marketer") == ["x:10", "x:4"]
    assert found(about="x:7") == ["x:7"]
    assert found(actor="system:worker") == ["campaign:1"]
    assert found(person="marketer", **{"from": "2026-11-24"}) == []
    assert found(**{"from": "2026-11-23", "to": "2026-11-23"})[0] == "x:11"
    assert explorer.search({"person": "nobody"}).problem == "There is no person “nobody” in the ledger."


def test_a_client_is_found_by_the_firms_own_id_and_a_text_by_its_title(marketer):
    person = Client.objects.create(user_id="u-1", first_seen_at=NOON)
    consent.refuse(person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON)
    item = submitted(marketer, at=NOON)

    abouts = {one.about.partition(":")[0] for one in explorer.search({"client": "u-1"}).entries}
    texts = {one.about for one in explorer.search({"text": item.title[:8]}).entries}

    assert {"compliance_client", "compliance_consentevent", "compliance_consentstate"} <= abouts
    assert {f"review:{item.pk}", f"compliance_reviewitem:{item.pk}"} & texts


@pytest.mark.parametrize("asked", [{"kind": "test."}, {"campaign": "1", "kind": "test."}, {"person": "marketer"}])
def test_pages_lose_and_repeat_nothing(told, asked):
    whole = [one.pk for one in explorer.search(asked, limit=1_000).entries]

    pages, older = [], ""
    while True:
        page = explorer.search({**asked, "before": older}, limit=2)
        pages += [one.pk for one in page.entries]
        older = page.older
        if not older:
            break

    assert pages == whole


def test_a_sieve_that_lets_little_through_goes_on_page_by_page(told, monkeypatch):
    monkeypatch.setattr(bulk.explorer, "MOST", 4)
    hits, older, pages = [], "", 0
    while True:
        page = explorer.search({"person": "marketer", "kind": "test.deed_0", "before": older}, limit=2)
        hits += [one.about for one in page.entries]
        older, pages = page.older, pages + 1
        if not older:
            break

    assert hits == ["x:9", "x:6", "x:3", "x:0"]
    assert pages > 2


@pytest.mark.parametrize("way", bulk.explorer.WAYS)
def test_no_search_reads_the_whole_ledger(told, way):
    value = {"client_id": 1, "campaign_id": 1}.get(way, "x")
    branch = bulk.explorer.BRANCH.format(n=0, fits="true", way=bulk.explorer.WAYS[way])
    values = [] if way == "all" else [value]

    sql("set local enable_sort = off")  # on a handful of rows sorting is cheap; on millions it is the trap
    sql("set local enable_seqscan = off")
    sql("set local enable_bitmapscan = off")
    plan = json.dumps(sql(f"explain (format json) {branch}", *values, explorer.FIRST, explorer.LAST, NOON, 9, 50)[0][0])

    assert "Index Scan" in plan or "Index Only Scan" in plan
    assert "Seq Scan" not in plan
    assert '"Sort"' not in plan


# -- as of any instant -------------------------------------------------------------------------
def test_any_row_is_made_again_byte_for_byte_at_any_instant():
    with acting("staff:7"):
        Topic(code="t", name="one", covers="x").save(force_insert=True)
        seen = [(now(), row("t"))]
        for change in ({"name": "two"}, {"lexicon": ["a", "é\n"]}, {"officers": 2, "approvals": 3}):
            Topic.objects.filter(code="t").update(**change)
            seen.append((now(), row("t")))
        Topic.objects.filter(code="t").delete()

    for at, text in seen:
        then = asof.record("compliance_topic", "t", at=at)
        kept = sql("select facts::text from compliance_ledgerentry where id = %s", then.entry)
        assert (kept[0][0], then.whole, then.by) == (text, True, "staff:7")
    assert asof.record("compliance_topic", "t", at=now()) is None
    assert asof.record("compliance_topic", "t", at=NOON - timedelta(days=9_999)) is None


def row(code):
    return sql("select to_jsonb(t)::text from compliance_topic t where code = %s", code)[0][0]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["save", "name", "delete"])), max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_table_is_made_again_whatever_was_done_to_it(db, steps):
    Topic.objects.filter(code__in="abc").delete()
    seen = []
    for n, (code, step) in enumerate(steps):
        if step == "delete":
            Topic.objects.filter(code=code).delete()
        elif step == "name":
            Topic.objects.filter(code=code).update(name=f"{n}")
        else:
            Topic(code=code, name=code, covers=f"{n}").save()
        rows = sql("select to_jsonb(t) from compliance_topic t where code in ('a', 'b', 'c') order by code")
        seen.append((now(), [json.loads(one) if isinstance(one, str) else one for (one,) in rows]))

    for at, rows in seen:
        then = [one.row for one in asof.records("compliance_topic", at=at) if one.row["code"] in "abc"]
        assert sorted(then, key=lambda one: one["code"]) == rows


def test_a_clients_own_rows_are_told_apart_and_partial_images_say_so():
    ann, bob = (Client.objects.create(user_id=one, first_seen_at=NOON) for one in ("ann", "bob"))
    for person in (ann, bob):
        Preference.objects.create(client=person, updated_at=NOON)

    then = asof.records("compliance_preference", at=now(), client_id=ann.pk)

    assert [one.row["client_id"] for one in then] == [ann.pk]
    assert not asof.record("compliance_client", ann.pk, at=now()).whole


# -- pages and endpoints -----------------------------------------------------------------------
def test_an_entry_opens_to_its_image_its_neighbours_and_its_proof(client, officer, transactional_db):
    with as_owner():
        sql("truncate compliance_ledgertile, compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry")
    Topic.objects.create(code="t-1", name="Before", covers="x")
    Topic.objects.filter(code="t-1").update(name="After")
    seal()
    first, second = LedgerEntry.objects.filter(about="compliance_topic:t-1").order_by("id")
    client.force_login(officer)

    page = client.get(f"/compliance/ledger/{second.pk}/")
    proof = client.get(f"/compliance/ledger/{second.pk}/proof/")
    api = client.get(f"/api/v1/ledger/{second.pk}/proof")

    text = page.content.decode()
    assert "<del>Before</del> <ins>After</ins>" in text
    assert f"/compliance/ledger/{first.pk}/" in text
    assert tree.is_proven(proof.content.decode())
    assert api.content == proof.content
    assert client.get("/compliance/ledger/999999999/").status_code == 404


def test_the_page_of_an_instant_shows_what_stood_and_not_what_came_later(client, officer, marketer):
    person = Client.objects.create(user_id="ann", first_seen_at=NOON)
    consent.refuse(person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON)
    client.force_login(officer)

    today = client.post("/compliance/as-of/", {"client": "ann"}, follow=True).content.decode()
    long_ago = client.post(
        "/compliance/as-of/", {"client": "ann", "at": "2001-01-01T10:00"}, follow=True
    ).content.decode()

    assert "denied" in today
    assert "denied" not in long_ago
    assert "We did not know this client yet." in long_ago
    assert client.get("/compliance/as-of/", {"at": "yesterday"}).status_code == 422
    api = client.get("/api/v1/ledger/as-of", {"about": "compliance_topic:none", "at": "2026-01-01T00:00:00Z"})
    assert api.status_code == 404
    known = Topic.objects.order_by("code").first().code
    api = client.get("/api/v1/ledger/as-of", {"about": f"compliance_topic:{known}", "at": now().isoformat()})
    assert (api.status_code, api.json()["row"]["code"], api.json()["whole"]) == (200, known, True)
    client.force_login(marketer)
    assert client.get("/compliance/as-of/").status_code == 403
