"""Signing in at the firm's identity provider: what it signs is believed, and only for people who are staff."""

import json
import os
import subprocess
import sys

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa

from compliance.models import LedgerEntry, Staff
from tests.compliance.provider import Provider
from tests.signing import code, with_app

pytestmark = pytest.mark.django_db
BEGIN = "/sign-in/with/firm/"


@pytest.fixture(scope="module")
def running():
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture
def provider(running, settings):
    """The firm has this provider, as the environment would say it."""
    running.person = {"sub": "p-1", "email": "maya@firm.example", "email_verified": True}
    running.says, running.signs_with, running.algorithm = {}, running.key, "RS256"
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "firm", "name": "Firm", "client_id": "console", "secret": "hush",
                    "settings": {"server_url": running.issuer, "fetch_userinfo": False},
                }
            ],
        }
    }  # fmt: skip
    return running


@pytest.fixture
def maya(marketer):
    Staff.objects.filter(pk=marketer.pk).update(email="Maya@firm.example")
    return marketer


def come_back(client, provider, begin=BEGIN):
    return client.get(provider.sign_on(client.get(begin).headers["Location"]).removeprefix("http://testserver"))


def is_in(client):
    return client.get("/account/").status_code == 200


def test_a_person_of_ours_comes_in_and_is_known_by_the_providers_name_from_then_on(client, provider, maya):
    back = come_back(client, provider, BEGIN + "?next=/console/blocks/")

    assert (back.status_code, back.headers["Location"], is_in(client)) == (302, "/console/blocks/", True)
    bound = SocialAccount.objects.get()
    assert (bound.user, bound.uid, bound.extra_data) == (maya, "p-1", {})
    assert LedgerEntry.objects.filter(kind="staff.sign_on_bound", about=f"staff:{maya.pk}").count() == 1
    client.post("/sign-out/")
    provider.person["email"] = "changed@firm.example"
    come_back(client, provider)
    assert is_in(client)


def test_the_second_step_is_asked_for_all_the_same(client, provider, maya):
    secret = with_app(maya)

    assert come_back(client, provider).headers["Location"] == "/sign-in/step/"
    assert not is_in(client)
    client.post("/sign-in/step/", {"code": code(secret)})
    assert is_in(client)


@pytest.mark.parametrize(
    "person",
    [
        {"email": "stranger@firm.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": ""},
    ],
)
def test_whoever_is_not_staff_stays_outside_and_nobody_is_made(client, provider, maya, person):
    provider.person |= person
    before = Staff.objects.count()

    refused = come_back(client, provider)

    assert (refused.status_code, is_in(client), SocialAccount.objects.count()) == (403, False, 0)
    assert Staff.objects.count() == before
    provider.person = {"sub": "p-1", "email": "maya@firm.example", "email_verified": True}
    come_back(client, provider)
    assert is_in(client)


def test_a_second_name_at_the_provider_is_not_bound_to_the_same_person(client, provider, maya):
    come_back(client, provider)
    client.post("/sign-out/")
    provider.person["sub"] = "p-2"

    assert come_back(client, provider).status_code == 403
    assert not is_in(client)


def test_who_was_shut_out_stays_outside(client, provider, maya):
    come_back(client, provider)
    Staff.objects.filter(pk=maya.pk).update(is_active=False)

    assert come_back(client, provider).status_code == 403
    assert not is_in(client)


@pytest.mark.parametrize(
    "lie",
    [{"aud": "other"}, {"iss": "http://127.0.0.1:1"}, {"exp": 1}, {"nonce": "another"}, {"nonce": None}],
    ids=lambda lie: next(iter(lie)),
)
def test_a_token_for_somebody_else_or_another_time_is_refused(client, provider, maya, lie):
    provider.says = lie

    refused = come_back(client, provider)

    assert (refused.status_code, is_in(client), SocialAccount.objects.count()) == (403, False, 0)


def test_a_token_that_the_provider_did_not_sign_is_refused(client, provider, maya):
    provider.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert come_back(client, provider).status_code == 403
    provider.signs_with, provider.algorithm = None, "none"
    assert come_back(client, provider).status_code == 403
    provider.signs_with, provider.algorithm = "a secret that is long enough to sign", "HS256"
    assert come_back(client, provider).status_code == 403

    assert not is_in(client)


def test_an_answer_that_was_not_asked_for_or_comes_twice_is_refused(client, provider, maya):
    back = provider.sign_on(client.get(BEGIN).headers["Location"]).removeprefix("http://testserver")
    stranger = client.__class__()
    assert stranger.get(back).status_code == 403
    assert not is_in(stranger)
    client.get(back)
    assert is_in(client)

    client.post("/sign-out/")

    assert client.get(back).status_code == 403
    assert not is_in(client)


def test_when_the_provider_is_away_the_door_says_so(client, provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:9"

    assert client.get(BEGIN).status_code == 502


def test_it_leads_nowhere_but_to_us_afterwards(client, provider, maya):
    back = come_back(client, provider, BEGIN + "?next=https://evil.example/")

    assert back.headers["Location"] == "/"


def test_without_a_provider_there_is_no_such_door(client, db):
    assert client.get(BEGIN).status_code == client.get(BEGIN + "back/").status_code == 404
    assert "sign-on" not in client.get("/sign-in/").content.decode()


def test_the_environment_alone_configures_it():
    program = (
        "import json; from django.conf import settings as s; "
        "print(json.dumps(s.SOCIALACCOUNT_PROVIDERS['openid_connect']['APPS'][0]))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "personalize.settings", "OIDC_ISSUER": "https://id.firm.example/",
           "OIDC_CLIENT_ID": "console", "OIDC_CLIENT_SECRET": "hush", "OIDC_NAME": "Firm"}  # fmt: skip
    run = {"capture_output": True, "text": True, "check": False}
    good = subprocess.run([sys.executable, "-c", program], env=env, **run)
    bad = subprocess.run([sys.executable, "-c", program], env={**env, "OIDC_CLIENT_SECRET": ""}, **run)

    assert json.loads(good.stdout) == {
        "provider_id": "firm", "name": "Firm", "client_id": "console", "secret": "hush",
        "settings": {"server_url": "https://id.firm.example", "fetch_userinfo": False},
    }  # fmt: skip
    assert "OIDC_ISSUER needs" in bad.stderr
