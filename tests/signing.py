"""What tests of signing in share: a second step that is there, its codes, and a proof that has grown old."""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from compliance.access.engine import VISIT
from compliance.models import Staff
from tests.people import PASSWORD


def enter(browser: Client, staff: Staff, **more: Any) -> Any:
    """Sign in at the door, by name and password."""
    return browser.post("/sign-in/", {"username": staff.username, "password": PASSWORD, **more})


def with_app(staff: Staff) -> str:
    """Give the person an authenticator app; its secret."""
    secret = generate_totp_secret()
    TOTP.activate(staff, secret)
    return secret


def code(secret: str, ahead: int = 0) -> str:
    """What the app shows now, or `ahead` half minutes from now. One ahead is taken too, however the clock falls."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


def age(browser: Client, *names: str, by_s: float) -> None:
    """Make the times of the visit older: "signed_in", "seen", "proved"."""
    session = browser.session
    session[VISIT] = {**session[VISIT], **{name: session[VISIT][name] - by_s for name in names}}
    session.save()


def steps(staff: Staff) -> list[str]:
    """The kinds of second step that the person has."""
    return sorted(Authenticator.objects.filter(user=staff).values_list("type", flat=True))
