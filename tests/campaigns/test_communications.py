"""T-50, T-51, T-53: the packet's communications hold what FINRA 2210(b)(4) and COBS 4.11 ask for, and run nowhere."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from campaigns import attachments, communications, exhibits
from campaigns.bulk import outcomes
from campaigns.models import Interaction, Message
from campaigns.sending import delivery
from compliance import certificates, groups, packet, packet_check
from compliance.groups import Membership
from compliance.models import Client, Filing, PromotionBasis, Staff
from compliance.rights import retention
from personalize.models import Artefact
from tests.campaigns.sink import Sink
from tests.campaigns.test_delivery import launched
from tests.campaigns.world import World


def made(scope: packet.Scope) -> bytes:
    target = io.BytesIO()
    packet.write(target, scope, exhibits=exhibits.of(scope))
    return target.getvalue()


@pytest.fixture
def sent(world: World, sink: Sink, officer: Staff) -> World:
    """A campaign that went to one client, with basis, filing and product."""
    world.client(1)
    launched(world)
    assert delivery.send(limit=9, at=world.at).sent == 1
    day = world.at.date()
    PromotionBasis.objects.create(
        campaign="guide", basis="s21_approved", approver="=Approver Ltd", frn="123456", permission="all",
        approved_on=day, recorded_by=officer, recorded_at=world.at,
    )  # fmt: skip
    Filing.objects.create(
        campaign="guide", category="fund", reference="FR2026-11", filed_on=day, first_use_on=day, approver="A. Person",
        title="Principal", crd="7654321", approved_on=day, recorded_by=officer,
    )  # fmt: skip
    retention.state_product("guide", "mifid", by=officer, at=world.at)
    return world


def test_t50_every_field_that_the_rules_ask_for_is_there(sent: World) -> None:
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide"))))

    (row,) = [json.loads(line) for line in content.read("communications.jsonl").splitlines()]

    at = sent.at.isoformat()
    assert (row["campaign"], row["class"], row["markets"], row["product"]) == ("guide", "correspondence", "UK", "mifid")
    went = Message.objects.get().sent_at.isoformat()
    assert (row["first_used_at"], row["last_used_at"], row["recipients"]) == (went, went, 1)
    assert (row["approved_by"], row["approved_at"]) == ("editor", at)
    assert row["competence"] == "editor (*): Examined 2026."
    assert row["prepared_by"] == "marketer"
    assert (row["basis"], row["s21_approver"], row["s21_frn"]) == ("s21_approved", "=Approver Ltd", "123456")
    assert (row["filing"], row["filing_approver"], row["filing_crd"]) == (
        "FR2026-11",
        "A. Person, Principal",
        "7654321",
    )
    words = json.loads(content.read(row["copy"]))
    assert (words["digest"], words["subject"]) == (row["text"], row["subject"])
    assert "Here is" in words["text"]


def test_t50_the_sources_of_what_it_claims_are_told() -> None:
    claims = [[{"text": "Rated best", "evidence": "Survey 2026, p. 3", "as_of": "2026-01-01"}], []]

    assert communications.sources_of(claims) == ["Rated best: Survey 2026, p. 3"]


def test_t51_client_campaign_and_period_verify_with_plain_python_and_are_the_same_twice(
    sent: World, tmp_path: Path
) -> None:
    day = sent.at.date()
    person = Message.objects.get().client_id
    for scope in (packet.Scope(client=person), packet.Scope(campaign="guide"), packet.Scope(start=day, end=day)):
        content = made(scope)
        assert made(scope) == content
        folder = tmp_path / str(abs(hash(scope)))
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
        check = [sys.executable, "-I", "-S", str(folder / "verify.py")]
        told = subprocess.run(check, capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout[:4]) == (0, "PASS")
        assert (folder / "communications.csv").read_text().count("\n") == 2


def test_t51_claims_approvals_certificates_and_receipts_are_files_of_their_own(
    world: World, sink: Sink, officer: Staff, tmp_path: Path
) -> None:
    """Each claim with its evidence and who approved it; each yes of the client with what followed."""
    claim = {"text": "Rated best", "evidence": "=Survey 2026, p. 3", "as_of": "2026-01-01", "until": "2027-01-01"}
    world.block("rated", slot="body", body="Here is how your plan works.", claims=[claim])
    world.block("risk", slot="disclosure", body="Investments can fall as well as rise. Your capital is at risk.")
    world.approve()
    person, day = world.client(1), world.at.date()
    launched(world, parts=(("hello", True), ("rated", True), ("risk", True), ("read", True)))
    assert delivery.send(limit=9, at=world.at).sent == 1
    world.withdraw(person, at=world.at + timedelta(hours=1))
    certificates.record(
        person.pk, "sophisticated", signed_on=day, until=day + timedelta(days=30), evidence="File 7", by=officer,
        at=world.at,
    )  # fmt: skip
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(client=person.pk))))

    def rows(name: str) -> list[dict]:
        return [json.loads(line) for line in content.read(name).splitlines()]

    (told,) = rows("claims/claims.jsonl")
    message = Message.objects.select_related("variant").get()
    assert {name: told[name] for name in ("claim", "evidence", "as_of", "until", "block", "texts")} == {
        "claim": "Rated best", "evidence": "=Survey 2026, p. 3", "as_of": "2026-01-01", "until": "2027-01-01",
        "block": "rated", "texts": [message.variant.digest],
    }  # fmt: skip
    assert [one["by"] for one in told["approvals"]] == ["editor"]
    approvals = list(csv.DictReader(io.StringIO(content.read("approvals.csv").decode(), newline="")))
    assert {(one["by"], one["role"], one["competence"]) for one in approvals if one["kind"] == "block"} == {
        ("editor", "editor", "*: Examined 2026.")
    }
    (certificate,) = rows("certificates.jsonl")
    assert (certificate["kind"], certificate["recorded_by"], certificate["ended_on"]) == (
        "sophisticated", "officer", None,
    )  # fmt: skip
    (receipt,) = rows("consent/receipts.jsonl")
    assert receipt["record_metadata"]["record_id"] == str(message.consent)
    assert receipt["record_metadata"]["pii_principal_id"] == str(person.ref)
    notice, (purpose,) = receipt["pii_processing"]["privacy_notice"], receipt["pii_processing"]["purposes"]
    assert notice["version"] == "portal-marketing-email-1"
    assert (purpose["purpose"], purpose["channel"], purpose["lawful_basis"]) == ("marketing", "email", "consent")
    assert [one["event_state"] for one in receipt["events"]] == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]
    assert "consent/receipts.jsonl" not in zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide")))).namelist()

    for name, was, becomes in (
        ("consent/receipts.jsonl", '"event_state"', '"state"'),
        ("claims/claims.jsonl", '"evidence"', '"proof"'),
        ("certificates.jsonl", '"until"', '"end"'),
    ):
        assert packet_check.faults(packet_check.Zip(str(_with(content, tmp_path / "same.zip", {})))) == []
        changed = content.read(name).decode().replace(was, becomes).encode()
        (fault,) = packet_check.faults(packet_check.Zip(str(_with(content, tmp_path / "bad.zip", {name: changed}))))
        assert fault.startswith(f"{name} is not what schema/")


def _with(content: zipfile.ZipFile, path: Path, changed: dict[str, bytes]) -> Path:
    """The packet with other bytes in some files, and a manifest that says so: only what they mean can be wrong."""
    manifest = json.loads(content.read("manifest.json"))
    for one in manifest["files"]:
        if (other := changed.get(one["path"])) is not None:
            one |= {"sha256": hashlib.sha256(other).hexdigest(), "bytes": len(other)}
    with zipfile.ZipFile(path, "w") as archive:
        for name in content.namelist():
            if name == "manifest.json":
                continue
            archive.writestr(name, changed.get(name, content.read(name)))
        archive.writestr("manifest.json", json.dumps(manifest))
    return path


def test_t53_no_cell_of_a_csv_is_a_formula(sent: World) -> None:
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide"))))

    header, row = csv.reader(io.StringIO(content.read("communications.csv").decode(), newline=""))

    assert dict(zip(header, row, strict=True))["s21_approver"] == "'=Approver Ltd"
    for start in ("=", "+", "-", "@", "\t", "\r"):
        assert packet.cell(f"{start}1+1") == f"'{start}1+1"
    assert [packet.cell(one) for one in ("1-1", -5, None, "")] == ["1-1", -5, None, ""]


def test_t51_many_messages_share_a_file_and_each_can_be_taken_out(sent: World, tmp_path: Path) -> None:
    scope, message = packet.Scope(campaign="guide"), Message.objects.get()
    target = io.BytesIO()
    packet.write(target, scope, exhibits=exhibits.of(scope, most_apart=0))
    alone, together = zipfile.ZipFile(io.BytesIO(made(scope))), zipfile.ZipFile(target)
    digest = bytes(message.mime_sha256 or b"").hex()
    mail = alone.read(f"rendered/{digest}.eml")
    together.extractall(tmp_path)
    check = [sys.executable, "-I", "-S", str(tmp_path / "verify.py")]

    (row,) = [json.loads(line) for line in together.read("messages.jsonl").splitlines()]
    out = subprocess.run([*check, "message", str(message.pk)], capture_output=True, check=False)

    assert (row["file"], row["at"], row["bytes"], row["sha256"]) == ("rendered/00001.txt", 0, len(mail), digest)
    assert (out.returncode, out.stdout) == (0, mail)
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    assert b"verify.py message" in together.read("README.html")
    nobody = subprocess.run([*check, "message", "7"], capture_output=True, check=False)
    assert (nobody.returncode, nobody.stdout) == (1, b"There is no such message.\n")


def test_t51_outcomes_are_told_by_side_market_and_group(sent: World, officer: Staff) -> None:
    message = Message.objects.get()
    Interaction.objects.create(
        message=message, kind="open", is_human=True, actor_class="human", at=sent.at + timedelta(hours=1)
    )
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide"))))

    found = list(csv.DictReader(io.StringIO(content.read("outcomes.csv").decode(), newline="")))

    counts = {"clients": "1", "sent": "1", "opened": "1", "clicked": "0", "unsubscribed": "0", "complained": "0",
              "bounced": "0", "reached": "0"}  # fmt: skip
    assert found == [
        {"campaign": "guide", "side": "Personalised", "group": group, **counts}
        for group in ("everybody", "market: United Kingdom")
    ]


def test_t51_groups_are_counted_only_among_many(at: datetime) -> None:
    people = [Client.objects.create(user_id=f"g{one}", first_seen_at=at) for one in range(120)]
    sexes = [(one.pk, "f" if number % 2 else "m") for number, one in enumerate(people)]
    groups.put([Membership(one, "sex", sex, 1.0, "audit", None) for one, sex in sexes], source="audit", at=at)
    seen = np.zeros(120, outcomes.ROW)
    seen["client"], seen["opened"] = [one.pk for one in people], True

    assert list(attachments._by_group(seen[:99])) == []
    told = list(attachments._by_group(seen))
    assert [(one["group"], one["clients"], one["opened"], one["clicked"]) for one in told] == [
        ("sex: f", 60, 60, 0), ("sex: m", 60, 60, 0),
    ]  # fmt: skip


def test_t51_no_count_of_a_group_leads_to_few(at: datetime) -> None:
    people = [Client.objects.create(user_id=f"g{one}", first_seen_at=at) for one in range(200)]
    sexes = [(one.pk, "f" if number % 2 else "m") for number, one in enumerate(people)]
    groups.put([Membership(one, "sex", sex, 1.0, "audit", None) for one, sex in sexes], source="audit", at=at)
    seen = np.zeros(200, outcomes.ROW)
    seen["client"], seen["opened"] = [one.pk for one in people], True
    seen["complained"][1] = True  # who it was stands in messages.jsonl
    seen["clicked"][40:120] = True  # forty of each
    seen["unsubscribed"][1::2] = True  # all of one group, nobody of the other

    told = [(one["opened"], one["clicked"], one["complained"], one["unsubscribed"], one["bounced"])
            for one in attachments._by_group(seen)]  # fmt: skip

    assert told == [(100, 40, "", "", 0)] * 2


def test_t51_the_words_before_and_the_models_that_chose_are_there(sent: World, officer: Staff, tmp_path: Path) -> None:
    model = Artefact.objects.create(
        use_case="onboarding", version=1, method="linear", feature_version=1, body="{}", sha256="ab" * 32,
        card={"purpose": "To choose.", "data": {"from": "2026", "rows": 9}}, trained_by="system:t", trained_at=sent.at,
        owner=officer,
    )  # fmt: skip
    Message.objects.update(artefact=model)
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide"))))

    told = json.loads(content.read(f"models/{model.sha256}/card.json"))
    card = content.read(f"models/{model.sha256}/card.md").decode()
    blocks = [json.loads(content.read(one)) for one in content.namelist() if one.startswith("blocks/")]

    content.extractall(tmp_path)
    assert packet_check.faults(packet_check.Folder(str(tmp_path))) == []
    assert (told["owner"], told["validator"], told["card"]) == ("officer", None, model.card)
    assert "Owner: officer. Validated by nobody" in card
    assert "* data\n  * from: 2026\n  * rows: 9\n* purpose: To choose." in card
    assert {one["author"] for one in blocks} == {"marketer"}
    assert {one["digest"] for one in blocks} == set(Message.objects.get().variant.blocks)  # type: ignore[union-attr]
