"""Staff come in by password and land where their work is."""

import pytest
from django.core.checks import run_checks
from django.db import models

from compliance import checks, roles
from compliance.models import Client, Role
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "home", "rights"),
    [
        (Role.MARKETER, "/console/", {"build_campaigns"}),
        (Role.EDITOR, "/review/", {"review_texts"}),
        (Role.OFFICER, "/compliance/", {"review_texts", "oversee", "serve_pages"}),
    ],
)
def test_each_role_has_its_rights_and_its_home(client, role, home, rights):
    staff = roles.hire("sam", role, PASSWORD)

    answer = client.post("/sign-in/", {"username": "sam", "password": PASSWORD})

    assert answer.status_code == 302
    assert client.get("/").headers["Location"] == home
    assert {one.removeprefix("compliance.") for one in staff.get_all_permissions()} == rights


def test_hiring_again_changes_the_role_and_leaves_no_old_right():
    roles.hire("sam", Role.OFFICER, PASSWORD)

    staff = roles.hire("sam", Role.MARKETER, PASSWORD)

    assert staff.get_all_permissions() == {"compliance.build_campaigns"}
    assert (staff.is_staff, staff.is_superuser) == (False, False)


def test_strangers_are_sent_to_the_door_and_wrong_passwords_close_it(client):
    roles.hire("sam", Role.MARKETER, PASSWORD)
    assert client.get("/").headers["Location"].startswith("/sign-in/")

    codes = [client.post("/sign-in/", {"username": "sam", "password": "x"}).status_code for _ in range(11)]

    assert codes[0] == 200
    assert codes[-1] == 429
    assert client.post("/sign-in/", {"username": "sam", "password": PASSWORD}).status_code == 429


def test_signing_out_ends_the_session_and_needs_a_post(client):
    roles.hire("sam", Role.MARKETER, PASSWORD)
    client.post("/sign-in/", {"username": "sam", "password": PASSWORD})

    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").status_code == 302
    assert client.get("/").headers["Location"].startswith("/sign-in/")


def test_every_table_with_a_client_says_what_it_holds():
    class Forgotten(models.Model):
        client = models.ForeignKey(Client, on_delete=models.CASCADE)

        class Meta:
            app_label = "nobody"

    assert run_checks() == []
    assert [one.id for one in checks.faults(Forgotten)] == ["compliance.E001"]
