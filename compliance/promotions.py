"""What must stand beside approved words before a promotion goes out, and who may not be sent it yet."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import transaction

from compliance import hours, ledger
from compliance.models import Basis, ComprehensionTest, CoolingOff, Filing, PromotionBasis

COOL = timedelta(hours=24)  # COBS 4.12A.18R
RESTRICTED = frozenset({"crypto", "high_risk_investment"})  # first-time direct offers wait (COBS 4.12A)
HIGH_IMPACT = RESTRICTED | {"non_mass_market", "leverage_cfd", "equity_release", "pension_access"}
UNDERSTOOD, LEAST_SAMPLE, TEST_LASTS = 0.8, 30, timedelta(days=365)
RETAIL_ABOVE, RETAIL_DAYS = 25, timedelta(days=30)  # FINRA 2210(a)(5)
BEFORE, AFTER, NONE = "before", "after", "none"
DAYS = 10  # business days


@dataclass(frozen=True, slots=True)
class Duty:
    """When a communication must be filed: "before" first use, "after" it, or "none"; within DAYS business days."""

    when: str
    category: str
    source: str


def filing_duty(topics: Collection[str], *, retail: bool, new_member: bool) -> Duty:
    """Which paragraph of FINRA 2210(c) a communication falls under; the strictest that applies."""
    if not retail:
        return Duty(NONE, "", "2210(c) concerns retail communications")
    if new_member:
        return Duty(BEFORE, "new_member", "2210(c)(1)(A)")
    if "security_futures" in topics or "fund_ranking" in topics:
        return Duty(BEFORE, "ranking_or_futures", "2210(c)(2)")
    if {"fund", "bond_fund", "structured_product", "dpp", "cmo"} & set(topics):
        return Duty(AFTER, "investment_company", "2210(c)(3)")
    return Duty(NONE, "", "2210(c)(7)")


def is_retail(recipients: int) -> bool:
    """Whether so many distinct retail investors in any 30 days make it a retail communication (FINRA 2210(a)(5))."""
    return recipients > RETAIL_ABOVE


def faults(
    campaign: str, *, jurisdiction: str, topics: Collection[str], recipients: int, new_member: bool, on: date,
    first_used_on: date | None = None, holidays: Collection[date] = frozenset(),
) -> list[tuple[str, str]]:  # fmt: skip
    """What is missing beside the words, as (code, sentence); empty when the promotion may go out on that day."""
    out = []
    if jurisdiction == "US":
        retail = is_retail(recipients)
        duty = filing_duty(topics, retail=retail, new_member=new_member)
        if fault := _filing_fault(campaign, duty, on=on, first_used_on=first_used_on, holidays=holidays):
            out.append(("not_filed", fault))
    if jurisdiction == "UK" and (fault := _basis_fault(campaign, topics)):
        out.append(("no_basis", fault))
    if jurisdiction == "UK" and set(topics) & HIGH_IMPACT and (fault := _understanding_fault(campaign, on=on)):
        out.append(("not_understood", fault))
    return out


def _filing_fault(
    campaign: str, duty: Duty, *, on: date, first_used_on: date | None, holidays: Collection[date]
) -> str:
    if duty.when == NONE:
        return ""
    filed = Filing.objects.filter(campaign=campaign, category=duty.category).order_by("filed_on").first()
    if duty.when == BEFORE:
        if filed is None or hours.business_days(filed.filed_on, on, holidays=holidays) < DAYS:
            return f"It must be filed {DAYS} business days before its first use ({duty.source})."
        return ""
    if filed is None and first_used_on and hours.business_days(first_used_on, on, holidays=holidays) > DAYS:
        return f"It had to be filed within {DAYS} business days of its first use on {first_used_on} ({duty.source})."
    return ""


def _basis_fault(campaign: str, topics: Collection[str]) -> str:
    """Our own authorisation needs no record; a restricted investment names its ground."""
    kept = PromotionBasis.objects.filter(campaign=campaign).first()
    if kept is None and set(topics) & RESTRICTED:
        return "Say on what ground this promotes a restricted investment: our permission, an approver, or an exemption."
    return ""


def shown_approver(campaign: str) -> str:
    """What the text must say of who approved it under section 21; empty where it is our own."""
    kept = PromotionBasis.objects.filter(campaign=campaign, basis=Basis.APPROVED).first()
    if kept is None or kept.approved_on is None:
        return ""
    return f"Approved by {kept.approver} (FRN {kept.frn}) on {kept.approved_on:%d %B %Y}."


def _understanding_fault(campaign: str, *, on: date) -> str:
    test = ComprehensionTest.objects.filter(campaign=campaign, tested_on__lte=on).order_by("-tested_on", "-pk").first()
    if test is None or test.tested_on < on - TEST_LASTS:
        return "Nobody has tested in the last year whether people understand it (PRIN 2A.5.10R)."
    if test.sample < LEAST_SAMPLE:
        return f"Only {test.sample} people were asked whether they understand it; {LEAST_SAMPLE} is the least."
    if min(test.correct, test.correct_vulnerable) < UNDERSTOOD:
        return f"Fewer than {UNDERSTOOD:.0%} understood it, of everybody or of people in vulnerable circumstances."
    return ""


@transaction.atomic
def start_cooling(client_id: int, *, product: str, at: datetime) -> CoolingOff:
    """The client asked for a restricted investment for the first time; nothing about it reaches them for 24 hours."""
    made, new = CoolingOff.objects.get_or_create(client_id=client_id, product=product, defaults={"started_at": at})
    if new:
        ledger.record("cooling_off.started", by="system:web", at=at, about=f"client:{client_id}", facts={"of": product})
    return made


@transaction.atomic
def carry_on(client_id: int, *, product: str, at: datetime) -> bool:
    """The client, asked after the 24 hours, wants to continue. False when they may not yet, or never began."""
    waiting = CoolingOff.objects.filter(client_id=client_id, product=product, continued_at=None)
    done = waiting.filter(started_at__lte=at - COOL).update(continued_at=at)
    if done:
        about = f"client:{client_id}"
        ledger.record("cooling_off.continued", by=about, at=at, about=about, facts={"of": product})
    return bool(done)


def may_ask(client_id: int, *, product: str, at: datetime) -> bool:
    """Whether the 24 hours are over and the client has not answered: the one thing to send is the question."""
    return CoolingOff.objects.filter(
        client_id=client_id, product=product, continued_at=None, started_at__lte=at - COOL
    ).exists()


def restricted(topics: Collection[str]) -> list[str]:
    """Those of these topics whose direct offer waits for the client's 24 hours and their answer."""
    return sorted(set(topics) & RESTRICTED)


def cooled(client_ids: np.ndarray, topics: Collection[str], *, at: datetime) -> np.ndarray:
    """Who may be sent a direct offer of these topics: (n,) bool; nobody who has not continued after their 24 hours."""
    good = np.ones(len(client_ids), bool)
    for product in restricted(topics):
        cleared = CoolingOff.objects.filter(
            client_id__in=client_ids.tolist(), product=product, continued_at__lte=at
        ).values_list("client_id", flat=True)
        good &= np.isin(client_ids, list(cleared))
    return good
