"""Signing in at the firm's identity provider (OpenID Connect), configured by the environment alone.

The provider says who somebody is; who may come in stays our list of staff. Nobody is made staff by signing on.
"""

from typing import Any

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.timezone import now

from compliance import ledger
from compliance.models import Staff

PROVIDER = "firm"
NONCE = "sign_on_nonce"
SIGNED_BY = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
FAILED = "account/sign_on_failed.html"


class Adapter(OpenIDConnectOAuth2Adapter):
    """Believes the signed ID token alone: signature, issuer, audience, time and our nonce."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """The sign-on that the ID token names; OAuth2Error for a token that is not for this very attempt."""
        raw, nonce = kwargs["response"].get("id_token", ""), request.session.pop(NONCE, None)
        try:
            algorithm = jwt.get_unverified_header(raw).get("alg")
        except jwt.PyJWTError as broken:
            raise OAuth2Error("there is no ID token") from broken
        if algorithm not in SIGNED_BY:
            raise OAuth2Error("the ID token is signed by no public key")
        said = jwtkit.verify_and_decode(
            credential=raw,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        if not nonce or said.get("nonce") != nonce:
            raise OAuth2Error("the ID token answers another attempt")
        return self.get_provider().sociallogin_from_response(request, {"id_token": said})


class SocialAdapter(DefaultSocialAccountAdapter):
    """Finds the staff member that a sign-on names."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Never: staff are hired."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The first sign-on binds the provider's name of a person to the one of ours with that verified address."""
        if sociallogin.is_existing and sociallogin.user.is_active:
            return
        staff = None if sociallogin.is_existing else _staff(sociallogin.account.extra_data.get("id_token", {}))
        if staff is None:
            raise ImmediateHttpResponse(render(request, FAILED, {"unknown": True}, status=403))
        sociallogin.account.user = sociallogin.user = staff
        sociallogin.account.extra_data = {}
        sociallogin.account.save()
        ledger.record("staff.sign_on_bound", by=staff, at=now(), about=f"staff:{staff.pk}", facts={})

    def on_authentication_error(self, request: HttpRequest, provider: Any, **why: Any) -> None:
        """One page for whatever went wrong on the way; the reason is for the log."""
        raise ImmediateHttpResponse(render(request, FAILED, {"unknown": False}, status=403))


def _staff(said: dict[str, Any]) -> Staff | None:
    """The one active person with this address, when the provider vouches for it and they are bound to no other name."""
    if said.get("email_verified") is not True or not said.get("email"):
        return None
    found = list(Staff.objects.filter(email__iexact=said["email"], is_active=True)[:2])
    if len(found) != 1 or SocialAccount.objects.filter(user=found[0], provider=PROVIDER).exists():
        return None
    return found[0]


def is_offered() -> bool:
    """Whether the environment names a provider."""
    return bool(settings.SOCIALACCOUNT_PROVIDERS)
