"""A password alone opens nothing where there is, or must be, a second step."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from compliance import roles
from compliance.access import letters
from compliance.models import LedgerEntry, Role, Staff
from tests.people import PASSWORD
from tests.signing import age, code, enter, steps, with_app

pytestmark = pytest.mark.django_db


def deeds(staff: Staff) -> list[str]:
    found = LedgerEntry.objects.filter(about=f"staff:{staff.pk}", kind__startswith="staff.").order_by("pk")
    return list(found.values_list("kind", flat=True))


def is_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def test_an_app_is_added_by_its_code_and_asked_for_from_then_on(client, marketer):
    enter(client, marketer)
    page = client.get("/account/steps/app/").content.decode()
    secret = re.search(r'class="secret">([A-Z2-7 =]+)<', page)[1].replace(" ", "")

    wrong = client.post("/account/steps/app/", {"code": "000000"})
    assert (wrong.status_code, steps(marketer), deeds(marketer)) == (422, [], [])
    right = client.post("/account/steps/app/", {"code": code(secret)})

    assert right.headers["Location"] == "/account/steps/codes/"
    assert steps(marketer) == ["recovery_codes", "totp"]
    assert deeds(marketer) == ["staff.app_added"]
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True))), "kept encrypted"
    other = Client()
    assert enter(other, marketer).headers["Location"] == "/sign-in/step/"
    assert not is_in(other)
    assert other.post("/sign-in/step/", {"code": "000000"}).status_code == 200
    assert not is_in(other)
    assert other.post("/sign-in/step/", {"code": code(secret, 1)}).status_code == 302
    assert is_in(other)


def test_a_code_opens_once(marketer):
    secret, browsers = with_app(marketer), [Client(), Client()]
    for one in browsers:
        enter(one, marketer)

    shown = code(secret)
    for one in browsers:
        one.post("/sign-in/step/", {"code": shown})

    assert [is_in(one) for one in browsers] == [True, False]


def test_recovery_codes_are_shown_once_and_each_opens_once(client, marketer):
    with_app(marketer)
    client.force_login(marketer)
    client.post("/account/steps/codes/")
    first, again = (client.get("/account/steps/codes/").content.decode() for _ in range(2))
    codes = re.findall(r"<code>(\d{8})</code>", first)

    assert len(codes) == 10
    assert codes[0] not in again
    browsers = [Client(), Client(), Client()]
    for one, typed in zip(browsers, (codes[3], codes[3], codes[4]), strict=True):
        enter(one, marketer)
        one.post("/sign-in/step/", {"code": typed})
    assert [is_in(one) for one in browsers] == [True, False, True]


def test_the_second_step_is_slowed_too(client, marketer):
    secret = with_app(marketer)
    enter(client, marketer)

    for number in range(6):
        client.post("/sign-in/step/", {"code": f"00000{number}"})

    assert client.post("/sign-in/step/", {"code": code(secret)}).status_code == 200
    assert not is_in(client)


def test_where_it_is_required_nothing_opens_before_there_is_one(client, marketer, settings):
    settings.SECOND_STEP_REQUIRED = True
    client.force_login(marketer)

    assert client.get("/console/").headers["Location"] == "/account/"
    refused = client.get("/api/v1/campaigns")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_step_required")
    assert client.post("/account/tokens/", {"name": "t", "scope": "read", "days": "7"}).status_code == 302
    assert not marketer.tokens.exists()
    assert client.get("/account/").status_code == client.get("/account/steps/app/").status_code == 200
    with_app(marketer)
    assert client.get("/console/").status_code == 200
    assert client.get("/api/v1/campaigns").status_code == 200


def test_the_last_one_stays_where_it_is_required(client, marketer, settings):
    with_app(marketer)
    client.force_login(marketer)
    step = Authenticator.objects.get(user=marketer)
    settings.SECOND_STEP_REQUIRED = True
    client.post(f"/account/steps/{step.pk}/remove/")
    assert (steps(marketer), deeds(marketer)) == (["totp"], [])

    settings.SECOND_STEP_REQUIRED = False
    client.post(f"/account/steps/{step.pk}/remove/")

    assert (steps(marketer), deeds(marketer)) == ([], ["staff.app_removed"])


def test_nobody_touches_the_second_step_of_another(client, marketer, marketer2):
    with_app(marketer)
    client.force_login(marketer2)

    answer = client.post(f"/account/steps/{Authenticator.objects.get(user=marketer).pk}/remove/")

    assert (answer.status_code, steps(marketer)) == (404, ["totp"])


def test_a_forgotten_password_is_set_by_mail_once_and_the_second_step_stays(client, marketer, mailoutbox):
    Staff.objects.filter(pk=marketer.pk).update(email="maya@firm.example")
    secret = with_app(marketer)
    assert letters.send_reset(marketer.pk)
    link = re.search(r"/sign-in/forgotten/\S+/", mailoutbox[0].body)[0]
    new = "another long enough password"

    assert client.post(link, {"new": "password1234", "again": "password1234"}).status_code == 422
    assert Staff.objects.get(pk=marketer.pk).check_password(PASSWORD)
    assert client.post(link, {"new": new, "again": new}).headers["Location"] == "/sign-in/"

    assert client.get(link).status_code == client.post(link, {"new": PASSWORD, "again": PASSWORD}).status_code == 404
    assert not is_in(client)
    assert client.post("/sign-in/", {"username": "marketer", "password": new}).headers["Location"] == "/sign-in/step/"
    assert not is_in(client)
    client.post("/sign-in/step/", {"code": code(secret)})
    assert is_in(client)
    assert deeds(marketer) == ["staff.password_changed"]


def test_a_link_for_a_new_password_ends_after_ten_minutes_and_is_for_one_person(client, marketer, marketer2, settings):
    link, other = (
        f"/sign-in/forgotten/{urlsafe_base64_encode(force_bytes(who.pk))}/{default_token_generator.make_token(marketer)}/"
        for who in (marketer, marketer2)
    )
    assert (client.get(link).status_code, client.get(other).status_code) == (200, 404)
    assert settings.PASSWORD_RESET_TIMEOUT <= 600

    settings.PASSWORD_RESET_TIMEOUT = -1

    assert client.get(link).status_code == 404


def test_a_lost_phone_is_forgotten_by_an_administrator_and_only_by_one(client, marketer, marketer2):
    admin = roles.hire("root", Role.ADMIN, PASSWORD)
    with_app(marketer)
    held = Client()
    held.force_login(marketer)
    path = f"/people/{marketer.pk}/second-step/"
    client.force_login(marketer2)
    assert (client.post(path).status_code, steps(marketer)) == (403, ["totp"])

    client.force_login(admin)
    client.get("/people/")
    age(client, "proved", by_s=100_000)
    assert (client.post(path).status_code, steps(marketer)) == (403, ["totp"])
    client.post(path, {"step_up_password": PASSWORD})

    assert (steps(marketer), deeds(marketer), is_in(held)) == ([], ["staff.second_step_reset"], False)


def test_the_administrators_own_door_asks_for_it_too(client):
    admin = roles.hire("root", Role.ADMIN, PASSWORD)
    with_app(admin)

    answer = client.post("/admin/login/", {"username": "root", "password": PASSWORD})

    assert answer.headers["Location"] == "/sign-in/step/"
    assert client.get("/admin/").headers["Location"].startswith(("/sign-in/", "/admin/login/"))
