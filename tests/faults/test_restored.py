"""A backup is worth what its restore gives: really dumped, really restored, looked through, and recorded."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from django.utils.timezone import now

from campaigns import runs
from campaigns.models import Message
from campaigns.sending import delivery
from compliance import anchors, bulk, fence, ledger, restores
from compliance.models import Checkpoint, Client, Erasure, LedgerEntry, Staff
from compliance.rights import erasure
from personalize.start import postgres
from tests.campaigns.sink import Sink, sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.test_work import gauges
from tests.campaigns.world import World, world
from tests.sealing import seal

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
__all__ = ["sink", "world"]
COPY = "restored_copy"


@dataclass(slots=True)
class Copy:
    """A restored database beside the one that it was dumped from, in the same server."""

    login: dict[str, Any]

    def run(self, *statements: str) -> None:
        """What its owner does to it, past every guard."""
        with psycopg.connect(_url(COPY), autocommit=True) as owner:
            for one in statements:
                owner.execute(one)

    def is_as_it_was(self) -> bool:
        """Whether the client who was erased since is still there: nothing was written in the copy."""
        with self.opened():
            return Client.objects.filter(email="ann-zyxw@mail.example").exists() and not Erasure.objects.exists()

    @contextmanager
    def opened(self) -> Iterator[None]:
        with bulk.connected_as(self.login):
            yield


def _url(database: str) -> str:
    at = connection.settings_dict
    return f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{database}"


def _tool(name: str, *args: object) -> None:
    done = subprocess.run(
        [str(postgres._find() / name), *map(str, args)], capture_output=True, text=True, check=False,
        env={**os.environ, "PGPASSWORD": connection.settings_dict["PASSWORD"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def copy(world: World, sink: Sink, settings: Any, tmp_path: Path) -> Iterator[Copy]:
    """A run under way is sealed, dumped and restored; then the firm goes on: a mail leaves, a client is erased."""
    cache.clear()  # a page keeps for a minute what it counted of runs
    settings.LEDGER_CHECKPOINTS = tmp_path / "far" / "checkpoints.txt"
    ann = world.client(1, email="ann-zyxw@mail.example")
    world.client(2)
    launched(world)
    seal()
    anchors.publish()
    file, here = tmp_path / "backup", connection.settings_dict["NAME"]
    _tool("pg_dump", "--format=custom", f"--file={file}", f"--dbname={_url(here)}")
    with psycopg.connect(_url("postgres"), autocommit=True) as owner:
        owner.execute(f"drop database if exists {COPY}")
        owner.execute(f"create database {COPY}")
    _tool("pg_restore", "--exit-on-error", f"--dbname={_url(COPY)}", file)
    assert delivery.send(limit=9, at=world.at).sent == 2
    erasure.erase(ann.pk, why="They asked for it.", by=world.editor, at=world.at)
    seal()
    anchors.publish()
    settings.RESTORED_DATABASE = {**connection.settings_dict, "NAME": COPY}
    yield Copy(settings.RESTORED_DATABASE)
    with psycopg.connect(_url("postgres"), autocommit=True) as owner:
        owner.execute(f"drop database {COPY} with (force)")


def verified(by: Staff) -> str:
    said = StringIO()
    call_command("verify_restore", "--by", by.username, stdout=said)
    return said.getvalue()


def refused(by: Staff) -> str:
    """Why it was not verified; nothing is recorded but that."""
    with pytest.raises(CommandError) as why:
        verified(by)
    assert why.value.returncode == 1
    assert restores.last() is None
    return str(why.value)


def test_a_restored_backup_is_proven_and_recorded_with_its_age(copy: Copy, officer: Staff, client: Browser) -> None:
    assert gauges(client)["personalize_restored_seconds"] == -1
    assert gauges(client)["personalize_restore_overdue"] == 1
    assert client.get("/readyz").json()["backup"] == restores.NEVER
    with copy.opened():
        entries, newest = LedgerEntry.objects.count(), LedgerEntry.objects.latest("id").recorded_at
        size = Checkpoint.objects.latest("size").size

    said = verified(officer)

    assert f"PASS {entries:,} ledger entries, 1 runs that add up, 1 deeds of the erasure log repeated" in said
    found = restores.last()
    assert found is not None
    assert (found.actor, found.about) == (f"staff:{officer.pk}", "backup")
    assert found.facts == {
        "backup_at": newest.isoformat(), "entries": entries, "size": size, "runs": 1, "erased": 1,
    }  # fmt: skip
    assert copy.is_as_it_was()
    assert fence.state().is_armed
    told = gauges(client)
    assert 0 <= told["personalize_restored_seconds"] < 60
    assert (told["personalize_restore_overdue"], client.get("/readyz").json()["backup"]) == (0, "ok")
    client.force_login(officer)
    for path in ("/compliance/", "/compliance/sending/"):
        assert "Prove that a backup can be restored" not in client.get(path).content.decode()
    assert restores.overdue(at=now() + timedelta(days=40)).startswith("The last verified restore of a backup was 40")


def test_until_then_the_officers_pages_ask_for_it(copy: Copy, officer: Staff, client: Browser) -> None:
    client.force_login(officer)

    pages = [client.get(path).content.decode() for path in ("/compliance/", "/compliance/sending/")]

    assert ["Prove that a backup can be restored" in one for one in pages] == [True, True]


def test_a_copy_with_one_altered_entry_is_not_verified(copy: Copy, officer: Staff) -> None:
    with copy.opened():
        entry = LedgerEntry.objects.filter(kind="campaign.drafted").get().pk
    copy.run(
        "alter table compliance_ledgerentry disable trigger all",
        f"update compliance_ledgerentry set actor = 'staff:999' where id = {entry}",
        "alter table compliance_ledgerentry enable trigger all",
    )

    assert f"Entry {entry} (leaf" in refused(officer)
    told = LedgerEntry.objects.get(kind=restores.REFUSED)
    assert (told.actor, "was altered." in told.facts["faults"][0]) == (f"staff:{officer.pk}", True)


def test_a_copy_whose_numbers_do_not_add_up_is_not_verified(copy: Copy, officer: Staff) -> None:
    with copy.opened():
        run = Message.objects.values_list("run", flat=True).first()
    copy.run(
        "alter table campaigns_message disable trigger all",  # no ledger entry: as a restore loses a row
        "delete from campaigns_message where id = (select min(id::text)::uuid from campaigns_message)",
        "alter table campaigns_message enable trigger all",
    )

    assert f"The numbers of run {run} do not add up." in refused(officer)


@pytest.mark.parametrize("lost", ["compliance_consentevent", "compliance_client", "campaigns_message"])
def test_a_copy_that_lacks_what_its_ledger_tells_of_is_not_verified(copy: Copy, officer: Staff, lost: str) -> None:
    also = "delete from campaigns_run" if lost == "campaigns_message" else "select"  # then no run's numbers are wrong
    copy.run(
        "set session_replication_role = replica",  # in which nothing is recorded, nor followed to other tables
        f"alter table {lost} disable trigger all; alter table campaigns_run disable trigger all",
        f"delete from {lost}; {also}",
        f"alter table {lost} enable trigger all; alter table campaigns_run enable trigger all",
    )

    assert f"{lost} has 0 rows, its images in the ledger tell of" in refused(officer)


def test_an_old_backup_proves_nothing_of_todays(copy: Copy, officer: Staff, settings: Any) -> None:
    days = settings.RESTORE_DAYS
    settings.RESTORE_DAYS = -1

    assert "days old: it proves nothing of the backups of today" in refused(officer)

    settings.RESTORE_DAYS = days
    assert verified(officer).startswith("PASS")


def test_a_copy_of_something_else_is_not_verified(copy: Copy, officer: Staff, settings: Any) -> None:
    with copy.opened():
        ledger.record("test.done", by="system:test", at=now(), about="x", facts={})
        seal()

    assert "This installation never signed its newest checkpoint" in refused(officer)
    settings.RESTORED_DATABASE = {**connection.settings_dict}
    assert "This is the live database itself" in refused(officer)


def test_a_copy_of_another_version_is_not_verified(copy: Copy, officer: Staff) -> None:
    copy.run("insert into django_migrations (app, name, applied) values ('campaigns', '9999_later', now())")

    assert "of a newer version (campaigns 9999_later)" in refused(officer)


def test_a_copy_that_would_send_is_not_verified(copy: Copy, officer: Staff, settings: Any) -> None:
    settings.LEDGER_CHECKPOINTS.unlink()
    lines = settings.FENCE.read_text().splitlines()
    settings.FENCE.write_text("\n".join(lines[:2]) + "\n")  # as files were before they named the database

    assert "Its fence stands open" in refused(officer)

    settings.FENCE.write_text("\n".join(lines) + "\n")
    assert verified(officer).startswith("PASS")


@pytest.mark.parametrize("what", ["checkpoints", "database"])
def test_a_copy_is_fenced_off_with_the_very_files_of_the_firm(copy: Copy, settings: Any, what: str, sink: Sink) -> None:
    """It knows the same server and epoch: it is another database there, or older than what was signed."""
    sent = len(sink.mails)
    if what == "checkpoints":
        lines = settings.FENCE.read_text().splitlines()
        settings.FENCE.write_text("\n".join(lines[:2]) + "\n")
    else:
        settings.LEDGER_CHECKPOINTS.unlink()
    settings.ERASURES.rename(settings.ERASURES.with_suffix(".away"))  # which would stop it as well

    with copy.opened():
        assert fence.state().why == (fence.OLDER if what == "checkpoints" else fence.OTHER)
        assert Message.objects.filter(state="pending").count() == 2
        assert delivery.send(limit=9, at=now()).total == 0

    assert len(sink.mails) == sent
    assert fence.state().is_armed
    assert runs.counts(Message.objects.values_list("run", flat=True)[0]).sent == 2


def test_nobody_and_nothing_named_is_refused(copy: Copy, officer: Staff, settings: Any) -> None:
    for wrong in ("by", "copy", "server"):
        if wrong == "copy":
            settings.RESTORED_DATABASE = None
        elif wrong == "server":
            settings.RESTORED_DATABASE = {**connection.settings_dict, "NAME": "no_such_database"}
        with pytest.raises(CommandError) as why:
            call_command("verify_restore", "--by", "nobody" if wrong == "by" else officer.username)
        assert why.value.returncode == 2
    assert not LedgerEntry.objects.filter(about=restores.ABOUT).exists()
