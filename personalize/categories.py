"""What the categories of a consent banner mean here, and how a no that comes with an event is kept at once.

Segment's `context.consent.categoryPreferences`: {category: bool}. A category is one of our purposes, a purpose and
channel ("marketing.email"), or one of the usual banner names below. {} refuses every category. A no is kept as the
client's refusal. A yes carries no wording, so it never lifts anything: where nothing is known yet it is kept as
evidence of an import that waits; else it changes nothing. Categories we do not know stay in the event only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance import consent
from compliance.models import Action, Channel, Client, ConsentEvent, ConsentState, Purpose, State

USUAL = {
    "advertising": Purpose.PARTNER, "targeting": Purpose.PARTNER, "third_party": Purpose.PARTNER,
    "sale_of_data": Purpose.PARTNER, "analytics": Purpose.MEASUREMENT, "performance": Purpose.MEASUREMENT,
    "functional": Purpose.PROFILING, "personalization": Purpose.PROFILING, "personalisation": Purpose.PROFILING,
}  # fmt: skip
OPTIONAL = tuple(one for one in Purpose.values if one != Purpose.SERVICE)


@dataclass(frozen=True, slots=True)
class Said:
    """What one event says about one client's consent."""

    client_id: int
    choices: dict[str, Any]
    at: datetime


def heard(said: Iterable[Said], *, surface: str, by: str, at: datetime) -> int:
    """Keep what events say about consent, newest last; return how many consent events were written.

    surface: "source:web" · by: the actor · at: arrival. Each refusal counts from the event's own time.
    """
    latest: dict[tuple[int, str, str], Said] = {}
    for one in sorted(said, key=lambda each: each.at):
        for purpose, channel in _answers(one.choices):
            latest[one.client_id, purpose, channel] = one
    if not latest:
        return 0
    clients = {client for client, _, _ in latest}
    known = {
        (client, purpose, channel): state
        for client, purpose, channel, state in ConsentState.objects.filter(client__in=clients).values_list(
            "client_id", "purpose", "channel", "state"
        )
    }
    written = 0
    for (client, purpose, channel), one in sorted(latest.items()):
        granted, state = _answers(one.choices)[purpose, channel], known.get((client, purpose, channel))
        if granted and (state is not None or not _names_channel(purpose, channel)):
            continue
        if granted:
            _wait(client, purpose, channel, one, surface=surface, by=by, at=at)
        elif state == State.DENIED:
            continue
        elif state is None:
            consent.refuse(
                client, purpose=purpose, channel=channel, surface=surface, mechanism="signal", by=by, at=one.at
            )
        else:
            consent.withdraw(
                client, purpose=purpose, channel=channel, surface=surface, mechanism="signal", by=by, at=one.at
            )
        written += 1
    return written


def _answers(choices: dict[str, Any]) -> dict[tuple[str, str], bool]:
    """{(purpose, channel): granted} of the categories we know; anything but true is a no."""
    if not choices:
        return {(purpose, Channel.ANY): False for purpose in OPTIONAL}
    answers: dict[tuple[str, str], bool] = {}
    for category, choice in choices.items():
        name, _, channel = category.strip().lower().replace(" ", "_").partition(".")
        purpose = USUAL.get(name, name)
        if purpose in OPTIONAL and (not channel or channel in Channel.values):
            key = (str(purpose), str(channel or Channel.ANY))
            answers[key] = choice is True and answers.get(key, True)
    return answers


def _names_channel(purpose: str, channel: str) -> bool:
    """A yes to marketing names its channel; a yes to profiling has none."""
    return purpose in consent.WITHOUT_CHANNEL or channel != Channel.ANY


def _wait(client: int, purpose: str, channel: str, said: Said, *, surface: str, by: str, at: datetime) -> None:
    """Keep a yes without wording as evidence only."""
    ConsentEvent.objects.create(
        client_id=client, purpose=purpose, channel=channel, action=Action.IMPORTED, basis="consent",
        jurisdiction=Client.objects.values_list("jurisdiction", flat=True).get(pk=client),
        surface=surface, mechanism="signal", occurred_at=said.at, recorded_at=at, actor=by,
        evidence={"choices": said.choices, "wording": None},
    )  # fmt: skip
