"""Turn a public data set into clients, attributes, events, one finished campaign and its outcomes."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction

from campaigns import drafts, objectives, plans
from campaigns.bulk import datasets as bulk
from campaigns.datasets.shapes import Logged, Shape
from campaigns.models import (
    Arm,
    Block,
    BlockVersion,
    Campaign,
    CampaignBlock,
    CampaignState,
    Message,
    MessageState,
    Run,
    RunState,
)
from compliance import ledger, wordings
from compliance.models import Action, Channel, ConsentEvent, Purpose, Role, Staff
from personalize import features, identity, profiles, sources
from personalize.bulk import profiles as vectors
from personalize.importing.table import BadFile, Fault, Kind, Row, measure, read
from personalize.models import Origin

NAMESPACE = uuid.UUID("0b6c9c1e-6a53-5f0e-9f3a-5d1f1b0a7c42")
BY = "system:dataset"
# The dates of a set are moved as a whole, so that its last decision lies this long ago and counts as recent.
AGO = timedelta(days=60)
SHOWN_FAULTS = 5
CONSENTS = ((Purpose.MARKETING, Channel.EMAIL), (Purpose.PROFILING, Channel.ANY), (Purpose.MEASUREMENT, Channel.ANY))
CONSENT_SOURCE = "dataset demo"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load wrote. `consents` counts the demonstration consents; 0 unless they were asked for."""

    rows: int
    clients: int
    messages: int
    events: int
    outcomes: int
    consents: int
    shift_days: int


def load(
    shape: Shape, path: Path, *, with_consent: bool, at: datetime, told: Callable[[str], None] = lambda words: None
) -> Loaded:
    """Load a file in one transaction; loading it again adds only what is not there. Raises BadFile, naming rows.

    The data set says nothing of consent, so nobody may be written to; `with_consent` adds consents whose source
    says that they are a demonstration.
    """
    logged = _read(shape, path)
    told(f"{path.name}: {len(logged):,} rows read")
    with transaction.atomic():
        for one in shape.features:
            features.register(
                one.code, {"attribute": one.code, **({"categories": list(one.categories)} if one.categories else {})},
                meaning=one.meaning, client_words=one.words, purpose=Purpose.MARKETING, at=at,
            )  # fmt: skip
        features.ensure_core(at)
        run = _run(shape, logged, at=at)
        run = Run.objects.select_for_update().get(pk=run.pk)
        shift = timedelta(days=run.plan["shift_days"])
        known = set(Message.objects.filter(run=run).values_list("pk", flat=True))
        fresh = [one for one in logged if _message_id(shape, one) not in known]
        clients = _clients(shape, logged, fresh, shift=shift, at=at)
        told(f"{len(fresh):,} new clients")
        events, outcomes = _happenings(shape, fresh, clients, shift=shift, at=at)
        told(f"{events:,} events, {outcomes:,} outcomes")
        _messages(shape, run, fresh, clients, shift=shift)
        told(f"{len(fresh):,} logged decisions")
        consents = _consents(shape, logged, clients, at=at) if with_consent else 0
        profiles.refresh(client_ids=[clients[one.number] for one in fresh], at=at)
        run.audience = Message.objects.filter(run=run).count()
        run.save(update_fields=["audience"])
        counts = Loaded(len(logged), len(fresh), len(fresh), events, outcomes, consents, shift.days)
        facts = {"dataset": shape.slug, "source": shape.source, "file_sha256": measure(path)[1], "new": len(fresh)}
        ledger.record("dataset.loaded", by=BY, at=at, about=f"run:{run.pk}", facts=facts | {"consents": consents})
    return counts


def _read(shape: Shape, path: Path) -> list[Logged]:
    kind: Kind[Any] = Kind(
        shape.slug, tuple((name,) for name in dict.fromkeys(shape.columns)), shape.unused, (), lambda row: row,
        lambda rows: (0, {}),
    )  # fmt: skip
    measure(path)
    faults: list[str] = []
    rows: list[Row] = []
    for line in read(path, kind):
        if isinstance(line, Row):
            rows.append(line)
        else:
            faults.append(f"row {line[0]}: {line[1]}")
    current = 0

    def numbered() -> Any:
        nonlocal current
        for row in rows:
            current = row.number
            yield row

    try:
        logged = list(shape.read(numbered()))
    except Fault as fault:
        faults.append(f"row {current}: {fault}")
    except KeyError as error:
        faults.append(f"row {current}: {error} is missing")
    if faults or not rows:
        raise BadFile(f"{path} is refused: " + ("; ".join(faults[:SHOWN_FAULTS]) or "it has no rows"))
    if len({one.number for one in logged}) < len(logged):
        raise BadFile(f"{path} is refused: a row_id is there twice")
    return logged


def _message_id(shape: Shape, one: Logged) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{shape.slug}|{one.number}")


def _run(shape: Shape, logged: Sequence[Logged], *, at: datetime) -> Run:
    """The set's campaign and its one run, made on the first load."""
    slug = f"dataset-{shape.slug}"
    found = Run.objects.filter(campaign__slug=slug, number=1).first()
    if found is not None:
        return found
    last = max(one.at for one in logged)
    shift = (at.date() - AGO - last.date()).days
    began, ended = min(one.at for one in logged), last + timedelta(days=shape.metric_days)
    began, ended = began + timedelta(days=shift), ended + timedelta(days=shift)
    owner, _ = Staff.objects.get_or_create(
        username="dataset-loader",
        defaults={"role": Role.MARKETER, "is_active": False, "last_name": "Public data sets", "password": "!"},
    )
    campaign = Campaign.objects.create(
        slug=slug, name=shape.name, use_case=shape.use_case, hypothesis=f"Logged elsewhere. {shape.source}"[:300],
        success_metric=shape.metric, metric_days=shape.metric_days, objective=objectives.DEFAULT,
        channel=shape.channel, share_control=0.0, share_holdout=shape.share_holdout,
        state=CampaignState.FINISHED, owner=owner, made_at=began,
    )  # fmt: skip
    for position, (name, words) in enumerate(shape.arms):
        CampaignBlock.objects.create(
            campaign=campaign, slot=shape.slot, position=position,
            version=_arm(shape, position, name, words, owner=owner, at=began),
        )  # fmt: skip
    plan = {
        **plans.snapshot(campaign, at=at), "policy": "logged", "phase": "rules", "gamma": 0.0, "artefact": None,
        "artefact_sha256": "", "dataset": shape.slug, "source": shape.source, "shift_days": shift,
    }  # fmt: skip
    return Run.objects.create(
        campaign=campaign, number=1, state=RunState.FINISHED, seed=0, plan=plan, policy="logged", phase="rules",
        audience=0, launched_by=owner, launched_at=began, ended_at=ended,
    )  # fmt: skip


def _arm(shape: Shape, position: int, name: str, words: str, *, owner: Staff, at: datetime) -> BlockVersion:
    """A block that stands for what was sent then. Never published: we do not have the words themselves."""
    block = Block.objects.create(
        slug=f"dataset-{shape.slug}-{position}", name=name, slot=shape.slot, owner=owner, archived_at=at
    )
    draft = drafts.tidy(drafts.Draft(shape.slot, words))
    return BlockVersion.objects.create(
        block=block, number=1, body=words, digest=drafts.digest(draft), author=owner, made_at=at
    )


def _clients(
    shape: Shape, logged: Sequence[Logged], fresh: Sequence[Logged], *, shift: timedelta, at: datetime
) -> dict[int, int]:
    """Row number → client; new ones get an address in a domain that cannot exist, and their attributes."""
    names = {one.number: f"{shape.user_prefix}{one.number}" for one in logged}
    before = min(one.at for one in logged) + shift - timedelta(days=1)
    ids = identity.named(list(names.values()), create=True, at=before)
    clients = {number: ids[name] for number, name in names.items()}
    if fresh:
        bulk.describe(
            [clients[one.number] for one in fresh],
            [f"{names[one.number]}@{shape.slug}.example" for one in fresh],
            jurisdiction=shape.jurisdiction, timezone=shape.timezone,
        )  # fmt: skip
        source = f"dataset {shape.slug}"
        bulk.copy(
            "personalize_attribute",
            (
                (clients[one.number], key, Origin.INFERRED.value, bulk.Jsonb(value), source, before)
                for one in fresh
                for key, value in one.values.items()
            ),
        )
    return clients


def _happenings(
    shape: Shape, fresh: Sequence[Logged], clients: dict[int, int], *, shift: timedelta, at: datetime
) -> tuple[int, int]:
    source = sources.offline(f"dataset-{shape.slug}", shape.name, at=at)
    empty = bulk.Jsonb({})
    events = bulk.copy(
        "personalize_event",
        (
            (source.pk, f"{shape.slug}-{one.number}-{index}", clients[one.number], "track", name,
             bulk.Jsonb(properties), empty, when + shift, at)
            for one in fresh
            for index, (name, when, properties) in enumerate(one.events)
        ),
    )  # fmt: skip
    outcomes = bulk.copy(
        "personalize_outcome",
        (
            (clients[one.number], kind, value, when + shift, f"dataset {shape.slug}")
            for one in fresh
            for kind, value, when in one.outcomes
        ),
    )
    return events, outcomes


def _messages(shape: Shape, run: Run, fresh: Sequence[Logged], clients: dict[int, int], *, shift: timedelta) -> None:
    """The logged decisions, with the features as they were before any of them was made."""
    if not fresh:
        return
    ids = [clients[one.number] for one in fresh]
    profiles.refresh(client_ids=ids, at=run.launched_at)
    have, x = vectors.read(np.array(sorted(ids), np.int64), len(features.registry()))
    vector = {client: row.tobytes() for client, row in zip(have.tolist(), x.astype("<f4"), strict=True)}
    version, empty, closed = features.version(), bulk.Jsonb({}), bytes(len(shape.arms))
    bulk.copy(
        "campaigns_message",
        (
            (
                _message_id(shape, one), run.pk, run.campaign_id, client, shape.channel.value,
                (Arm.HOLDOUT if one.arm < 0 else Arm.PERSONALISED).value,
                (MessageState.SUPPRESSED if one.arm < 0 else MessageState.SENT).value,
                "holdout" if one.arm < 0 else "", [one.arm], closed, shape.propensity, [shape.propensity], "logged",
                [], [], vector[client], version, empty, "", one.at + shift, one.at + shift, 0,
                None if one.arm < 0 else one.at + shift, None if one.arm < 0 else one.at + shift,
                "" if one.arm < 0 else "logged elsewhere, not sent by this system",
            )
            for one, client in zip(fresh, ids, strict=True)
        ),
    )  # fmt: skip


def _consents(shape: Shape, logged: Sequence[Logged], clients: dict[int, int], *, at: datetime) -> int:
    """Consents that exist only so that a run can be tried; their source says so."""
    ids = {
        uuid.uuid5(NAMESPACE, f"consent|{shape.slug}|{one.number}|{purpose}"): (clients[one.number], purpose, channel)
        for one in logged
        for purpose, channel in CONSENTS
    }
    known = set(
        ConsentEvent.objects.filter(surface=CONSENT_SOURCE, client__in=clients.values()).values_list("pk", flat=True)
    )
    words = {purpose: wordings.get(wordings.version(purpose, channel)).pk for purpose, channel in CONSENTS}
    evidence = bulk.Jsonb({"source": CONSENT_SOURCE, "dataset": shape.slug})
    return bulk.copy(
        "compliance_consentevent",
        (
            (key, client, purpose.value, channel.value, shape.jurisdiction.value, Action.IMPORTED.value, "consent",
             words[purpose], CONSENT_SOURCE, "import", at, at, BY, evidence)
            for key, (client, purpose, channel) in ids.items()
            if key not in known
        ),
    )  # fmt: skip
