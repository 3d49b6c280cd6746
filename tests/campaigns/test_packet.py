"""The packet: complete, the same bytes for the same state, and a stranger's Python finds what was altered."""

import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from campaigns import exhibits
from compliance import consent, packet, packet_check
from compliance.models import Client, Packet
from tests.sealing import seal

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def ann(transactional_db):
    person = Client.objects.create(user_id="u-1", email="ann@example.org", first_name="Ann", first_seen_at=NOON)
    Client.objects.create(user_id="u-2", email="ben@example.org", first_name="Ben", first_seen_at=NOON)
    asked = {"purpose": "marketing", "channel": "email", "surface": "portal", "mechanism": "button", "by": "client:1"}
    consent.grant(person.pk, **asked, wording="portal-marketing-email-1", at=NOON)
    consent.withdraw(person.pk, **asked, at=NOON)
    seal()
    return person


def made(scope):
    target = io.BytesIO()
    packet.write(target, scope, exhibits=exhibits.of(scope))
    return target.getvalue()


def rows(content, name):
    return [json.loads(line) for line in zipfile.ZipFile(io.BytesIO(content)).read(name).splitlines()]


def test_it_holds_the_client_and_nobody_else_and_is_the_same_twice(ann):
    content = made(packet.Scope(client=ann.pk))

    assert made(packet.Scope(client=ann.pk)) == content
    assert [one["email"] for one in rows(content, "records/compliance.client.jsonl")] == ["ann@example.org"]
    assert [one["action"] for one in rows(content, "records/compliance.consentevent.jsonl")] in (
        ["given", "withdrawn"],
        ["withdrawn", "given"],
    )
    kinds = [[*one["entry"][3:4], one["entry"][6].partition(":")[0]] for one in rows(content, "ledger/entries.jsonl")]
    assert ["row.insert", "compliance_consentevent"] in kinds
    everything = b"".join(
        zipfile.ZipFile(io.BytesIO(content)).read(name) for name in zipfile.ZipFile(io.BytesIO(content)).namelist()
    )
    assert b"ben@example.org" not in everything


def test_a_stranger_checks_it_with_the_standard_library_alone(ann, tmp_path):
    content = made(packet.Scope(client=ann.pk))
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "out")
    check = [sys.executable, "-I", "-S", str(tmp_path / "out" / "verify.py")]

    sound = subprocess.run(check, capture_output=True, text=True, check=False)

    assert (sound.returncode, sound.stdout[:4]) == (0, "PASS")
    entries = tmp_path / "out" / "ledger" / "entries.jsonl"
    entries.write_text(entries.read_text().replace("compliance_consentevent", "compliance_consentevenT", 1))
    altered = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (altered.returncode, altered.stdout) == (1, "FAIL ledger/entries.jsonl was altered.\n")


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("reviews.jsonl", None, "reviews.jsonl is missing."),
        ("extra.txt", b"x", "extra.txt was added."),
        ("README.html", b"<p>Nothing happened.</p>", "README.html was altered."),
    ],
)
def test_every_change_is_named(ann, tmp_path, path, change, words):
    folder = tmp_path / "out"
    zipfile.ZipFile(io.BytesIO(made(packet.Scope(client=ann.pk)))).extractall(folder)
    assert packet_check.faults(packet_check.Folder(str(folder))) == []

    (folder / path).unlink() if change is None else (folder / path).write_bytes(change)

    assert packet_check.faults(packet_check.Folder(str(folder))) == [words]


def test_a_forged_manifest_does_not_hide_a_forged_entry(ann, tmp_path):
    import hashlib

    folder = tmp_path / "out"
    zipfile.ZipFile(io.BytesIO(made(packet.Scope(client=ann.pk)))).extractall(folder)
    entries, manifest = folder / "ledger" / "entries.jsonl", folder / "manifest.json"
    forged = [json.loads(line) for line in entries.read_text().splitlines()]
    sealed = next(one for one in forged if one["leaf"] is not None)
    sealed["entry"][4] = "staff:999"
    texts = [str(one).encode() for one in sealed["entry"]]
    sealed["digest"] = hashlib.sha256(b"".join(b"%d:%s" % (len(one), one) for one in texts)).hexdigest()
    entries.write_text("".join(json.dumps(one) + "\n" for one in forged))
    told = json.loads(manifest.read_text())
    for one in told["files"]:
        if one["path"] == "ledger/entries.jsonl":
            one.update(bytes=entries.stat().st_size, sha256=hashlib.sha256(entries.read_bytes()).hexdigest())
    manifest.write_text(json.dumps(told))

    assert packet_check.faults(packet_check.Folder(str(folder))) == [
        f"Ledger entry {sealed['entry'][0]} is not in the signed tree."
    ]
    note = folder / "ledger" / "checkpoint.txt"
    assert packet_check.signature_fault(note.read_text(), told["ledger_key"]) == ""
    assert packet_check.signature_fault(note.read_text().replace("ledger\n", "ledger\n1", 1), told["ledger_key"]) != ""


def test_the_commands(ann, tmp_path, capsys):
    out = tmp_path / "ann.zip"

    call_command("packet", str(out), client="u-1")

    with pytest.raises(SystemExit) as done:
        call_command("verify", str(out))
    assert done.value.code == 0
    assert "PASS" in capsys.readouterr().out


def test_a_packet_needs_a_scope_and_a_reason(officer):
    for scope, reason in ((packet.Scope(), "exam"), (packet.Scope(client=1), " ")):
        with pytest.raises(packet.BadScope):
            packet.request(scope, reason=reason, by=officer, at=NOON)
    assert Packet.objects.count() == 0

    asked = packet.request(packet.Scope(client=1), reason="exam", by=officer, at=NOON)

    assert packet.Scope.read(asked.scope) == packet.Scope(client=1)
