"""Campaigns before launch: draft, change, candidates; what still blocks a launch; and the plan a run decides by."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from campaigns import audience, audiences, coverage, duties, figures, layout, mail, objectives, structure, variants
from campaigns.combinations import rules
from campaigns.hours import drawn
from campaigns.learning import scope
from campaigns.limits import said
from campaigns.models import BlockVersion, Campaign, CampaignBlock, CampaignState, Framing, Slot, UseCase, WhenCapped
from campaigns.wellbeing import pressing
from compliance import ledger, review
from compliance.models import Channel, Purpose, Staff
from compliance.processing import records
from personalize import training

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
# What a message of this channel cannot do without.
USED_SLOTS: dict[str, tuple[Slot, ...]] = {Channel.EMAIL: (Slot.SUBJECT, Slot.CALL_TO_ACTION)}
LOST_REVIEW = {"rejected": "was rejected by an editor", "withdrawn": "has lost its approval",
               "expired": "has an approval that ran out"}  # fmt: skip
Candidate = tuple[BlockVersion, bool, dict[str, Any]]


class BadPlan(ValueError):
    """The campaign cannot be kept like this; `errors` names each field and says why. Nothing was written."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))


class NotADraft(Exception):
    """The campaign runs now; stop it before changing it. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One named reason why a campaign cannot be launched, and where to mend it."""

    code: str
    sentence: str
    url: str


@transaction.atomic
def draft(
    *,
    slug: str,
    name: str,
    use_case: str,
    success_metric: str,
    objective: dict[str, float],
    candidates: Iterable[Candidate] = (),
    by: Staff,
    at: datetime,
    **rest: Any,
) -> Campaign:
    """Write a campaign down as a draft. `rest` may set any other field of Campaign that a marketer owns.

    Raises BadPlan, naming every field that is wrong.
    """
    fields = {
        "slug": slug,
        "name": name,
        "use_case": use_case,
        "success_metric": success_metric,
        "objective": objective,
        **rest,
    }
    errors = faults(fields)
    if "slug" not in errors and Campaign.objects.filter(slug=slug).exists():
        errors["slug"] = "A campaign of this name exists already."
    if errors:
        raise BadPlan(errors)
    campaign = Campaign.objects.create(**fields, owner=by, made_at=at)
    for version, is_fallback, rule in candidates:
        _add(campaign, version, is_fallback=is_fallback, rule=rule)
    ledger.record("campaign.drafted", by=by, at=at, about=f"campaign:{campaign.pk}", facts={"slug": slug})
    return campaign


@transaction.atomic
def change(campaign: Campaign, *, by: Staff, at: datetime, **fields: Any) -> Campaign:
    """Change a campaign that does not run. Raises BadPlan for wrong fields, NotADraft while it runs."""
    campaign = _editable(campaign)
    if errors := faults(fields, whole=False, now=campaign):
        raise BadPlan(errors)
    for name, value in fields.items():
        setattr(campaign, name, value)
    campaign.save(update_fields=list(fields))
    about, facts = f"campaign:{campaign.pk}", {"fields": sorted(fields)}
    ledger.record("campaign.changed", by=by, at=at, about=about, facts=facts)
    return campaign


@transaction.atomic
def add_candidate(
    campaign: Campaign,
    version: BlockVersion,
    *,
    is_fallback: bool = False,
    rule: dict[str, Any] | None = None,
    by: Staff,
    at: datetime,
) -> CampaignBlock:
    """Offer a block version for its slot. A new fallback takes the place of the old one, which stays a candidate."""
    campaign = _editable(campaign)
    added = _add(campaign, version, is_fallback=is_fallback, rule=rule or {})
    facts = {"version": version.pk, "is_fallback": is_fallback}
    ledger.record("campaign.block_added", by=by, at=at, about=f"campaign:{campaign.pk}", facts=facts)
    return added


@transaction.atomic
def remove_candidate(campaign: Campaign, candidate_id: int, *, by: Staff, at: datetime) -> None:
    """Take a candidate out of the campaign; nothing happens when it is not in it."""
    campaign = _editable(campaign)
    removed = campaign.candidates.filter(pk=candidate_id).first()
    if removed is None:
        return
    facts = {"version": removed.version_id}
    removed.delete()
    ledger.record("campaign.block_removed", by=by, at=at, about=f"campaign:{campaign.pk}", facts=facts)


@transaction.atomic
def revise(campaign: Campaign, *, candidates: Iterable[Candidate], by: Staff, at: datetime, **fields: Any) -> Campaign:
    """Change a campaign's fields and candidates together; a version that is not among `candidates` leaves it.

    Raises BadPlan or NotADraft.
    """
    campaign = change(campaign, by=by, at=at, **fields)
    wanted = {version.pk: (version, is_fallback, rule) for version, is_fallback, rule in candidates}
    have = {one.version_id: one for one in campaign.candidates.order_by("pk")}
    for pk, one in have.items():
        if pk not in wanted:
            remove_candidate(campaign, one.pk, by=by, at=at)
    for pk, (version, is_fallback, rule) in wanted.items():
        if pk not in have or (have[pk].is_fallback, have[pk].rule) != (is_fallback, rule):
            add_candidate(campaign, version, is_fallback=is_fallback, rule=rule, by=by, at=at)
    return campaign


def copy(campaign: Campaign, *, slug: str, name: str, by: Staff, at: datetime) -> Campaign:
    """A new draft with the same purpose, audience and candidates; it has no runs. Raises BadPlan."""
    same = ("use_case", "hypothesis", "success_metric", "metric_days", "objective", "purpose", "channel", "placement",
            "audience", "share_control", "share_holdout", "max_per_week", *said.TESTS)  # fmt: skip
    fields = {one: getattr(campaign, one) for one in same}
    kept = [one for one in _candidates(campaign) if one.version.block.archived_at is None]
    candidates = [(one.version, one.is_fallback, one.rule) for one in kept]
    return draft(slug=slug, name=name, candidates=candidates, by=by, at=at, **fields)


def _editable(campaign: Campaign) -> Campaign:
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.state == CampaignState.RUNNING:
        raise NotADraft(locked.slug)
    return locked


def _add(campaign: Campaign, version: BlockVersion, *, is_fallback: bool, rule: dict[str, Any]) -> CampaignBlock:
    if is_fallback and rule:
        raise BadPlan({"rule": "A fallback is for everybody who is left, so it has no rule."})
    if version.block.archived_at is not None:
        raise BadPlan({"block": f"The block “{version.block.name}” is archived."})
    try:
        audiences.check(rule)
    except audiences.BadRule as bad:
        raise BadPlan({"rule": str(bad)}) from None
    slot = version.block.slot
    if is_fallback:
        campaign.candidates.filter(slot=slot, is_fallback=True).exclude(version=version).update(is_fallback=False)
    last = campaign.candidates.filter(slot=slot).aggregate(last=Max("position"))["last"]
    made, is_new = CampaignBlock.objects.get_or_create(
        campaign=campaign,
        version=version,
        defaults={
            "slot": slot,
            "is_fallback": is_fallback,
            "rule": rule,
            "position": 0 if last is None else last + 1,
        },
    )
    if not is_new:
        made.is_fallback, made.rule = is_fallback, rule
        made.save(update_fields=["is_fallback", "rule"])
    return made


def faults(fields: dict[str, Any], *, whole: bool = True, now: Campaign | None = None) -> dict[str, str]:
    """Field → what is wrong with it, in a sentence; empty when all is well.

    whole  every field a new campaign needs must be there · now  the campaign as it stands, when changing it
    """
    tests = {
        "slug": lambda one: "" if SLUG.fullmatch(one) else "Use lower-case letters, digits and hyphens, at most 80.",
        "name": lambda one: "" if 0 < len(one.strip()) <= 120 else "A name has 1 to 120 characters.",
        "use_case": lambda one: "" if one in UseCase.values else "Choose what this campaign is for, first.",
        "success_metric": objectives.metric_fault,
        "objective": objectives.objective_fault,
        "audience": _rule_fault,
        "purpose": lambda one: "" if one in Purpose.values else "Choose a purpose.",
        "channel": lambda one: "" if one in (Channel.EMAIL, Channel.WEB) else "Only e-mail and web pages can be sent.",
        "metric_days": lambda one: "" if 0 < one <= 365 else "Measure within 1 to 365 days.",
        "max_per_week": lambda one: "" if 0 < one <= 50 else "A cap is between 1 and 50 messages a week.",
        **said.TESTS,
        "share_control": lambda one: "" if 0 <= one <= 1 else "A share lies between 0 and 1.",
        "share_holdout": lambda one: "" if 0 <= one <= 1 else "A share lies between 0 and 1.",
        "hypothesis": lambda one: "" if len(one) <= 300 else "A hypothesis has at most 300 characters.",
        "placement": lambda one: "" if len(one) <= 64 else "A placement has at most 64 characters.",
    }
    found = {name: f"A campaign has no field “{name}”." for name in fields if name not in tests}
    found |= {name: why for name, test in tests.items() if name in fields and (why := test(fields[name]))}
    if whole:
        needed = ("slug", "name", "use_case", "success_metric", "objective")
        found |= {name: "This is needed." for name in needed if name not in fields}

    def value(name: str, default: Any) -> Any:
        return fields.get(name, getattr(now, name, default))

    if not found and value("share_control", 0.2) + value("share_holdout", 0.05) > 1:
        found["share_control"] = "Control and holdout together cannot be more than everybody."
    if not found and value("channel", Channel.EMAIL) == Channel.WEB and not value("placement", ""):
        found["placement"] = "Say which place on the page this campaign fills."
    return found


def _rule_fault(rule: Any) -> str:
    try:
        audiences.check(rule)
    except audiences.BadRule as bad:
        return str(bad)
    return ""


def blockers(campaign: Campaign, *, at: datetime) -> list[Blocker]:
    """Everything that keeps the campaign from being launched, each named with the place to mend it; [] when ready."""
    edit = f"/console/campaigns/{campaign.slug}/edit/"
    out: list[Blocker] = []

    def block(code: str, sentence: str, part: str) -> None:
        out.append(Blocker(code, sentence, f"{edit}#{part}"))

    if campaign.state == CampaignState.RUNNING:
        block("running", "A run of this campaign is under way. Stop it or wait until it has ended.", "run")
    if why := objectives.metric_fault(campaign.success_metric):
        block("no_metric", why, "metric")
    if why := objectives.objective_fault(campaign.objective):
        block("objective", why, "objective")
    candidates = _candidates(campaign)
    slots = {one.slot for one in candidates}
    for slot in USED_SLOTS.get(campaign.channel, ()):
        if slot not in slots:
            block(f"no_{slot}", f"There is no block for “{Slot(slot).label}”.", "blocks")
    if not candidates:
        block("no_blocks", "The campaign has no content yet.", "blocks")
    for slot in sorted(slots, key=list(Slot).index):
        if not any(one.is_fallback for one in candidates if one.slot == slot):
            why = f"“{Slot(slot).label}” has no fallback: someone for whom no other block is open would get a gap."
            block(f"no_fallback_{slot}", why, "blocks")
    for code, sentence in [*_block_faults(candidates, at=at), *_fit_faults(campaign, candidates)]:
        block(code, sentence, "blocks")
    if campaign.purpose not in records.usable(at=at):  # nobody can be reached, so nobody is counted
        why = f"No record of the purpose “{Purpose(campaign.purpose).label}” that two people approved is in date."
        out.append(Blocker("no_record", why, f"/compliance/processing/{campaign.purpose}/"))
    elif campaign.channel == Channel.EMAIL:
        out += _audience_blockers(campaign, edit=edit, at=at)
    if not out or {one.code for one in out} == {"running"}:  # a plan with gaps has no space yet
        where = f"/console/campaigns/{campaign.slug}/combinations/"
        out += [Blocker(code, why, where) for code, why in coverage.faults(snapshot(campaign, at=at), at=at)]
    out += [Blocker(code, why, f"{edit}#metric") for code, why in duties.faults(campaign, candidates, at=at)]
    return out


def _block_faults(candidates: list[CampaignBlock], *, at: datetime) -> list[tuple[str, str]]:
    standing = review.standing([one.version.digest for one in candidates], at=at)
    stale = figures.ended([one.version for one in candidates], at=at)
    out = []
    for one in candidates:
        named = f"“{one.version.block.name}”, version {one.version.number},"
        state = standing.get(one.version.digest, "absent")
        if one.version.published_at is None:
            out.append((f"unpublished_{one.version_id}", f"{named} is not published."))
        elif one.version.valid_until is not None and one.version.valid_until <= at:
            out.append((f"expired_{one.version_id}", f"{named} is past the end of its validity."))
        elif state in LOST_REVIEW:
            out.append((f"{state}_{one.version_id}", f"{named} {LOST_REVIEW[state]}."))
        elif one.version_id in stale:
            out.append((f"figure_{one.version_id}", f"{named} {stale[one.version_id]}."))
        if one.is_fallback and one.version.framing not in (Framing.NEUTRAL, Framing.CONSERVATIVE):
            why = f"{named} is a fallback, so it must suit anyone: its framing must be neutral or conservative."
            out.append((f"framed_fallback_{one.version_id}", why))
        if one.is_fallback and max(one.version.urgency, one.version.fear) >= pressing.AT:
            why = f"{named} is a fallback, so it must suit anyone, and it presses or frightens."
            out.append((f"pressing_fallback_{one.version_id}", why))
        if one.is_fallback and not audience.suits_anyone(one.version):
            why = f"{named} is a fallback, so it must suit anyone, and it is for: {audience.words(one.version)}"
            out.append((f"narrow_fallback_{one.version_id}", why))
    return out


def _fit_faults(campaign: Campaign, candidates: list[CampaignBlock]) -> list[tuple[str, str]]:
    """What the fallbacks lack to be a message by themselves: somebody may get them and nothing else."""
    fallbacks = [one.version for one in candidates if one.is_fallback]
    slots = {one.slot for one in candidates}
    if {one.block.slot for one in fallbacks} != slots or not slots.issuperset(USED_SLOTS.get(campaign.channel, ())):
        return []  # said before, by name
    said = variants.missing(fallbacks, channel=campaign.channel)
    speaks = any(one.version.claims or variants.NEEDS_DISCLOSURE & set(one.version.topics) for one in candidates)
    if Slot.DISCLOSURE not in slots and speaks and not said:
        said = ["One of the blocks makes a claim or speaks of an investment: add a disclosure."]
    if not said:
        words = layout.pieces(fallbacks)
        made = layout.compose(words, purpose=campaign.purpose)
        said = structure.faults(words, made, purpose=campaign.purpose)
    return [(f"fit_{number}", sentence) for number, sentence in enumerate(said)]


def _audience_blockers(campaign: Campaign, *, edit: str, at: datetime) -> list[Blocker]:
    try:
        reach = audiences.count(
            campaign.audience, purpose=campaign.purpose, channel=campaign.channel, cap=campaign.max_per_week, at=at
        )
    except audiences.BadRule as bad:
        return [Blocker("audience", f"The audience cannot be read: {bad}", f"{edit}#audience")]
    if reach.segment == 0:
        return [Blocker("no_audience", "No client matches the audience.", f"{edit}#audience")]
    # Whoever is over a cap may be reached later, or with calmer words, where the campaign says so.
    waits = campaign.when_capped != WhenCapped.DROPPED and reach.unsuppressed > 0
    if reach.eligible == 0 and not waits:
        why = "Nobody in the audience can be reached: no address, no consent, or everyone is at their weekly cap."
        return [Blocker("nobody_reachable", why, f"{edit}#audience")]
    return []


def _candidates(campaign: Campaign) -> list[CampaignBlock]:
    """Candidates in plan order: slots in reading order, then position; the fallback last."""
    found = campaign.candidates.select_related("version__block")
    order = list(Slot)
    return sorted(found, key=lambda one: (order.index(Slot(one.slot)), one.is_fallback, one.position, one.pk))


OF_VERSION = ("digest", "framing", "topics", "language", "audience", "markets", "knowledge")
OF_CAMPAIGN = (
    "purpose", "channel", "use_case", "success_metric", "metric_days", "objective", "audience", "share_control",
    "share_holdout",
)  # fmt: skip


def snapshot(campaign: Campaign, *, at: datetime) -> dict[str, Any]:
    """Everything a run decides by, as JSON: with it, the client's facts and the seed, any choice can be made again."""
    slots: dict[str, list[dict[str, Any]]] = {}
    for one in _candidates(campaign):
        version = one.version
        slots.setdefault(one.slot, []).append(
            {
                "version": version.pk,
                "block": version.block.slug,
                "number": version.number,
                **{name: getattr(version, name) for name in OF_VERSION},
                "rule": one.rule,
                "is_fallback": one.is_fallback,
                "urgent": version.urgency >= pressing.AT,
                "frightens": version.fear >= pressing.AT,
                **rules.facts(version, urgent=version.urgency >= pressing.AT),
                "valid_until": version.valid_until.isoformat() if version.valid_until else None,
            }
        )
    live = scope.in_charge(campaign, slots, at=at) or training.live(campaign.use_case, at=at)
    canary = scope.on_trial(campaign, slots, live, at=at)
    return {
        "campaign": campaign.slug,
        "campaign_id": campaign.pk,
        "number": (campaign.runs.aggregate(last=Max("number"))["last"] or 0) + 1,
        **{name: getattr(campaign, name) for name in (*OF_CAMPAIGN, *said.TESTS)},
        "cap": campaign.max_per_week,
        "quiet_hours": settings.QUIET_HOURS,
        "sender": asdict(mail.sender()),
        **scope.chooses_by(live),
        "hours": drawn.snapshot(campaign, at=at),
        "canary": {**scope.chooses_by(canary), "share": canary.step.share} if canary else None,
        "layout": layout.LAYOUT,
        "jurisdiction": settings.FIRM["jurisdiction"],
        "rules": rules.snapshot(at=at),
        "slots": [{"slot": slot, "candidates": candidates} for slot, candidates in slots.items()],
    }
