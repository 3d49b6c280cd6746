"""T-50, T-51, T-53: the packet's communications hold what FINRA 2210(b)(4) and COBS 4.11 ask for, and run nowhere."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from campaigns import communications, exhibits
from campaigns.models import Message
from campaigns.sending import delivery
from compliance import packet
from compliance.models import Filing, PromotionBasis, Staff
from compliance.rights import retention
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


def test_t53_no_cell_of_a_csv_is_a_formula(sent: World) -> None:
    content = zipfile.ZipFile(io.BytesIO(made(packet.Scope(campaign="guide"))))

    header, row = csv.reader(io.StringIO(content.read("communications.csv").decode(), newline=""))

    assert dict(zip(header, row, strict=True))["s21_approver"] == "'=Approver Ltd"
    for start in ("=", "+", "-", "@", "\t", "\r"):
        assert packet.cell(f"{start}1+1") == f"'{start}1+1"
    assert [packet.cell(one) for one in ("1-1", -5, None, "")] == ["1-1", -5, None, ""]
