"""What clients would get, with nothing written and nothing sent: the mail, why each block, and why not the others."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Q
from django.db.models.functions import Length

from campaigns import assembly, audiences, choosing, compiled, layout, mail, reasons, variants, wording
from campaigns.models import BlockVersion, Campaign, Slot, Variant
from compliance import consent
from compliance.models import Client
from personalize import discretion, features
from personalize.decide import limits
from personalize.decide import reasons as moved
from personalize.decide.limits import Closed

SIDE_BY_SIDE = 3
POOL = 200  # clients looked at to find the hard cases
NOBODY = uuid.UUID(int=0)  # the links of a preview lead to no message and no client
ADDRESS = "preview@example.invalid"
STANDINGS = {
    variants.GO: "These words may go out.",
    variants.HELD: "These words are held until an editor has read them.",
    variants.REJECTED: "These words may not go out; the fallback would take their place.",
    "": "Nobody has made this combination yet. It is routed when the campaign is launched.",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of a slot for one client: its chance in [0, 1], and why it is closed when it is."""

    version: BlockVersion
    chance: float
    is_chosen: bool
    is_open: bool
    because: str


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of the message: the chosen words as this client reads them, and every candidate."""

    slot: str
    label: str
    words: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What one client would get on the personalised side.

    fault     why there is no message, as a sentence; "" when there is one
    allowed   the consent answer in a sentence · standing  whether the exact words may go out, likewise
    why       sentences the client may read · score  predicted chance of success in [0, 1], None under rules
    """

    client: Client
    places: tuple[Place, ...]
    fault: str
    may_write: bool
    allowed: str
    standing: str
    why: tuple[str, ...]
    score: float | None
    subject: str
    html: str
    text: str


def of(
    campaign: Campaign, plan: dict[str, Any], clients: Sequence[Client], *, throw: int, at: datetime,
    is_veiled: bool = False,
) -> list[Preview]:  # fmt: skip
    """One preview for each client, in order. is_veiled: without the values that officers alone may read.

    plan   `plans.snapshot(campaign)`; its experiment is left aside, everybody is shown the personalised side
    throw  stands for the run's seed: the same throw draws the same choices, another one may draw others
    """
    if not clients:
        return []
    ids = np.array([one.pk for one in clients], np.int64)
    plan = {**plan, "share_control": 0.0, "share_holdout": 0.0}
    decided = choosing.decide(plan, ids, seed=throw, at=at)
    chances = choosing.chances(plan, ids, at=at)
    answers = consent.allowed(ids, purpose=plan["purpose"], channel=plan["channel"], at=at)
    merges = assembly.merge_values(ids, at=at)
    wanted = [one["version"] for slot in plan["slots"] for one in slot["candidates"]]
    versions = BlockVersion.objects.select_related("block").in_bulk(wanted)
    made = [_chosen(plan, versions, row) for row in decided.choice.tolist()]
    texts = [_variant(campaign, one) for one in made]
    standings = _standings(campaign, [one for one in texts if one], at=at)
    found, registry = [], features.registry()
    kept_back = discretion.marked() if is_veiled else frozenset()
    for row, client in enumerate(clients):
        told = discretion.veiled(merges[row], kept_back) if is_veiled else merges[row]
        merge = {**told, assembly.MEASURE: False}
        places = _places(plan, versions, decided, chances, row, merge, is_veiled=is_veiled)
        subject, html, text, fault = _rendered(campaign, made[row], texts[row], merge, at=at)
        score = float(decided.score[row])
        found.append(
            Preview(
                client=client,
                places=places,
                fault=fault,
                may_write=bool(answers.ok[row]),
                allowed=consent.SENTENCES[consent.REASONS[answers.reason[row]]],
                standing=STANDINGS[standings.get(texts[row].digest, "")] if texts[row] else "",  # type: ignore[union-attr]
                why=tuple(moved.sentences(decided.reasons[row], decided.reason_values[row], registry)),
                score=None if np.isnan(score) else score,
                subject=subject,
                html=html,
                text=text,
            )
        )
    return found


def _chosen(plan: dict[str, Any], versions: dict[int, BlockVersion], choice: list[int]) -> list[BlockVersion]:
    """The chosen versions in slot order; empty when a slot has none to offer."""
    if -1 in choice:
        return []
    return [versions[slot["candidates"][index]["version"]] for slot, index in zip(plan["slots"], choice, strict=True)]


def _variant(campaign: Campaign, chosen: Sequence[BlockVersion]) -> Variant | None:
    """The text these versions make, as a row that is never saved; None when they make none."""
    if not chosen or variants.missing(chosen, channel=campaign.channel):
        return None
    made = layout.compose(layout.pieces(chosen), purpose=campaign.purpose)
    words = {name: getattr(made, name) for name in ("subject", "preheader", "html", "text", "layout")}
    parts = {"versions": [one.pk for one in chosen], "blocks": [one.digest for one in chosen]}
    digest = variants.text_digest(made, parts["blocks"])
    return Variant(campaign=campaign, digest=digest, needs_review=False, links=list(made.links), **words, **parts)


def _standings(campaign: Campaign, texts: Sequence[Variant], *, at: datetime) -> dict[str, str]:
    known = list(Variant.objects.filter(campaign=campaign, digest__in={one.digest for one in texts}))
    stands = variants.standing(known, at=at) if known else {}
    return {one.digest: stands[one.pk] for one in known}


def _rendered(
    campaign: Campaign, chosen: Sequence[BlockVersion], text: Variant | None, merge: dict[str, Any], *, at: datetime
) -> tuple[str, str, str, str]:
    """Subject, HTML, plain text, and the fault that left them empty."""
    if text is None:
        said = variants.missing(chosen, channel=campaign.channel) if chosen else [reasons.because("nothing_suitable")]
        return "", "", "", " ".join(said)
    try:
        made = assembly.render(
            text, merge, message_id=NOBODY, address=ADDRESS, client_ref=NOBODY, purpose=campaign.purpose, at=at
        )
    except wording.TooLong as error:
        return "", "", "", f"The value for “{error}” is too long for the text, and there is no fallback."
    except wording.MissingValue as error:
        return "", "", "", f"There is no value for “{error}” and no fallback."
    except (mail.BadAddress, compiled.Tampered) as error:
        return "", "", "", str(error)
    return made.subject, made.html, made.text, ""


def _places(
    plan: dict[str, Any],
    versions: dict[int, BlockVersion],
    decided: choosing.Decisions,
    chances: list[np.ndarray],
    row: int,
    merge: dict[str, Any],
    *,
    is_veiled: bool,
) -> tuple[Place, ...]:
    places, start = [], 0
    for number, slot in enumerate(plan["slots"]):
        chosen, offered = int(decided.choice[row, number]), []
        for index, one in enumerate(slot["candidates"]):
            code = Closed(int(decided.closed[row, start + index]))
            version = versions[one["version"]]
            is_open = code == Closed.OPEN
            chance = float(chances[number][row, index])
            because = limits.sentence(code, is_veiled=is_veiled)
            offered.append(Candidate(version, chance, index == chosen, is_open, because))
        words = _words(offered[chosen].version, merge) if chosen >= 0 else ""
        places.append(Place(slot["slot"], Slot(slot["slot"]).label, words, tuple(offered)))
        start += len(slot["candidates"])
    return tuple(places)


def _words(version: BlockVersion, merge: dict[str, Any]) -> str:
    try:
        return assembly.words(version, merge)
    except (wording.MissingValue, wording.TooLong) as fault:
        return f"[{fault} cannot be filled in]"


def at_random(campaign: Campaign, *, throw: int, at: datetime) -> list[Client]:
    """Three members of the audience, drawn by the throw."""
    ids = audiences.sample(campaign.audience, salt=f"preview:{throw}", limit=SIDE_BY_SIDE, at=at)
    return named(ids.tolist())


def hardest(campaign: Campaign, *, at: datetime) -> list[tuple[str, Client]]:
    """Members of the audience who try a text most: (what is hard about them, the client), each client once."""
    pool = audiences.sample(campaign.audience, salt="hardest", limit=POOL, at=at).tolist()
    people = Client.objects.filter(pk__in=pool)
    told = people.filter(attributes__key="risk_tolerance")
    asked = [
        ("No first name", people.filter(first_name="")),
        ("Longest name", people.annotate(size=Length("first_name") + Length("last_name")).order_by("-size")),
        ("Another language", people.exclude(language__startswith="en")),
        ("Most cautious", told.filter(attributes__value__in=["very_cautious", "cautious"])),
        ("Most experienced", people.filter(attributes__key="experience", attributes__value="experienced")),
        ("Told us nothing", people.exclude(attributes__key="risk_tolerance")),
    ]
    found: list[tuple[str, Client]] = []
    for words, query in asked:
        seen = [one.pk for _, one in found]
        client = query.exclude(pk__in=seen).order_by(*(query.query.order_by or ()), "pk").first()
        if client is not None:
            found.append((words, client))
    return found


def search(words: str) -> list[Client]:
    """Clients whose user id or first name begins with these words, or whose row number they are; at most 12."""
    wanted = Q(user_id__istartswith=words) | Q(first_name__istartswith=words)
    if words.isdigit() and len(words) < 18:
        wanted |= Q(pk=int(words))
    people = Client.objects.filter(wanted, merged_into__isnull=True, erased_at__isnull=True)
    return list(people.order_by("user_id", "pk")[:12])


def named(ids: Sequence[int]) -> list[Client]:
    """The clients of these row numbers, in this order; unknown, merged and erased ones are left out."""
    known = Client.objects.filter(merged_into__isnull=True, erased_at__isnull=True).in_bulk(list(ids))
    return [known[one] for one in dict.fromkeys(ids) if one in known][:SIDE_BY_SIDE]
