"""Files go in whole rows at a time, say what they refuse, and may be brought twice."""

import csv
import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from compliance.models import Client, ConsentEvent, ConsentState, LedgerEntry, Suppression
from personalize.importing.table import safe_cell
from personalize.models import Attribute, Declaration, Event

pytestmark = pytest.mark.django_db


def bring(name, path, **options):
    out = StringIO()
    call_command(f"import_{name}", str(path), stdout=out, stderr=StringIO(), **options)
    return out.getvalue().splitlines()[0]


def refused(name, path, **options):
    with pytest.raises(CommandError) as caught:
        bring(name, path, **options)
    return caught.value.returncode, str(caught.value)


def rejected(path):
    with path.with_name(path.name + ".rejected.csv").open(newline="") as stream:
        return list(csv.reader(stream))[1:]


CLIENTS = """user_id,email,first_name,jurisdiction,declared.risk_tolerance,declared.age,first_seen_at
u1,ADA@example.com,Ada,UK,cautious,41,2024-01-01
u2,bob@example.com,Bob,EU,,,
"""


def test_clients_come_with_what_they_declared_and_twice_is_once(tmp_path):
    path = tmp_path / "clients.csv"
    path.write_text(CLIENTS)

    assert bring("clients", path) == "2 rows: 2 are new or changed, 0 known already, 0 rejected."
    assert bring("clients", path) == "2 rows: 0 are new or changed, 2 known already, 0 rejected."

    ada = Client.objects.get(user_id="u1")
    assert (ada.email, ada.first_name, ada.first_seen_at.year) == ("ada@example.com", "Ada", 2024)
    assert dict(Declaration.objects.values_list("key", "value")) == {"risk_tolerance": "cautious", "age": 41}
    assert set(ada.attributes.values_list("key", "origin", "source")) == {
        (key, "declared", "import:clients.csv")
        for key in ("email", "first_name", "jurisdiction", "risk_tolerance", "age")
    }


def test_a_dry_run_counts_everything_and_writes_nothing(tmp_path):
    path = tmp_path / "clients.csv"
    path.write_text(CLIENTS)

    assert bring("clients", path, dry_run=True) == "2 rows: 2 would be new or changed, 0 known already, 0 rejected."
    assert (Client.objects.count(), Attribute.objects.count(), Declaration.objects.count()) == (0, 0, 0)
    assert not LedgerEntry.objects.filter(kind="clients.imported").exists()


def test_bad_rows_are_named_and_good_rows_are_kept(tmp_path):
    path = tmp_path / "clients.csv.gz"
    path.write_bytes(
        gzip.compress(
            b"user_id,email,timezone\n"
            b"u1,a@example.com,\n"
            b"u2,not an address,\n"
            b",b@example.com,\n"
            b"u4,c@example.com\n"
            b"u5,\xff@example.com,\n"
            b"u6,,Mars/Olympus\n"
            b"null,,\n"
            b'=cmd,"a""b@x\x00.example",\n'
        )
    )

    code, words = refused("clients", path)

    assert (code, words) == (1, f"Rejected rows with their reasons: {path}.rejected.csv")
    assert list(Client.objects.values_list("user_id", flat=True)) == ["u1"]
    assert rejected(path) == [
        ["3", "email", "cannot be used"],
        ["4", "user_id", "is missing"],
        ["5", "", "2 cells where the header has 3"],
        ["6", "", "a text contains half of a surrogate pair"],
        ["7", "timezone", "is not a known time zone"],
        ["8", "user_id", "names nobody"],
        ["9", "", "a text contains a NUL character"],
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("email\na@example.com\n", "The header lacks: user_id/userId"),
        ("user_id,emial\nu1,a@example.com\n", "The header does not know: emial"),
        ("user_id,email,email\nu1,a,b\n", "The header has twice: email"),
        ("", "is empty"),
    ],
)
def test_a_file_with_a_wrong_header_is_refused_whole(tmp_path, content, words):
    path = tmp_path / "clients.csv"
    path.write_text(content)

    code, said = refused("clients", path)

    assert code == 2
    assert words in said
    assert not Client.objects.exists()


def test_a_cut_gzip_or_missing_file_is_refused_whole(tmp_path):
    path = tmp_path / "clients.csv.gz"
    path.write_bytes(gzip.compress(CLIENTS.encode() * 100)[:-20])

    assert refused("clients", path)[0] == 2
    assert refused("clients", tmp_path / "nothing.csv")[0] == 2
    assert not Client.objects.exists()


def test_events_as_ndjson_and_csv(tmp_path):
    lines = tmp_path / "events.ndjson"
    lines.write_text(
        json.dumps({"type": "track", "userId": "u1", "event": "Seen", "timestamp": "2026-01-01T00:00:00Z"})
        + '\n{"type": "track", "userId": "u1", "timestamp": "2026-01-01T00:00:00Z"}\nnonsense\n'
    )
    table = tmp_path / "events.csv"
    table.write_text("user_id,event,timestamp,properties.amount\nu1,Paid,2026-01-02T00:00:00Z,12.5\n")

    assert refused("events", lines)[0] == 1
    assert rejected(lines) == [["2", "", "a track call needs an event"],
                               ["3", "", "not usable JSON: Expecting value: line 1 column 1 (char 0)"]]  # fmt: skip
    assert bring("events", table) == "1 rows: 1 are new or changed, 0 known already, 0 rejected."
    assert bring("events", table) == "1 rows: 0 are new or changed, 1 known already, 0 rejected."
    assert list(Event.objects.order_by("occurred_at").values_list("client__user_id", "name", "properties")) == [
        ("u1", "Seen", {}), ("u1", "Paid", {"amount": 12.5}),
    ]  # fmt: skip


def test_consents_count_only_with_their_wording_and_a_no_always(tmp_path):
    people = tmp_path / "clients.csv"
    people.write_text("user_id,email\nu1,a@example.com\nu2,b@example.com\n")
    bring("clients", people)
    path = tmp_path / "consents.csv"
    path.write_text(
        "user_id,purpose,channel,granted,occurred_at,wording_version\n"
        "u1,marketing,email,true,2026-01-01,portal-marketing-email-1\n"
        "u1,profiling,,true,2026-01-01,\n"
        "u2,marketing,email,no,2026-01-01,\n"
        "u3,marketing,email,yes,2026-01-01,\n"
        "u2,marketing,email,maybe,2026-01-01,\n"
        "u2,marketing,email,yes,2026-01-01,no-such-words\n"
        "u2,marketing,,yes,2026-01-01,\n"
        "u2,marketing,email,yes,2999-01-01,\n"
    )

    assert refused("consents", path)[0] == 1
    assert refused("consents", path)[0] == 1

    assert set(ConsentState.objects.values_list("client__user_id", "purpose", "channel", "state")) == {
        ("u1", "marketing", "email", "allowed"),
        ("u1", "profiling", "any", "pending"),
        ("u2", "marketing", "email", "denied"),
    }
    assert ConsentEvent.objects.count() == 3
    assert sorted((row, field) for row, field, _ in rejected(path)) == [
        ("5", "user_id"), ("6", "granted"), ("7", "wording_version"), ("8", "channel"), ("9", "occurred_at"),
    ]  # fmt: skip


def test_suppressions_are_kept_as_hashes_and_a_subscribed_contact_is_not_one(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "email,status,subscribed_at,source\nA@Example.com,unsubscribed,2026-01-01,old\n"
        "a@example.com,bounced,,\nb@example.com,subscribed,,\nnonsense,unsubscribed,,\n"
    )

    assert refused("suppressions", path)[0] == 1

    [kept] = Suppression.objects.all()
    assert (kept.channel, len(bytes(kept.contact_hmac))) == ("email", 32)
    assert [row[:2] for row in rejected(path)] == [["4", "status"], ["5", "email"]]


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r"])
def test_a_rejected_cell_is_never_a_formula(lead):
    assert safe_cell(f"{lead}1+1") == f"'{lead}1+1"
