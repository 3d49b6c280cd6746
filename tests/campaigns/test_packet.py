"""The packet: complete, the same bytes for the same state, and a stranger's Python finds what was altered."""

import hashlib
import io
import json
import random
import subprocess
import sys
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from campaigns import exhibits
from compliance import consent, merkle, packet, packet_check, packet_proofs, packet_schemas
from compliance.models import Client, Packet
from tests.sealing import seal

ENTRIES = "ledger/entries.jsonl"
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


def made(scope, *, most_apart=exhibits.APART, each_proven=packet.EACH_PROVEN):
    target = io.BytesIO()
    packet.write(target, scope, exhibits=exhibits.of(scope, most_apart=most_apart), each_proven=each_proven)
    return target.getvalue()


def unpacked(content, folder):
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


def restated(folder, name):
    """The manifest says of an altered file what it is now, as a forger would have it."""
    manifest, file = folder / "manifest.json", folder / name
    told = json.loads(manifest.read_text())
    for one in told["files"]:
        if one["path"] == name:
            one.update(bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    manifest.write_text(json.dumps(told))


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


def test_t51_a_large_packet_proves_its_entries_together(ann, tmp_path):
    scope = packet.Scope(client=ann.pk)
    together = made(scope, each_proven=0)

    assert made(scope, each_proven=0) == together
    alone = {one["entry"][0]: (one["entry"], one["digest"], one["leaf"]) for one in rows(made(scope), ENTRIES)}
    assert {one["entry"][0]: (one["entry"], one["digest"], one["leaf"]) for one in rows(together, ENTRIES)} == alone
    assert not any("proof" in one for one in rows(together, ENTRIES))
    folder = unpacked(together, tmp_path / "out")
    assert packet_check.faults(packet_check.Folder(str(folder))) == []

    for name in (ENTRIES, "ledger/nodes.jsonl"):
        folder = unpacked(together, tmp_path / name.replace("/", "-"))
        told = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        if name == ENTRIES:
            one = next(one for one in told if one["leaf"] is not None)
            one["entry"][4] = "staff:999"
            texts = [str(part).encode() for part in one["entry"]]
            one["digest"] = hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in texts)).hexdigest()
        else:
            told[0]["hash"] = "00" * 32
        (folder / name).write_text("".join(json.dumps(one) + "\n" for one in told))
        restated(folder, name)
        assert packet_check.faults(packet_check.Folder(str(folder))) == [
            "The ledger entries, taken together, are not those of the signed tree."
        ]


@given(size=st.integers(1, 700), seed=st.integers(0, 9))
def test_t51_the_parts_between_and_the_entries_make_the_root(size, seed):
    leaves = [merkle.leaf(b"%d" % one) for one in range(size)]
    chosen = sorted(random.Random(seed).sample(range(size), random.Random(seed).randint(1, size)))
    known = {
        (start, many): merkle.root(merkle.grow([], 0, leaves[start : start + many])[0]).hex()
        for start, many in packet_proofs.nodes(np.array(chosen), size)
    }

    root = packet_check._shared_root([(one, leaves[one]) for one in chosen], known, size)

    assert root == merkle.root(merkle.grow([], 0, leaves)[0])
    for kept in known:
        assert not any(kept[0] <= one < sum(kept) for one in chosen)


def test_t51_every_row_is_as_its_schema_says_and_a_misfit_is_named(ann, tmp_path):
    folder = unpacked(made(packet.Scope(client=ann.pk)), tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    tables = {one["path"] for one in manifest["files"] if one["path"].endswith((".jsonl", ".csv"))}
    assert tables <= set(manifest["schemas"])
    for where in manifest["schemas"].values():
        assert json.loads((folder / where).read_text())["$schema"] == packet_schemas.DRAFT

    name = "records/compliance.consentevent.jsonl"
    told = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    told[1]["occurred_at"] = 7
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in told))
    restated(folder, name)

    assert packet_check.faults(packet_check.Folder(str(folder))) == [
        f"{name} is not what schema/records.compliance.consentevent.json says: row 2: occurred_at is no string."
    ]
