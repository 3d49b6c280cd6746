"""What somebody with the application's own password may try by hand, and what comes of it: one list."""

import psycopg
import pytest
from django.db import connection

from compliance import consent, review
from compliance.acting import acting
from compliance.models import Approval, Client, ConsentEvent, LedgerEntry, ReviewItem, Topic, Wording
from tests import owner
from tests.compliance.texts import submitted
from tests.people import NOON

pytestmark = pytest.mark.django_db(transaction=True)

ENTRY = "insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest) values "
DENIED = "permission denied|must be owner|must be superuser|must have"
REFUSED = {
    # the ledger
    "alter an entry": ("update compliance_ledgerentry set actor = 'x'", DENIED),
    "delete an entry": ("delete from compliance_ledgerentry", DENIED),
    "truncate the ledger": ("truncate compliance_ledgerentry cascade", DENIED),
    "alter the tree": ("update compliance_ledgerleaf set hash = ''", DENIED),
    "delete a leaf": ("delete from compliance_ledgerleaf", DENIED),
    "alter a checkpoint": ("update compliance_checkpoint set note = ''", DENIED),
    "delete a checkpoint": ("delete from compliance_checkpoint", DENIED),
    "forge a row image": (f"{ENTRY}(0, now(), 'row.update', 'x', '', 'compliance_client:1', '{{}}', '')", "only_trigg"),
    "write for nobody": (f"{ENTRY}(0, now(), 'x.done', '', '', 'x', '{{}}', '')", "nobody_writes"),
    "sign for another": (
        f"set app.actor = 'staff:1'; {ENTRY}(0, now(), 'x.done', 'staff:2', '', 'x', '{{}}', '')",
        "nobody_signs_for_another",
    ),
    "set the numbers back": ("select setval('compliance_ledgerentry_id_seq', 1)", DENIED),
    "read the key of the hashes": ("select * from compliance_imagekey", DENIED),
    # the guards
    "disable a trigger": ("alter table compliance_ledgerentry disable trigger all", DENIED),
    "disable an image": ("alter table compliance_topic disable trigger keep_image_of_update", DENIED),
    "drop a trigger": ("drop trigger only_added_to on compliance_ledgerentry", DENIED),
    "add a trigger": (
        "create trigger t before insert on compliance_ledgerentry execute function compliance_only_added_to()",
        DENIED,
    ),
    "play the replica": ("set session_replication_role = replica", DENIED),
    "replace a function": (
        "create or replace function compliance_keep_image() returns trigger language plpgsql "
        "as 'begin return null; end'",
        DENIED,
    ),
    "drop a function": ("drop function compliance_keep_image() cascade", DENIED),
    "mislead a function": ("alter function compliance_keep_image() set search_path = pg_temp", DENIED),
    "switch off the watch on DDL": ("alter event trigger compliance_ddl_is_kept disable", DENIED),
    "make a table": ("create table public.mine (a int)", DENIED),
    "make a schema": ("create schema mine", DENIED),
    "become the owner": ("set role app", DENIED),
    "log in as the owner": ("set session authorization app", DENIED),
    "raise oneself": ("alter role personalize_app superuser", DENIED),
    "grant oneself": (
        "grant update on compliance_ledgerentry to personalize_app; update compliance_ledgerentry set actor = 'x'",
        DENIED,
    ),
    "read a file": ("select pg_read_file('/etc/passwd')", DENIED),
    "run a program": ("copy compliance_topic to program 'true'", DENIED),
    # skipping history
    "write a history row": (
        "insert into compliance_historicaltopic select * from compliance_historicaltopic limit 1",
        DENIED,
    ),
    "alter history": ("update compliance_historicaltopic set name = 'x'", DENIED),
    "delete history": ("delete from compliance_historicaltopic", DENIED),
    "change a row for nobody": ("set app.actor = ''; update compliance_topic set name = 'x'", "nobody_writes"),
    "truncate a recorded table": ("truncate compliance_suppression", DENIED),
    # consent
    "alter a consent event": ("update compliance_consentevent set action = 'given'", DENIED),
    "delete a consent event": ("delete from compliance_consentevent", DENIED),
    "answer by hand": ("update compliance_consentstate set state = 'allowed'", DENIED),
    "answer from a trigger of one's own": (
        "create temp table t (a int); "
        "create function pg_temp.answer() returns trigger language plpgsql as "
        "$$ begin update compliance_consentstate set state = 'allowed'; return null; end $$; "
        "create trigger t after insert on t execute function pg_temp.answer(); insert into t values (1)",
        DENIED,
    ),
    "alter shown words": ("update compliance_wording set text = 'No?'", "words_that_were_shown_never_change"),
    "delete shown words": ("delete from compliance_wording", DENIED),
    # approvals
    "alter an approval": ("update compliance_approval set reason = 'x'", DENIED),
    "delete an approval": ("delete from compliance_approval", DENIED),
    "forget an author": ("delete from compliance_authorship", DENIED),
    "delete a review": ("delete from compliance_reviewitem", DENIED),
    "decide without approvals": (
        "update compliance_reviewitem set state = 'approved', decided_by_id = (select id from compliance_staff "
        "where username = 'editor'), decided_at = now(), valid_until = now() + interval '1 day'",
        "enough_people|permission",
    ),
    "change words under review": ("update compliance_reviewitem set digest = repeat('0', 64)", "words_under_review"),
    "lower the quorum": ("update compliance_reviewitem set approvals_needed = 0", "quorum|approval"),
}
SHADOWED = (
    # A temporary queue in which somebody else wrote the text.
    "create temp table compliance_reviewitem as select * from public.compliance_reviewitem; "
    "create temp table compliance_authorship as select * from public.compliance_authorship limit 0; "
    "update pg_temp.compliance_reviewitem set submitted_by_id = 0; set search_path = pg_temp, public; "
)


@pytest.fixture
def kept(editor2):
    """A consent, a wording and a text in the queue."""
    person = Client.objects.create(user_id="u-1", first_seen_at=NOON)
    Wording.objects.create(version="w-1", text="Yes?", sha256="0" * 64, in_force_from=NOON)
    consent.refuse(person.pk, purpose="marketing", channel="email", surface="x", mechanism="button", by="c", at=NOON)
    return submitted(editor2, at=NOON)


@pytest.fixture
def attacker(kept, editor):
    """Somebody at psql with the application's password."""
    with psycopg.connect(owner.application_url(), autocommit=True) as raw:
        raw.execute("set app.actor = 'staff:999'")
        yield raw


def state():
    """Everything that must not move."""
    return (
        list(Wording.objects.values()),
        list(ConsentEvent.objects.values("id", "action")),
        list(ReviewItem.objects.values()),
        list(Topic.objects.order_by("code").values()),
        Approval.objects.count(),
    )


def test_everything_on_the_list_is_refused(attacker, kept, editor):
    before, entries = state(), LedgerEntry.objects.count()
    passed = []

    for name, (attempt, words) in REFUSED.items():
        attacker.execute("reset all")
        attacker.execute("set app.actor = 'staff:999'")
        try:
            attacker.execute(attempt)
            passed.append(f"{name}: not refused")
        except psycopg.Error as refusal:
            if not any(word in str(refusal) for word in words.split("|")):
                passed.append(f"{name}: {refusal}")

    assert passed == []
    assert state() == before
    assert LedgerEntry.objects.count() == entries
    review.approve(kept.pk, by=editor, seen=kept.digest, at=NOON)  # and what is allowed still goes


@pytest.mark.parametrize("trick", ["", SHADOWED], ids=["plainly", "behind a temporary queue"])
def test_nobody_approves_their_own_text_by_hand(attacker, kept, trick):
    queue = "public.compliance_reviewitem"
    columns = {one.column for one in Approval._meta.concrete_fields}
    values = {"item_id": "id", "round": "round", "digest": "digest", "by_id": "submitted_by_id", "at": "now()"}
    named = {**values, **dict.fromkeys(columns - set(values) - {"id"}, "'{}'")}
    statement = f"insert into compliance_approval ({', '.join(named)}) select {', '.join(named.values())} from {queue}"
    attacker.execute(trick or "select 1")

    with pytest.raises(psycopg.Error, match="nobody_approves_their_own_text"):
        attacker.execute(statement)

    assert Approval.objects.count() == 0


def test_a_forged_entry_carries_the_truth_beside_the_lie(attacker):
    attacker.execute(
        "insert into compliance_ledgerentry (xid, at, kind, actor, request, about, facts, digest, recorded_at, login) "
        "values (1, '2001-01-01', 'x.done', 'staff:999', '', 'x:1', '{}', 'forged', '2001-01-01', 'somebody')"
    )

    entry = LedgerEntry.objects.get(about="x:1")
    assert (entry.at.year, entry.login) == (2001, "personalize_app")
    assert entry.recorded_at.year > 2001
    assert entry.xid > 1
    with connection.cursor() as cursor:
        cursor.execute(
            "select sha256(compliance_ledger_bytes(e)) from compliance_ledgerentry e where id = %s", [entry.pk]
        )
        assert bytes(cursor.fetchone()[0]) == bytes(entry.digest)


def test_a_temporary_ledger_catches_no_image(attacker):
    attacker.execute("create temp table compliance_ledgerentry (like public.compliance_ledgerentry)")
    attacker.execute("set search_path = pg_temp, public")

    attacker.execute(
        "update compliance_topic set name = 'renamed' where code = (select min(code) from compliance_topic)"
    )

    assert attacker.execute("select count(*) from pg_temp.compliance_ledgerentry").fetchone() == (0,)
    entry = LedgerEntry.objects.filter(about__startswith="compliance_topic:").latest("id")
    assert (entry.kind, entry.actor, entry.facts["name"]) == ("row.update", "staff:999", "renamed")


def test_what_an_owner_does_to_the_tables_is_kept(transactional_db):
    with owner.as_owner(watched=True), acting("staff:7"), connection.cursor() as cursor:
        cursor.execute("alter table compliance_topic disable trigger keep_image_of_update")
        cursor.execute("alter table compliance_topic enable always trigger keep_image_of_update")
        cursor.execute("create function public.short_lived() returns int language sql as 'select 1'")
        cursor.execute("drop function public.short_lived()")
        cursor.execute("create temp table nobody_is_told (a int)")

    kept = LedgerEntry.objects.filter(kind__startswith="ddl.").order_by("id")
    assert [(one.kind, one.about) for one in kept] == [
        ("ddl.alter_table", "table public.compliance_topic"),
        ("ddl.alter_table", "table public.compliance_topic"),
        ("ddl.create_function", "function public.short_lived()"),
        ("ddl.drop_function", "function public.short_lived()"),
    ]
    assert {one.actor for one in kept} == {"staff:7"}
