"""What a campaign achieved: personalised against segmented control and holdout, with intervals, in honest words."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from campaigns.bulk import results as bulk
from campaigns.models import Arm, BlockVersion, Campaign, Slot
from compliance import consent
from personalize.learn import effects

SRM_BELOW = 0.001
# Who is kept out for one of these was kept out whatever side they drew.
BARRED = [*consent.REASONS, "capped", "duplicate_address"]
MIN_OUTCOMES = 10  # per side, below which a comparison says "not enough data"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One side of the experiment. Rates are shares of `n`, in [0, 1]; interval is 95 %, Wilson's."""

    arm: str
    label: str
    n: int
    sent: int
    opens: int
    machine_opens: int
    clicks: int
    outcomes: int
    unsubscribes: int
    complaints: int
    matured: int
    satisfaction: float | None
    outcome_rate: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Effect:
    """Personalised minus another side: absolute and relative difference with a sequential 95 % interval."""

    name: str
    versus: str
    difference: float
    low: float
    high: float
    relative: float | None
    p: float | None
    enough: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One block of a place where there was a choice, or "Nothing sent": what became of those who drew it.

    others  how many reached another outcome in the same time, by its kind
    """

    slot: str
    name: str
    n: int
    outcomes: int
    rate: float
    interval: tuple[float, float]
    others: dict[str, int]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a results page shows. srm_p is None without two sides of known share.

    is_logged  the campaign was carried out elsewhere and only its log is here: chance chose, no model did
    """

    arms: list[ArmResult]
    effects: list[Effect]
    srm_p: float | None
    srm_ok: bool
    series: list[tuple[date, str, float]]
    notes: list[str]
    candidates: list[Candidate]
    is_logged: bool


def summary(campaign: Campaign, *, at: datetime) -> Summary:
    """The campaign's results as of `at`, over all its runs."""
    asked = {"metric": campaign.success_metric, "days": campaign.metric_days, "barred": BARRED, "at": at}
    plans = dict(campaign.runs.values_list("pk", "plan"))
    is_logged = bool(plans) and all(plan["policy"] == "logged" for plan in plans.values())
    sides = [_side(row, is_logged=is_logged) for row in bulk.arms(campaign.pk, **asked)]
    by_arm = {one.arm: one for one in sides}
    srm_p = _sample_ratio(campaign, by_arm)
    srm_ok = srm_p is None or srm_p >= SRM_BELOW
    found = []
    personalised = by_arm.get(Arm.PERSONALISED)
    for other in (Arm.CONTROL, Arm.HOLDOUT):
        if personalised and other in by_arm:
            found.append(_effect(campaign, personalised, by_arm[other], trusted=srm_ok))
    series = [(row["on_day"], row["arm"], row["share"]) for row in bulk.series(campaign.pk, **asked)]
    candidates = _candidates(bulk.candidates(campaign.pk, **asked), plans, metric=campaign.success_metric)
    notes = _notes(campaign, sides, is_logged=is_logged)
    return Summary(sides, found, srm_p, srm_ok, series, notes, candidates, is_logged)


def _candidates(rows: list[dict], plans: dict[int, dict], *, metric: str) -> list[Candidate]:
    """By place, in the order of the plan, nothing sent last; places without a choice are left out."""
    found: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for row in rows:
        slot = plans[row["run_id"]]["slots"][row["slot"]]
        if len(slot["candidates"]) > 1:
            version = slot["candidates"][row["choice"]]["version"] if row["choice"] >= 0 else 0
            found[slot["slot"], version][row["kind"]] += row["n"]
    names = BlockVersion.objects.select_related("block").in_bulk([version for _, version in found if version])
    order = list(Slot)
    return [
        Candidate(
            slot=Slot(slot).label,
            name=names[version].block.name if version else "Nothing sent",
            n=counts[""],
            outcomes=counts[metric],
            rate=counts[metric] / counts[""],
            interval=effects.wilson(counts[metric], counts[""]),
            others={kind: n for kind, n in sorted(counts.items()) if kind not in ("", metric)},
        )
        for (slot, version), counts in sorted(
            found.items(), key=lambda one: (order.index(Slot(one[0][0])), one[0][1] == 0, one[0][1])
        )
    ]


def _side(row: dict, *, is_logged: bool) -> ArmResult:
    n, outcomes = row["n"], row["outcomes"]
    return ArmResult(
        arm=row["arm"],
        label="Written to" if is_logged and row["arm"] == Arm.PERSONALISED else Arm(row["arm"]).label,
        n=n,
        sent=row["sent"],
        opens=row["opens"],
        machine_opens=row["machine_opens"],
        clicks=row["clicks"],
        outcomes=outcomes,
        unsubscribes=row["unsubscribes"],
        complaints=row["complaints"],
        matured=row["matured"],
        satisfaction=row["satisfaction"],
        outcome_rate=outcomes / n,
        interval=effects.wilson(outcomes, n),
    )


def _sample_ratio(campaign: Campaign, by_arm: dict[str, ArmResult]) -> float | None:
    shares = {
        Arm.PERSONALISED: 1 - campaign.share_control - campaign.share_holdout,
        Arm.CONTROL: campaign.share_control,
        Arm.HOLDOUT: campaign.share_holdout,
    }
    planned = [arm for arm, one in shares.items() if one > 0]
    if len(planned) < 2 or not by_arm:
        return None
    counts = [by_arm[arm].n if arm in by_arm else 0 for arm in planned]
    return effects.sample_ratio(counts, [shares[arm] for arm in planned])


def _effect(campaign: Campaign, personalised: ArmResult, other: ArmResult, *, trusted: bool) -> Effect:
    compared = effects.difference(personalised.outcomes, personalised.n, other.outcomes, other.n)
    enough = min(personalised.outcomes, other.outcomes) >= MIN_OUTCOMES
    return Effect(
        name=campaign.success_metric,
        versus=other.label,
        difference=compared.difference,
        low=compared.low,
        high=compared.high,
        relative=compared.difference / other.outcome_rate if other.outcome_rate else None,
        p=compared.p,
        enough=enough,
        verdict=_verdict(compared.low, compared.high, other.label, enough=enough, trusted=trusted),
    )


def _verdict(low: float, high: float, versus: str, *, enough: bool, trusted: bool) -> str:
    side = versus.lower()
    if not trusted:
        return "The sides are not the size they were planned to be, so nothing can be concluded."
    if not enough:
        return f"Not enough data yet to compare with the {side}."
    if low > 0:
        return f"Better than the {side}; the interval stays above zero."
    if high < 0:
        return f"Worse than the {side}; the interval stays below zero."
    return f"No difference to the {side} is proven so far."


def _notes(campaign: Campaign, sides: list[ArmResult], *, is_logged: bool) -> list[str]:
    notes = (
        ["This campaign was carried out elsewhere; only its log is here. Chance chose, no model."] if is_logged else []
    )
    notes += [
        "Everybody we could have written to is counted on the side they were drawn for, whether or not they opened.",
        "Opens and clicks are those of people; mail scanners and image proxies are counted apart.",
    ]
    total, matured = sum(one.n for one in sides), sum(one.matured for one in sides)
    if matured < total:
        share = 0 if not total else matured / total
        notes.append(
            f"{share:.0%} of the clients have had the full {campaign.metric_days} days; the rest may still act."
        )
    return notes
