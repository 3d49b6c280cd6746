"""T-25 to T-28 and T-31: filing timers, section 21, the 24 hours, understanding, and the 26th retail recipient."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from compliance import promotions
from compliance.models import Client, ComprehensionTest, CoolingOff, Filing, LedgerEntry, PromotionBasis

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 23)


def faults(**more):
    asked = {"jurisdiction": "US", "topics": ["fund"], "recipients": 26, "new_member": False, "on": MONDAY}
    return [code for code, _ in promotions.faults("guide", **{**asked, **more})]


def filed(officer, on, category="investment_company"):
    return Filing.objects.create(
        campaign="guide", category=category, reference="FR-1", filed_on=on, first_use_on=on, approver="Ruth Calder",
        title="Principal", crd="1234567", approved_on=on, recorded_by=officer,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topics", "retail", "new", "when"),
    [
        (["fund"], True, False, "after"),
        (["fund"], False, False, "none"),
        (["isa"], True, True, "before"),
        (["fund_ranking", "fund"], True, False, "before"),
        (["security_futures"], True, False, "before"),
        (["budgeting"], True, False, "none"),
    ],
)
def test_t25_the_filing_paragraph_is_the_strictest_that_applies(topics, retail, new, when):
    assert promotions.filing_duty(topics, retail=retail, new_member=new).when == when


def test_t25_what_must_be_filed_before_use_waits_ten_business_days(officer):
    new = {"new_member": True, "topics": ["isa"]}
    assert faults(**new) == ["not_filed"]

    filed(officer, MONDAY - timedelta(days=13), "new_member")  # nine business days

    assert faults(**new) == ["not_filed"]
    assert faults(**new, on=MONDAY + timedelta(days=1)) == []
    assert faults(**new, on=MONDAY + timedelta(days=1), holidays={MONDAY}) == ["not_filed"]


def test_t25_what_may_be_filed_after_use_stops_when_it_was_not(officer):
    used = MONDAY - timedelta(days=14)  # ten business days
    assert faults(first_used_on=None) == []
    assert faults(first_used_on=used) == []
    assert faults(first_used_on=used - timedelta(days=3)) == ["not_filed"]

    filed(officer, MONDAY)

    assert faults(first_used_on=used - timedelta(days=3)) == []


@pytest.mark.parametrize("lacking", [{"approver": ""}, {"frn": "12"}, {"permission": ""}, {"approved_on": None}])
def test_t26_an_approved_promotion_names_approver_number_permission_and_day(officer, at, lacking):
    whole = {
        "campaign": "guide", "basis": "s21_approved", "approver": "Northgate Approvals Ltd", "frn": "123456",
        "permission": "cryptoassets", "approved_on": MONDAY, "recorded_by": officer, "recorded_at": at,
    }  # fmt: skip

    with pytest.raises(IntegrityError, match="names_its_approver"), transaction.atomic():
        PromotionBasis.objects.create(**{**whole, **lacking})

    assert not PromotionBasis.objects.exists()
    PromotionBasis.objects.create(**whole)
    said = promotions.shown_approver("guide")
    assert said == "Approved by Northgate Approvals Ltd (FRN 123456) on 23 November 2026."


def test_t26_a_restricted_investment_states_its_ground(officer, at):
    asked = {"jurisdiction": "UK", "topics": ["crypto"]}
    assert "no_basis" in faults(**asked)
    assert faults(jurisdiction="UK", topics=["isa"]) == []

    PromotionBasis.objects.create(campaign="guide", basis="own_authorised", recorded_by=officer, recorded_at=at)

    assert "no_basis" not in faults(**asked)


@pytest.fixture
def client(at):
    return Client.objects.create(user_id="u1", email="u1@mail.example", first_name="Ana", first_seen_at=at)


def test_t27_nothing_for_24_hours_then_the_client_is_asked(client, at):
    ids, day = np.array([client.pk]), timedelta(hours=24)
    assert promotions.cooled(ids, ["crypto"], at=at).tolist() == [False]
    promotions.start_cooling(client.pk, product="crypto", at=at)
    early, later = at + day - timedelta(seconds=1), at + day

    assert promotions.carry_on(client.pk, product="crypto", at=early) is False
    assert promotions.may_ask(client.pk, product="crypto", at=early) is False
    assert promotions.cooled(ids, ["crypto"], at=early).tolist() == [False]
    with pytest.raises(IntegrityError, match="within_24_hours"), transaction.atomic():
        CoolingOff.objects.update(continued_at=early)

    assert promotions.may_ask(client.pk, product="crypto", at=later) is True
    assert promotions.cooled(ids, ["crypto"], at=later).tolist() == [False]  # silence is no
    assert promotions.carry_on(client.pk, product="crypto", at=later) is True
    assert promotions.cooled(ids, ["crypto"], at=later).tolist() == [True]
    assert promotions.cooled(ids, ["crypto", "high_risk_investment"], at=later).tolist() == [False]
    kinds = LedgerEntry.objects.filter(about=f"client:{client.pk}", kind__startswith="cooling").order_by("id")
    assert [one.kind for one in kinds] == ["cooling_off.started", "cooling_off.continued"]


def test_t27_other_topics_need_no_cooling_off(client, at):
    assert promotions.cooled(np.array([client.pk]), ["isa"], at=at).tolist() == [True]


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True), ({"sample": 29}, False), ({"correct": 0.79}, False), ({"correct_vulnerable": 0.5}, False),
        ({"tested_on": MONDAY - timedelta(days=366)}, False), ({"tested_on": MONDAY + timedelta(days=1)}, False),
    ],
)  # fmt: skip
def test_t28_a_high_impact_promotion_was_understood_first(officer, changed, good):
    asked = {"jurisdiction": "UK", "topics": ["pension_access"]}
    assert faults(**asked) == ["not_understood"]
    assert faults(jurisdiction="UK", topics=["isa"]) == []
    kept = {"sample": 40, "correct": 0.9, "correct_vulnerable": 0.85, "tested_on": MONDAY} | changed

    ComprehensionTest.objects.create(campaign="guide", question="May it fall?", recorded_by=officer, **kept)

    assert faults(**asked) == ([] if good else ["not_understood"])


def test_t31_the_26th_recipient_makes_it_retail():
    asked = {"new_member": True, "topics": ["isa"]}

    assert faults(**asked, recipients=25) == []
    assert faults(**asked, recipients=26) == ["not_filed"]


def test_business_days_leave_out_weekends_and_holidays():
    from compliance import hours

    friday = date(2026, 12, 24)
    assert hours.business_days(friday, date(2026, 12, 29), holidays={date(2026, 12, 25), date(2026, 12, 28)}) == 1
    assert hours.business_days(friday, friday) == 0
    zone, at = "Europe/London", datetime(2026, 12, 24, 16, tzinfo=UTC)
    assert hours.add(at, 2, zone=zone, holidays={date(2026, 12, 25), date(2026, 12, 28)}).day == 29
    assert hours.between(at, datetime(2026, 12, 29, 10, tzinfo=UTC), zone=zone, holidays={date(2026, 12, 25)}) == 10
