"""The whole ledger in a file: checked by a script on the standard library, which names what somebody did to it."""

import hashlib
import json
import subprocess
import sys
import zipfile

import pytest

from compliance import ledger, ledger_export
from tests.owner import as_owner
from tests.people import NOON
from tests.sealing import seal


@pytest.fixture
def exported(transactional_db, tmp_path):
    """Nine sealed entries in two checkpoints, as a folder."""
    from django.db import connection

    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "truncate compliance_ledgertile, compliance_ledgerleaf, compliance_checkpoint, compliance_ledgerentry"
        )
    for n in range(9):
        ledger.record("test.done", by="staff:1", at=NOON, about=f"x:{n}", facts={"n": n, "é": "–"})
        if n == 4:
            seal()
    seal()
    assert ledger_export.write(tmp_path / "ledger.zip") == 9
    with zipfile.ZipFile(tmp_path / "ledger.zip") as archive:
        archive.extractall(tmp_path / "ledger")
    return tmp_path / "ledger"


def checked(folder):
    """What the script in the folder says, run without anything of ours on its path."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py")], capture_output=True, text=True, check=False, cwd="/"
    )
    return done.returncode, done.stdout.strip() + done.stderr.strip()


def rewrite(folder, change):
    """Change the entries, and the manifest so that it fits: what a careful forger would do."""
    path = folder / "ledger" / "entries.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows = change(rows) or rows
    for place, row in enumerate(rows):
        row["leaf"] = place if row.pop("count_again", False) else row["leaf"]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    manifest = json.loads((folder / "manifest.json").read_text())
    for one in manifest["files"]:
        if one["path"] == "ledger/entries.jsonl":
            one["bytes"], one["sha256"] = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def digest_again(row):
    texts = [str(one).encode() for one in row["entry"]]
    row["digest"] = hashlib.sha256(b"".join(b"%d:%s" % (len(one), one) for one in texts)).hexdigest()


def altered(rows):
    rows[3]["entry"][4] = "staff:2"


def altered_with_its_digest(rows):
    altered(rows)
    digest_again(rows[3])


def removed(rows):
    return rows[:6] + rows[7:]


def moved(rows):
    rows[5], rows[6] = rows[6], rows[5]


def added(rows):
    forged = json.loads(json.dumps(rows[8]))
    forged["leaf"] = 9
    return [*rows, forged]


def test_a_sound_export_passes_anywhere(exported):
    assert checked(exported) == (0, "PASS 4 files")


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (altered, "was altered."),
        (altered_with_its_digest, "An entry from leaf 0 to 4 is not the one that was signed."),
        (removed, "Entry of leaf 6 was removed or moved"),
        (moved, "Entry of leaf 5 was removed or moved"),
        (added, "The last checkpoint covers 9 entries; 10 are here."),
    ],
)
def test_what_somebody_did_to_it_is_named(exported, attack, words):
    rewrite(exported, attack)

    code, said = checked(exported)

    assert code == 1
    assert words in said
