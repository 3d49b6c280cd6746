"""What django-allauth asks us: who may come in, how secrets are kept, and which staff member a sign-on names."""

import base64
import hashlib

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import now

from compliance.access import visits
from compliance.models import Staff

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Account(DefaultAccountAdapter):
    """Staff are hired, they never sign up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def login(self, request: HttpRequest, user: Staff) -> None:
        """Sign in by the one backend that knows staff again by their session."""
        user.backend = BACKEND  # type: ignore[attr-defined]
        super().login(request, user)

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """As `step_up` counts it: signing in is a proof too."""
        return not visits.is_fresh(context.request.session, at=now())

    def get_reauthentication_methods(self, user: Staff) -> list[dict[str, str]]:
        """One page for all ways."""
        return [{"id": "step_up", "description": "Prove that it is you", "url": reverse("step_up")}]


class SecondStep(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are encrypted in the database."""

    def encrypt(self, text: str) -> str:
        """Under today's key."""
        return _keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Under today's key or an earlier one; raises InvalidToken for what was changed."""
        return _keys().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        """What the app on the phone shows."""
        return f"{settings.FIRM['name']} Personalize"

    def _get_site_name(self) -> str:
        return self.get_totp_issuer()


def _keys() -> MultiFernet:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    derived = (hashlib.sha256(f"personalize.second-step|{one}".encode()).digest() for one in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in derived])
