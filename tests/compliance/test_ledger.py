"""The ledger: every way to change a regulated row is kept, and every way to change the ledger is refused or found."""

import threading
import time
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, connections, transaction

from compliance import consent, ledger, merkle, notes
from compliance.acting import acting
from compliance.models import Checkpoint, Client, ConsentEvent, LedgerEntry, LedgerLeaf, Preference, Topic, Wording
from tests.owner import as_owner
from tests.sealing import seal

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
RECORDS = ("ledgerentry", "ledgerleaf", "checkpoint", "consentevent")


def images(table, after=0):
    rows = LedgerEntry.objects.filter(about__startswith=f"{table}:", id__gt=after).order_by("id")
    return [(one.kind, one.about.partition(":")[2], one.actor) for one in rows]


def sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def topic(code):
    return Topic(code=code, name=code, covers="x")


def unguarded(statement, *params, table="ledgerentry"):
    """What only the owner of the tables can do: switch the guard off, change a record, switch it on again."""
    with as_owner():
        sql("set constraints all immediate")
        sql(f"alter table compliance_{table} disable trigger user")
        sql(statement, *params)
        sql("set constraints all immediate")
        sql(f"alter table compliance_{table} enable always trigger only_added_to")
        if table == "ledgerentry":
            sql("alter table compliance_ledgerentry enable always trigger ledger_is_completed")


@pytest.mark.django_db
def test_every_way_to_change_a_row_is_kept_once():
    Topic.objects.all().delete()
    start = LedgerEntry.objects.latest("id").pk if LedgerEntry.objects.exists() else 0
    with acting("staff:7"):
        one = topic("a")
        one.save(force_insert=True)
        one.name = "renamed"
        one.save(update_fields=["name"])
        Topic.objects.bulk_create([topic("b"), topic("c")])
        Topic.objects.filter(code__in="bc").update(name="x")
        Topic.objects.bulk_update([Topic(code="b", name="y")], ["name"])
        sql("update compliance_topic set name = 'z' where code = 'c'")
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "copy compliance_topic (code, name, covers, approvals, officers, audience_rule, lexicon) from stdin"
            ) as copy,
        ):
            copy.write_row(("d", "d", "x", 1, 0, "", "[]"))
        Topic.objects.filter(code="d").delete()
        sql("delete from compliance_topic where code = 'c'")

    assert images("compliance_topic", start) == [
        ("row.insert", "a", "staff:7"),
        ("row.update", "a", "staff:7"),
        ("row.insert", "b", "staff:7"),
        ("row.insert", "c", "staff:7"),
        ("row.update", "b", "staff:7"),
        ("row.update", "c", "staff:7"),
        ("row.update", "b", "staff:7"),
        ("row.update", "c", "staff:7"),
        ("row.insert", "d", "staff:7"),
        ("row.delete", "d", "staff:7"),
        ("row.delete", "c", "staff:7"),
    ]
    last = LedgerEntry.objects.filter(about="compliance_topic:c").latest("id")
    assert last.facts["name"] == "z"


@pytest.mark.django_db
def test_a_cascade_is_kept_and_no_image_holds_a_persons_values():
    person = Client.objects.create(user_id="u-1", email="ann@example.org", first_name="Ann", first_seen_at=NOON)
    Preference.objects.create(client=person, updated_at=NOON)
    sql("set constraints all immediate")
    find = "select conname from pg_constraint where conrelid = 'compliance_preference'::regclass and contype = 'f'"
    with as_owner():
        sql(f"alter table compliance_preference drop constraint {sql(find)[0][0]}")
        sql(
            "alter table compliance_preference "
            "add foreign key (client_id) references compliance_client on delete cascade"
        )

    sql("delete from compliance_client where id = %s", person.pk)

    assert [one[0] for one in images("compliance_preference")] == ["row.insert", "row.delete"]
    kept = LedgerEntry.objects.filter(about=f"compliance_client:{person.pk}").order_by("id")
    assert [one.kind for one in kept] == ["row.insert", "row.delete"]
    assert not {"email", "first_name", "last_name", "user_id"} & set(kept[0].facts)
    assert len(kept[0].facts["row_hash"]) == 64
    assert kept[0].facts["row_hash"] == kept[1].facts["row_hash"]


@pytest.mark.django_db
@pytest.mark.parametrize("table", RECORDS)
def test_records_are_only_ever_added_to(table):
    person = Client.objects.create(user_id="u-1", first_seen_at=NOON)
    consent.refuse(person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON)
    LedgerLeaf.objects.create(index=0, entry=LedgerEntry.objects.first(), hash=b"x" * 32)
    Checkpoint.objects.create(size=1, root=b"x", frontier=[], last_xid=1, last_entry=1, note="", at=NOON)
    column = {"ledgerentry": "actor", "ledgerleaf": "hash", "checkpoint": "note", "consentevent": "actor"}[table]
    sql("set constraints all immediate")
    before = sql(f"select count(*) from compliance_{table}")
    with as_owner():
        sql(f"alter table compliance_{table} enable always trigger never_truncated")  # tests clean up by truncation
        sql("set session_replication_role = replica")  # even so: the triggers are ENABLE ALWAYS
        try:
            for attempt in (
                f"update compliance_{table} set {column} = {column}",
                f"delete from compliance_{table}",
                f"truncate compliance_{table} cascade",
            ):
                with pytest.raises(DatabaseError, match="is_only_ever_added_to"), transaction.atomic():
                    sql(attempt)
        finally:
            sql("set session_replication_role = default")

    assert sql(f"select count(*) from compliance_{table}") == before


@pytest.mark.django_db
def test_words_that_were_shown_never_change_but_may_go_out_of_force():
    wording = Wording.objects.create(version="w-1", text="Yes?", sha256="0" * 64, in_force_from=NOON)
    for change in ({"text": "No?"}, {"in_force_from": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Wording.objects.filter(pk=wording.pk).update(**change)

    Wording.objects.filter(pk=wording.pk).update(in_force_to=NOON)

    with pytest.raises(DatabaseError, match="never_change"), transaction.atomic():
        Wording.objects.filter(pk=wording.pk).update(in_force_to=None)


@pytest.mark.django_db
def test_the_database_and_the_verifier_have_the_same_canonical_bytes():
    ledger.record("test.told", by="staff:é", at=NOON, about="x:1", facts={"é": '\n"', "b": [1.50, None], "aa": 10**20})

    row = sql(
        """select digest, compliance_ledger_bytes(e), e.id, e.xid,
        to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        e.kind, e.actor, e.request, e.about, e.facts::text,
        to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.login
        from compliance_ledgerentry e where about = 'x:1'"""
    )[0]

    assert ledger.canonical(row[2:]) == bytes(row[1])
    assert sql("select xid = pg_current_xact_id()::text::bigint from compliance_ledgerentry where about = 'x:1'") == [
        (True,)
    ]


@pytest.fixture
def empty(transactional_db):
    """A ledger without what the migrations wrote; only a test database lets its owner truncate it."""
    with as_owner():
        sql("truncate compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry")


@pytest.fixture
def sealed(empty):
    """Six entries, two checkpoints, one entry not sealed yet."""
    for n in range(4):
        ledger.record("test.done", by="staff:1", at=NOON, about=f"x:{n}", facts={"n": n})
    seal()
    for n in range(4, 6):
        ledger.record("test.done", by="staff:1", at=NOON, about=f"x:{n}", facts={"n": n})
    seal()
    ledger.record("test.done", by="staff:1", at=NOON, about="x:6", facts={"n": 6})
    return list(LedgerEntry.objects.order_by("id").values_list("pk", flat=True))


def test_a_sound_ledger_verifies_and_its_checkpoints_are_signed(sealed):
    assert ledger.verify() == ledger.Verdict(6, 1, "")
    heads = list(Checkpoint.objects.filter(size__in=(4, 6)).order_by("size"))
    assert len(heads) == 2
    assert all(notes.is_ours(one.note) for one in heads)
    assert not notes.is_ours(heads[0].note.replace("\n4\n", "\n5\n"))
    leaves = [bytes(one) for one in LedgerLeaf.objects.order_by("index").values_list("hash", flat=True)]
    assert merkle.root(merkle.grow([], 0, leaves)[0]) == bytes(heads[1].root)
    assert seal().size == 7
    assert ledger.seal(at=NOON) is None


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("update compliance_ledgerentry set facts = '{{\"n\": 99}}' where id = {2}", "Entry {2} (leaf 2) was altered."),
        (
            "update compliance_ledgerentry set at = at + interval '1 us' where id = {5}",
            "Entry {5} (leaf 5) was altered.",
        ),
        (
            "update compliance_ledgerentry set actor = 'staff:2' where id = {6}",
            "Entry {6} (not sealed yet) was altered.",
        ),
        (
            "insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest) "
            "values (1, now(), 'x', 'x', '', 'x', '{{}}', sha256('x'))",
            "was slipped in behind the last checkpoint.",
        ),
    ],
)
def test_what_a_superuser_alters_is_named(sealed, attack, words):
    unguarded(attack.format(*sealed))

    verdict = ledger.verify()

    assert not verdict.sound
    assert words.format(*sealed) in verdict.fault


def test_a_forged_digest_is_still_found_by_the_signed_root(sealed):
    unguarded("update compliance_ledgerentry set facts = '{}' where id = %s", sealed[1])
    unguarded(
        "update compliance_ledgerentry e set digest = sha256(compliance_ledger_bytes(e)) where id = %s", sealed[1]
    )
    assert ledger.verify().fault == f"Entry {sealed[1]} (leaf 1) was altered."
    unguarded(
        "update compliance_ledgerleaf l set hash = sha256('\\x00'::bytea || e.digest) "
        "from compliance_ledgerentry e where e.id = l.entry_id",
        table="ledgerleaf",
    )

    assert ledger.verify().fault.startswith("The tree of 4 entries is not the one that was signed")


def test_removing_an_entry_or_the_end_of_the_tree_is_named(sealed):
    find = "select conname from pg_constraint where conrelid = 'compliance_ledgerleaf'::regclass and contype = 'f'"
    with as_owner():
        sql(f"alter table compliance_ledgerleaf drop constraint {sql(find)[0][0]}")
    try:
        unguarded("delete from compliance_ledgerentry where id = %s", sealed[3])
        assert ledger.verify().fault == f"Entry {sealed[3]} (leaf 3) was removed."
        unguarded("delete from compliance_ledgerleaf where index = 3", table="ledgerleaf")
        assert ledger.verify().fault == "Leaf 3 was removed: the next one is 4."
        unguarded("delete from compliance_ledgerleaf where index > 2", table="ledgerleaf")
        assert ledger.verify().fault == "The last checkpoint covers 6 entries, the tree has 3."
    finally:
        with as_owner():
            sql("truncate compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry")
            sql(
                "alter table compliance_ledgerleaf add constraint ledgerleaf_entry foreign key (entry_id) "
                "references compliance_ledgerentry deferrable initially deferred"
            )


def test_an_entry_that_commits_late_is_sealed_later_and_lost_never(empty):
    opened, go_on = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            ledger.record("test.slow", by="staff:1", at=NOON, about="x:slow", facts={})
            opened.set()
            go_on.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    opened.wait(10)
    ledger.record("test.quick", by="staff:1", at=NOON, about="x:quick", facts={})
    first = ledger.seal(at=NOON)
    go_on.set()
    thread.join(10)
    second = seal()

    assert first is None
    assert second.size == 2
    kinds = LedgerLeaf.objects.order_by("index").values_list("entry__kind", flat=True)
    assert list(kinds) == ["test.slow", "test.quick"]
    assert ledger.verify().sound


def test_a_consent_event_leaves_its_image_with_the_actor(transactional_db):
    person = Client.objects.create(user_id="u-1", first_seen_at=NOON)

    with acting(f"client:{person.pk}", request_id="r-9"):
        consent.refuse(
            person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON
        )

    event = ConsentEvent.objects.get()
    entry = LedgerEntry.objects.get(about=f"compliance_consentevent:{event.pk}")
    assert (entry.kind, entry.actor, entry.request) == ("row.insert", f"client:{person.pk}", "r-9")
    assert entry.facts["client_id"] == person.pk


@pytest.mark.django_db
def test_t41_a_bulk_change_after_a_single_one_costs_a_few_times_an_untracked_one():
    """A plan cached for one row, over a join of old and new images, once made this a thousand times slower."""
    made = [Client(user_id=f"u-{one}", language="en", first_seen_at=NOON) for one in range(8_000)]
    Client.objects.bulk_create(made)
    sql("set constraints all immediate")
    sql("create temporary table untracked (like compliance_client including all)")
    sql("insert into untracked select * from compliance_client")
    sql("analyze untracked")
    change = "update {} set language = %s where user_id like %s"

    def took(table, language, who):
        begun = time.perf_counter()
        assert sql(change.format(table), language, who) == (1 if who == "u-7" else 8_000)
        return time.perf_counter() - begun

    for table in ("compliance_client", "untracked"):
        took(table, "aa", "u-7")
    tracked = min(took("compliance_client", one, "u-%") for one in ("bb", "cc"))
    untracked = min(took("untracked", one, "u-%") for one in ("bb", "cc"))

    assert len(images("compliance_client")) == 8_000 + 1 + 2 * 8_000
    assert tracked < 10 * untracked, f"{tracked:.2f} s against {untracked:.2f} s"
