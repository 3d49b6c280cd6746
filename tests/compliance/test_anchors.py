"""What leaves the machine, and what it reveals: proofs of one entry, checkpoints in a file and by mail, old keys."""

import base64

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.db import connection

from compliance import anchors, ledger, notes, tree
from compliance.models import Checkpoint, LedgerEntry, LedgerTile
from tests.owner import as_owner
from tests.people import NOON
from tests.sealing import seal


def sql(text, *params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)


def told(many, start=0):
    for n in range(start, start + many):
        ledger.record("test.done", by="staff:1", at=NOON, about=f"x:{n}", facts={"n": n})


@pytest.fixture
def empty(transactional_db):
    with as_owner():
        sql("truncate compliance_ledgertile, compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry")


@pytest.fixture
def file(settings, tmp_path):
    settings.LEDGER_CHECKPOINTS = tmp_path / "far" / "checkpoints.txt"
    return settings.LEDGER_CHECKPOINTS


@pytest.fixture
def new_key(settings):
    """Change the ledger's key, as a firm does; gives the old verifier key."""
    old = notes.verifier()
    notes._private.cache_clear()
    settings.LEDGER_KEY = "another key"
    yield old
    notes._private.cache_clear()


def test_a_proof_stands_alone_and_fits_no_other_entry(empty, django_assert_max_num_queries):
    told(600)
    seal()
    told(3, start=600)
    head = seal()

    entries = list(LedgerEntry.objects.select_related("leaf").order_by("leaf__index"))
    proofs = [tree.proof(one) for one in (entries[0], entries[255], entries[256], entries[602])]

    assert head.size == 603
    assert list(LedgerTile.objects.values_list("level", "index")) == [(1, 0), (1, 1)]
    assert all(tree.is_proven(one) for one in proofs)
    assert proofs[0].endswith(f"\n\n{head.note}")
    lines = proofs[0].splitlines()
    other = base64.b64encode(b"other").decode()
    assert not tree.is_proven("\n".join([lines[0], f"extra {other}", *lines[2:]]) + "\n")
    assert not tree.is_proven(proofs[0].replace("index 0", "index 1"))
    assert not tree.is_proven(proofs[0].replace("\n603\n", "\n604\n"))
    with django_assert_max_num_queries(8):
        tree.proof(entries[300])
    told(1)
    with pytest.raises(tree.Unsealed):
        tree.proof(LedgerEntry.objects.latest("id"))


def test_every_checkpoint_goes_to_the_file_once_and_after_a_pause(empty, file, settings):
    told(2)
    seal()
    anchors.publish()
    settings.LEDGER_CHECKPOINTS = None
    told(1)
    seal()
    settings.LEDGER_CHECKPOINTS = file
    told(1)
    seal()
    anchors.publish()
    anchors.publish()

    kept = list(anchors.outside())
    assert kept == list(Checkpoint.objects.order_by("size").values_list("note", flat=True))
    assert anchors.last_outside() == 4
    assert ledger.verify(outside=kept).sound


def test_a_ledger_rewritten_with_its_own_key_is_revealed_by_the_file(empty, file):
    told(4)
    seal()
    anchors.publish()
    with as_owner():
        sql("truncate compliance_ledgertile, compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry")
    told(3)
    told(1, start=99)
    seal()

    verdict = ledger.verify(outside=anchors.outside())

    assert ledger.verify().sound
    assert verdict.fault == "The tree of 4 entries is not the one that the outside checkpoint states."
    with pytest.raises(ledger.Inconsistent, match="restored from an older copy, or rewritten"):
        anchors.advance(at=NOON)


def test_a_database_restored_from_an_older_copy_signs_no_second_story(empty, file):
    told(2)
    seal()
    told(2)
    seal()
    anchors.publish()
    older, newer = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))[-2:]
    with as_owner():
        for table in ("checkpoint", "ledgerleaf"):
            sql(f"alter table compliance_{table} disable trigger user")
        sql(f"delete from compliance_checkpoint where size = {newer}")
        sql(f"delete from compliance_ledgerleaf where index >= {older}")
        sql("alter table compliance_checkpoint enable always trigger only_added_to")
        sql("alter table compliance_ledgerleaf enable always trigger only_added_to")

    with pytest.raises(ledger.Inconsistent):
        anchors.advance(at=NOON)

    assert not Checkpoint.objects.filter(size__gt=older).exists()
    assert f"An outside checkpoint covers {newer} entries" in ledger.verify(outside=anchors.outside()).fault


def test_nothing_is_signed_on_top_of_a_tree_that_was_not_signed(empty):
    told(2)
    seal()  # by as many heads as the other transactions of this server let through
    signed = Checkpoint.objects.count()
    told(1)
    with as_owner():
        sql("alter table compliance_ledgerleaf disable trigger user")
        sql("delete from compliance_ledgerleaf where index = 1")
        sql("alter table compliance_ledgerleaf enable always trigger only_added_to")

    with pytest.raises(ledger.Inconsistent, match="The tree has 1 leaves, its signed head 2"):
        ledger.seal(at=NOON)

    assert Checkpoint.objects.count() == signed


def test_a_key_is_changed_and_what_the_old_one_signed_still_verifies(empty, settings, request):
    told(2)
    seal()
    old = request.getfixturevalue("new_key")
    told(1)

    with pytest.raises(ledger.Inconsistent):
        ledger.seal(at=NOON)
    settings.LEDGER_OLD_KEYS = [old]
    seal()

    assert ledger.verify() == ledger.Verdict(3, 0, "")
    settings.LEDGER_OLD_KEYS = []
    assert ledger.verify().fault.endswith(" entries is not signed with this ledger's key.")


def test_the_newest_checkpoint_is_mailed_once(empty, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    told(2)
    seal()
    silent = anchors.mail_newest(at=NOON)
    settings.LEDGER_MAIL_TO = ["head@example.org", "auditor@example.org"]

    assert (silent, anchors.mail_newest(at=NOON), anchors.mail_newest(at=NOON)) == (False, True, False)
    assert [one.to for one in mail.outbox] == [["head@example.org", "auditor@example.org"]]
    assert Checkpoint.objects.latest("size").note in mail.outbox[0].body  # the tree may have been signed in two steps
    assert LedgerEntry.objects.get(kind="checkpoint.mailed").facts == {"size": 2, "to": 2}


def test_a_deployment_that_signs_with_the_secret_key_is_refused(settings):
    settings.LEDGER_KEY = settings.SECRET_KEY
    found = {one.id for one in run_checks(include_deployment_checks=True)}
    settings.LEDGER_KEY = "a key of its own"

    assert "compliance.E006" in found
    assert "compliance.E006" not in {one.id for one in run_checks(include_deployment_checks=True)}
