"""A mail that states what only officers may read of a client states it to no marketer who looks at it."""

from django.test import Client as Browser

from campaigns.models import Message
from compliance import consent
from compliance.models import Channel, Purpose, Staff
from personalize import discretion
from tests.campaigns.test_caps import again
from tests.campaigns.test_previews import world
from tests.campaigns.world import World

__all__ = ["world"]  # of an hour ago: pages ask the real clock


def test_no_mail_tells_a_marketer_what_it_states_of_a_client(world: World, client: Browser, officer: Staff) -> None:
    person = world.client(1, monthly_saving="7315.99", goal="house")
    consent.grant(person.pk, purpose=Purpose.SENSITIVE, channel=Channel.ANY, wording="portal-sensitive-1",
                  surface="portal", mechanism="checkbox", by=f"client:{person.pk}", at=world.at)  # fmt: skip
    world.block("states", slot="body", body="You put {{ monthly_saving }} pounds aside.")
    campaign = world.campaign(parts=(("hello", True), ("states", True), ("read", True)))
    again(world, campaign)
    world.approve()
    message = Message.objects.get()
    preview = f"/console/campaigns/{campaign.slug}/preview/"
    pages = (f"/console/messages/{message.pk}/", f"/console/messages/{message.pk}/mail/",
             f"{preview}?client={person.pk}&view=text", f"{preview}{person.pk}/")  # fmt: skip

    told: dict[str, list[bool]] = {}
    for staff in (world.marketer, world.editor, officer):
        client.force_login(staff)
        answers = [client.get(one) for one in pages if staff.role != "editor" or "preview" not in one]
        assert {one.status_code for one in answers} == {200}
        told[staff.role] = ["7315.99" in one.content.decode() for one in answers]

    assert told == {"marketer": [False] * 4, "editor": [True] * 2, "officer": [True] * 4}
    client.force_login(world.marketer)
    assert discretion.VEIL in client.get(pages[0]).content.decode()
