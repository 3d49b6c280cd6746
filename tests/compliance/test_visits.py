"""A visit ends in time, at sign-out, and at once when its person changes."""

import json
import os
import subprocess
import sys

import pytest
from django.db import connection
from django.test import Client

from compliance import roles
from compliance.access import visits
from compliance.models import Role, Staff, StaffSession
from tests.people import PASSWORD
from tests.signing import age, enter

pytestmark = pytest.mark.django_db


def is_in(browser):
    return browser.get("/account/").status_code == 200


@pytest.fixture
def two(marketer):
    """Two browsers of one person."""
    browsers = Client(headers={"user-agent": "First"}), Client(headers={"user-agent": "Second"})
    for one in browsers:
        enter(one, marketer)
        assert is_in(one)
    return browsers


def test_a_visit_has_a_new_number_after_signing_in(client, marketer):
    client.get("/sign-in/")
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["session"] = session.session_key

    enter(client, marketer)

    assert client.session.session_key != session.session_key
    assert not StaffSession.objects.filter(pk=session.session_key).exists()


@pytest.mark.parametrize(("name", "limit"), [("seen", "SESSION_IDLE_S"), ("signed_in", "SESSION_COOKIE_AGE")])
def test_it_ends_in_time(client, marketer, settings, name, limit):
    settings.SESSION_IDLE_S = 900
    enter(client, marketer)
    age(client, name, by_s=getattr(settings, limit) - 60)
    assert is_in(client)
    age(client, name, by_s=getattr(settings, limit))

    answer = client.get("/console/", follow=True)

    assert answer.redirect_chain[0][0].startswith("/sign-in/")
    assert "You were signed out" in answer.content.decode()
    assert not StaffSession.objects.filter(staff=marketer).exists()


def test_production_asks_for_fifteen_minutes_a_second_step_and_host_cookies():
    """A start of its own, because settings are read once."""
    program = (
        "import json; from django.conf import settings as s; "
        "print(json.dumps([s.SESSION_IDLE_S, s.SESSION_COOKIE_AGE, s.STEP_UP_S, s.SECOND_STEP_REQUIRED, "
        "s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, "
        "s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_DOMAIN, s.CSRF_COOKIE_NAME, s.SECURE_HSTS_SECONDS, "
        "s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.PASSWORD_HASHERS[0].rpartition('.')[2]]))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "personalize.settings", "ENV": "production",
           "BASE_URL": "https://console.example", "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}  # fmt: skip
    found = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)

    assert json.loads(found.stdout) == [
        900, 43200, 900, True, "__Host-session", True, True, "Lax", "/", None, "__Host-csrftoken", 31_536_000, True,
        "Argon2PasswordHasher",
    ]  # fmt: skip


def test_signing_out_ends_it_and_has_the_browser_forget(two):
    first, second = two
    kept = first.cookies["session"].value

    gone = first.post("/sign-out/")

    assert gone.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    first.cookies["session"] = kept
    assert (is_in(first), is_in(second)) == (False, True)


def test_a_person_sees_their_visits_and_ends_one_or_all_others(two, marketer2):
    first, second = two
    other = Client(headers={"user-agent": "Stranger"})
    enter(other, marketer2)
    page = first.get("/account/").content.decode()
    assert ("First" in page, "Second" in page, "Stranger" in page) == (True, True, False)
    assert first.session.session_key not in page
    shown = [one["label"] for one in first.get("/account/").context["visits"] if not one["here"]]

    assert [one["label"] for one in other.get("/account/").context["visits"]] != shown
    other.post("/account/visits/end/", {"visit": shown[0]})
    assert is_in(second), "nobody ends another person's visit"
    first.post("/account/visits/end/", {"visit": shown[0]})

    assert (is_in(first), is_in(second), is_in(other)) == (True, False, True)
    enter(second, Staff.objects.get(username="marketer"))
    first.post("/account/visits/end/")
    assert (is_in(first), is_in(second)) == (True, False)


def test_a_new_password_ends_all_others_and_needs_the_old_one(two, marketer):
    first, second = two
    new = "correct horse battery staple"
    refused = [
        first.post("/account/password/", form).status_code
        for form in (
            {"old": "wrong", "new": new, "again": new},
            {"old": PASSWORD, "new": new, "again": new + "x"},
            {"old": PASSWORD, "new": "short", "again": "short"},
        )
    ]
    assert (refused, is_in(second)) == ([422, 422, 422], True)

    first.post("/account/password/", {"old": PASSWORD, "new": new, "again": new})

    assert (is_in(first), is_in(second)) == (True, False)
    assert Staff.objects.get(pk=marketer.pk).check_password(new)


@pytest.mark.parametrize("change", ["role", "out"])
def test_a_changed_role_and_leaving_end_all(two, marketer, client, change):
    client.force_login(roles.hire("root", Role.ADMIN, PASSWORD))

    client.post(f"/people/{marketer.pk}/{change}/", {"role": "editor"})

    assert [is_in(one) for one in two] == [False, False]
    assert is_in(client)


def test_raw_sql_ends_them_too(two, marketer):
    with connection.cursor() as cursor:
        cursor.execute("update compliance_staff set role = 'editor' where id = %s", [marketer.pk])

    assert [is_in(one) for one in two] == [False, False]


def test_nobody_changes_their_own_role_or_sets_a_standing(client, marketer):
    root = roles.hire("root", Role.ADMIN, PASSWORD)
    client.force_login(root)

    answer = client.post(f"/people/{root.pk}/role/", {"role": "officer"})
    Staff.objects.filter(pk=marketer.pk).update(standing=7)

    assert (answer.status_code, Staff.objects.get(pk=root.pk).role) == (403, "admin")
    assert Staff.objects.get(pk=marketer.pk).standing == 1


def test_no_signed_in_page_is_stored(client, marketer):
    assert "no-store" in client.get("/sign-in/").headers["Cache-Control"]
    enter(client, marketer)

    kept = [
        path
        for path in ("/console/", "/account/", "/api/v1/campaigns", "/nowhere/")
        if "no-store" not in client.get(path).headers.get("Cache-Control", "")
    ]

    assert kept == []


def test_only_an_administrator_opens_the_admin_site(client, marketer, officer):
    for staff in (marketer, officer):
        client.force_login(staff)
        assert client.get("/admin/").status_code == 302, staff
    client.force_login(roles.hire("root", Role.ADMIN, PASSWORD))

    assert client.get("/admin/").status_code == 200


MOZILLA, CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 ", "Chrome/147.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (MOZILLA.format("X11; Linux x86_64") + CHROME, "Chrome on Linux"),
        (MOZILLA.format("Windows NT 10.0; Win64; x64") + CHROME + " Edg/147", "Edge on Windows"),
        (MOZILLA.format("iPhone; CPU iPhone OS 19_0 like Mac OS X") + "Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0) Gecko/20100101 Firefox/140.0", "Firefox on Mac"),
        ("curl/8", "curl/8"),
        ("", "Unknown"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent, shown):
    assert visits.browser(agent) == shown
