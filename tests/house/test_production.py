"""What a deployment may rely on: lines under TLS, no demonstration people, a list of what it is made of."""

import json
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from compliance import lines
from compliance.checks import no_line_can_be_read_on_its_way
from compliance.models import Client, Staff
from personalize.management.commands import sbom

ROOT = Path(__file__).parents[2]
FAR, NEAR = {"HOST": "db.example", "OPTIONS": {}}, {"HOST": "127.0.0.1"}
FAR_MAIL = {"mail": "smtp.example", "mail_is_safe": False}


def readable(database=NEAR, broker="pgmq://127.0.0.1/x", mail="localhost", mail_is_safe=False):
    found = lines.readable(databases={"DATABASE_URL": database}, broker=broker, mail=mail, mail_is_safe=mail_is_safe)
    return [one.partition(":")[0] for one in found]


def test_a_line_that_leaves_the_machine_goes_under_tls():
    safe = {**FAR, "OPTIONS": {"sslmode": "verify-full"}}

    assert readable() == readable({}) == readable({"HOST": "/run/postgresql"}) == []
    assert readable(FAR) == readable({**FAR, "OPTIONS": {"sslmode": "prefer"}}) == ["DATABASE_URL"]
    assert readable(broker="amqp://u:p@mq.example//") == readable(broker="pgmq://mq.example/x") == ["BROKER_URL"]
    assert readable(**FAR_MAIL) == ["EMAIL_URL"]
    assert readable(safe, "amqps://u:p@mq.example//", "smtp.example", mail_is_safe=True) == []
    assert readable(broker="pgmq://mq.example/x?sslmode=verify-full") == []


def test_production_is_told_of_every_such_line_and_a_desk_is_not(settings):
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "smtp.example", False, False
    settings.BROKER_URL, settings.OWNER_DATABASE = "amqp://mq.example//", FAR

    assert no_line_can_be_read_on_its_way() == []
    settings.PRODUCTION = True
    found = no_line_can_be_read_on_its_way()

    assert [one.msg.partition(":")[0] for one in found] == ["OWNER_DATABASE_URL", "BROKER_URL", "EMAIL_URL"]
    assert {one.id for one in found} == {"compliance.E007"}
    settings.EMAIL_USE_TLS, settings.BROKER_URL, settings.OWNER_DATABASE = True, "amqps://mq.example//", None
    assert no_line_can_be_read_on_its_way() == []


@pytest.mark.django_db
def test_production_has_no_demonstration_people(settings, at):
    settings.DEMO_PASSWORD, settings.API_TOKENS = "a-long-enough-password", {}
    Client.objects.create(user_id="u1", first_seen_at=at)  # where clients exist only the sign-ins are made
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="ENV is production"):
        call_command("demo", stdout=StringIO())
    assert not Staff.objects.exists()

    settings.PRODUCTION = False
    call_command("demo", stdout=StringIO())
    assert Staff.objects.filter(username="marketer").exists()


def test_what_it_is_made_of_is_listed_by_one_command():
    told = StringIO()
    call_command("sbom", stdout=told)
    made = json.loads(told.getvalue())
    pinned = tomllib.loads((ROOT / "uv.lock").read_text())["package"]

    others = {(one["name"], one["version"]) for one in pinned if one["name"] != sbom.OURS}
    assert {(one["name"], one["version"]) for one in made["components"]} == others
    files = [file for one in made["components"] for file in one["externalReferences"]]
    assert files
    assert {(one["alg"], len(one["content"])) for file in files for one in file["hashes"]} == {("SHA-256", 64)}
    known = {one["bom-ref"] for one in made["components"]} | {made["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in made["dependencies"]} == known
    assert {ref for one in made["dependencies"] for ref in one["dependsOn"]} <= known
    (ours,) = [one for one in made["dependencies"] if one["ref"] == made["metadata"]["component"]["bom-ref"]]
    assert any(ref.startswith("pkg:pypi/django@") for ref in ours["dependsOn"])


def test_what_strangers_say_of_a_proxy_changes_no_address():
    said = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "444",
            "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9;host=evil.example;proto=https"}  # fmt: skip
    request = RequestFactory().get("/", headers=said)

    assert request.build_absolute_uri("/") == "http://testserver/"
    assert not request.is_secure()
