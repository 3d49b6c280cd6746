"""Another desk's things do not exist for a marketer; rights come from others and die with what they are about."""

from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from guardian.shortcuts import assign_perm, get_objects_for_user

from campaigns import authority, desks, exhibits, plans
from campaigns.models import Campaign, CampaignDeskGrant, Message, Run
from campaigns.provider import watch
from compliance import desks as seats
from compliance import packet
from compliance.acting import acting
from compliance.models import LedgerEntry, Packet, Staff
from tests.walls.crawl import FORM, JSON, MACHINES, rights
from tests.walls.site import Site, written

pytestmark = pytest.mark.django_db
ABOUT = (
    "console/campaigns/<slug:slug>", "console/runs/<int:run_id>", "console/messages/<uuid:message_id>",
    "api/v1/campaigns/<slug:slug>", "api/v1/runs/<int:run_id>",
)  # fmt: skip
LISTS = (
    "console/", "console/campaigns/", "console/clients/<uuid:ref>/", "compliance/messages/", "api/v1/campaigns",
    "api/v1/clients/<str:user_id>/messages",
)  # fmt: skip
ORPHAN = """
delete from campaigns_campaignblock; delete from campaigns_campaign where slug = 'guide'; set constraints all immediate
"""
BLOCKS = ("console/blocks/<slug:slug>/edit/", "console/blocks/<slug:slug>/archive/",
          "console/blocks/<slug:slug>/<int:number>/publish/", "api/v1/blocks/<slug:slug>/publish")  # fmt: skip


def test_nothing_of_another_desk_is_found_by_any_address(site: Site) -> None:
    theirs = [one for one, who in sorted(rights().items()) if one[1].startswith(ABOUT) and "marketer" in who]
    kinds = {True: JSON, False: FORM}
    found = {
        who: [
            site.ask(method, route, who, content_type=kinds[route.startswith(MACHINES)], headers={"HX-Request": part})
            for method, route in theirs
            for part in ("", "true")
        ]
        for who in ("neighbour", "marketer", "token:neighbour")
    }
    found["token:neighbour"] = [one for one in found["token:neighbour"] if one.route.startswith(MACHINES)]

    assert len(theirs) > 15
    assert [one for one in found["neighbour"] + found["token:neighbour"] if one.status != 404 or one.wrote] == []
    assert [one for one in found["marketer"] if one.status == 404] == []


def test_no_list_and_no_search_names_another_desks_campaign(site: Site) -> None:
    words = f"/{site.special['slug console/campaigns/']}/", '"guide"', "A short guide to your plan"

    def named(who: str) -> list[str]:
        asked = [site.ask("GET", route, who) for route in LISTS]
        assert {one.status for one in asked} == {200}
        return [one.route for one in asked if any(word.encode() in one.body for word in words)]

    assert named("neighbour") == []
    assert named("marketer") == list(LISTS)


def test_no_decision_is_made_by_another_desks_campaign(site: Site) -> None:
    Campaign.objects.filter(slug="guide").update(state="running")
    site.written = written()
    ask = {"data": '{"userId": "u1", "campaign": "guide", "channel": "email"}', "content_type": JSON}

    refused = site.ask("POST", "api/v1/decisions", "token:neighbour", **ask)
    allowed = site.ask("POST", "api/v1/decisions", "token:marketer", **ask)

    assert (refused.status, refused.wrote, allowed.status) == (404, frozenset(), 409)  # it had its message of this run
    Message.objects.filter(client__user_id="u1").delete()
    assert site.ask("POST", "api/v1/decisions", "token:marketer", **ask).status == 200


def test_a_block_is_read_by_all_and_changed_by_its_own_desk(site: Site) -> None:
    draft = '{"slug": "hostile", "slot": "body", "body": "Ours now."}'
    asked = {
        who: [
            site.ask("POST", route, who, content_type=JSON if route.startswith(MACHINES) else FORM) for route in BLOCKS
        ]
        + [
            site.ask("POST", "api/v1/blocks", who, data=draft, content_type=JSON),
            site.ask("POST", "console/blocks/new/", who, data="slug=hostile&slot=body&body=Ours", content_type=FORM),
        ]
        for who in ("neighbour", "marketer")
    }

    assert {(one.status, one.wrote) for one in asked["neighbour"]} == {(403, frozenset())}
    assert 403 not in {one.status for one in asked["marketer"]}
    assert site.ask("GET", "console/blocks/<slug:slug>/", "neighbour").status == 200


def test_a_new_campaign_is_its_owners_desks_and_one_person_more_may_be_let_in(site: Site) -> None:
    neighbour = site.people["neighbour"]
    guide = Campaign.objects.get(slug="guide")
    made = plans.copy(guide, slug="theirs", name="Theirs", by=neighbour, at=now())

    assert [one.slug for one in desks.campaigns(neighbour)] == ["theirs"]
    assert made not in desks.campaigns(site.people["marketer"])
    assign_perm("work_on_campaign", neighbour, guide)
    assert {one.slug for one in desks.campaigns(Staff.objects.get(pk=neighbour.pk))} == {"guide", "theirs"}
    assert {one.slug for one in desks.campaigns(site.people["officer"])} >= {"guide", "theirs"}


def test_a_right_dies_with_what_it_is_about_and_raw_sql_leaves_none_behind(site: Site) -> None:
    made = plans.copy(
        Campaign.objects.get(slug="guide"), slug="gone", name="Gone", by=site.people["marketer"], at=now()
    )
    granted = CampaignDeskGrant.objects.filter(content_object=made)
    assert granted.count() == 1

    made.delete()

    assert CampaignDeskGrant.objects.filter(content_object_id=made.pk).count() == 0
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ORPHAN)


def test_nobody_gives_themselves_a_desk_a_role_or_a_right(site: Site) -> None:
    marketer, officer = site.people["marketer"], site.people["officer"]
    group, right = seats.group("wealth").pk, "(select min(id) from auth_permission)"
    tries = (
        f"insert into compliance_staff_groups (staff_id, group_id) values ({marketer.pk}, {group})",
        f"update compliance_staff_groups set group_id = {group} where staff_id = {marketer.pk}",
        f"insert into compliance_staff_user_permissions (staff_id, permission_id) values ({marketer.pk}, {right})",
        f"update compliance_staff set is_superuser = true where id = {marketer.pk}",
        f"update compliance_staff set role = 'officer' where id = {marketer.pk}",
    )
    with pytest.raises(seats.NotYours):
        seats.seat(marketer, ["wealth"], by=marketer, at=now())
    for one in tries:
        with (
            pytest.raises(IntegrityError, match="nobody_gives_themselves_rights"),
            transaction.atomic(),
            acting(f"staff:{marketer.pk}"),
            connection.cursor() as cursor,
        ):
            cursor.execute(one)

    with transaction.atomic(), acting(f"staff:{officer.pk}"):
        seats.seat(marketer, ["main", "wealth"], by=officer, at=now())

    assert seats.of(marketer) == ["main", "wealth"]
    entry = LedgerEntry.objects.filter(kind="staff.seated").latest("pk")
    assert (entry.actor, entry.facts) == (f"staff:{officer.pk}", {"desks": ["main", "wealth"]})
    assert LedgerEntry.objects.filter(about__startswith="compliance_staff_groups:", actor=entry.actor).exists()


def test_a_command_seats_somebody_else(site: Site) -> None:
    neighbour = site.people["neighbour"]

    with pytest.raises(CommandError, match="Somebody else"):
        call_command("seat", "neighbour", "main", by="neighbour")
    assert seats.of(neighbour) == ["wealth"]
    call_command("seat", "neighbour", "main", by="officer", stdout=StringIO())

    assert seats.of(neighbour) == ["main"]


def test_nobody_signed_in_has_nothing(site: Site) -> None:
    assert list(desks.campaigns(AnonymousUser())) == []
    assert get_objects_for_user(site.people["neighbour"], desks.WORK_ON_CAMPAIGN, Campaign).count() == 0


def test_a_run_waits_when_whoever_launched_it_may_no_longer(site: Site) -> None:
    run = Run.objects.get(pk=site.names["run_id"])
    run.pauses.update(resumed_by=site.people["officer"], resumed_at=now(), why_resumed="Looked at.")
    launcher, at = Staff.objects.filter(pk=run.launched_by_id), now()
    Run.objects.filter(pk=run.pk).update(state="sending")

    assert authority.look(at=at) == []
    launcher.update(is_active=False)
    assert authority.look(at=at) == [run.pk]
    assert run.pauses.get(resumed_at=None).reason in watch.SENTENCES
    launcher.update(is_active=True)
    watch.resume(run.pk, reason="I answer for it.", by=site.people["marketer"], at=at)
    seats.seat(launcher.get(), ["wealth"], by=site.people["officer"], at=at)
    assert authority.look(at=at) == []  # it has somebody who answers for it


def test_a_packet_is_not_built_for_somebody_who_may_no_longer_read_it(site: Site) -> None:
    asked, officer = Packet.objects.get(pk=site.names["packet_id"]), Staff.objects.filter(pk=site.people["officer"].pk)
    officer.update(is_active=False)

    assert packet.build(asked.pk, exhibits=exhibits.of, at=now()) is False

    asked.refresh_from_db()
    assert (asked.state, asked.error, asked.path) == ("failed", packet.LEFT, "")
