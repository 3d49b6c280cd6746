"""A token opens what it was given for, while it lasts, and dies with its owner's standing."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from compliance import roles
from compliance.access import bearers
from compliance.models import ApiToken, ApiTokenUse, Client, LedgerEntry, Role, Staff
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db
FACTS = {"kind": "base_rate", "value": 4.5, "effective_at": "2026-11-01T00:00:00Z"}


@pytest.fixture
def give(marketer):
    def _give(*scopes, staff=marketer, lasts=timedelta(days=7)):
        at = now()
        return bearers.give(staff, name="t", scopes=scopes, expires_at=at + lasts, by=staff, at=at)

    return _give


def get(client, secret):
    return client.get("/api/v1/campaigns", headers={"Authorization": f"Bearer {secret}"})


def put(client, secret):
    return client.put(
        "/api/v1/clients/u-1/consents",
        [{"purpose": "marketing", "channel": "email", "granted": False, "source": "crm"}],
        content_type="application/json", headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip


def test_one_that_reads_changes_nothing(client, give):
    ann = Client.objects.create(user_id="u-1", first_seen_at=now())
    _, reads = give("read")
    _, writes = give("build_campaigns")

    refused = put(client, reads)

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert not ann.consent_events.exists()
    assert get(client, reads).status_code == 200
    assert put(client, writes).status_code == 200
    assert get(client, writes).json()["code"] == "scope_missing"


def test_the_scope_never_gives_more_than_the_role(client, give, marketer):
    token, secret = give("read")
    ApiToken.objects.filter(pk=token.pk).update(scopes=["read", "oversee"])

    assert client.get("/api/v1/ledger", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


def test_ended_revoked_and_unknown_ones_open_nothing(client, give, marketer):
    token, secret = give("read")
    ended, old = give("read")
    ApiToken.objects.filter(pk=ended.pk).update(expires_at=now() - timedelta(seconds=1))
    assert get(client, secret).status_code == 200

    assert bearers.revoke(token.pk, by=marketer, at=now())
    assert not bearers.revoke(token.pk, by=marketer, at=now())

    assert [get(client, one).status_code for one in (secret, old, secret + "x", "")] == [401, 401, 401, 401]
    kinds = LedgerEntry.objects.filter(about=f"token:{token.pk}").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["token.given", "token.revoked"]


@pytest.mark.parametrize("change", [{"role": Role.EDITOR}, {"is_active": False}, {"is_superuser": True}])
def test_it_dies_with_its_owners_standing_and_does_not_come_back(client, give, marketer, change):
    _, secret = give("read")
    before = {name: getattr(marketer, name) for name in change}

    Staff.objects.filter(pk=marketer.pk).update(**change)
    assert get(client, secret).status_code == 401
    Staff.objects.filter(pk=marketer.pk).update(**before)

    assert get(client, secret).status_code == 401
    assert get(client, give("read")[1]).status_code == 200


def test_only_its_digest_is_kept_and_it_is_long(give):
    token, secret = give("read")

    kept = ApiToken.objects.filter(pk=token.pk).values().get()

    assert bytes(kept["sha256"]) == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(kept)
    assert len(re.sub("^pz_", "", secret)) * 6 >= 128
    assert len({give("read")[1] for _ in range(20)}) == 20


def test_its_last_use_is_noted_to_the_minute(client, give):
    token, secret = give("read")
    assert not ApiTokenUse.objects.exists()
    get(client, secret)
    first = ApiTokenUse.objects.get(token=token).at

    get(client, secret)
    assert ApiTokenUse.objects.get(token=token).at == first
    ApiTokenUse.objects.update(at=first - timedelta(minutes=5))
    get(client, secret)

    assert ApiTokenUse.objects.get(token=token).at >= first
    assert not LedgerEntry.objects.filter(about__startswith="compliance_apitokenuse").exists()


def test_the_owner_makes_one_on_a_page_and_sees_it_once(client, marketer):
    client.force_login(marketer)
    form = {"name": "nightly", "scope": ["read"], "days": "30"}
    for bad in ({"name": ""}, {"scope": []}, {"scope": ["oversee"]}, {"days": "9999"}):
        assert client.post("/account/tokens/", {**form, **bad}).status_code == 422
    assert not ApiToken.objects.exists()

    made = client.post("/account/tokens/", form)

    secret = re.search(r'class="secret">(pz_[\w-]+)<', made.content.decode())[1]
    assert (made.status_code, get(client, secret).status_code) == (201, 200)
    again = client.get("/account/tokens/").content.decode()
    assert ("nightly" in again, secret in again) == (True, False)
    client.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert get(client.__class__(), secret).status_code == 401


def test_an_administrator_sees_and_ends_all_others_only_their_own(client, give, marketer2):
    token, secret = give("read")
    client.force_login(marketer2)
    assert client.get("/people/tokens/").status_code == 403
    assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert get(client.__class__(), secret).status_code == 200

    client.force_login(roles.hire("root", Role.ADMIN, PASSWORD))
    assert "marketer" in client.get("/people/tokens/").content.decode()
    client.post(f"/account/tokens/{token.pk}/revoke/")

    assert get(client.__class__(), secret).status_code == 401
