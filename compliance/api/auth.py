"""Bearer tokens for programs."""

from django.utils.timezone import now
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from compliance.access import bearers
from compliance.models import ApiToken, Staff


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` or `X-API-Key: <token>`; known, unexpired, not revoked."""

    def authenticate(self, request: Request) -> tuple[Staff, ApiToken] | None:
        """Return the token's owner, None without a bearer header, or refuse with 401."""
        words = get_authorization_header(request).split()
        if "X-API-Key" in request.headers:  # OFREP clients send the same token under this name
            words = [b"bearer", request.headers["X-API-Key"].encode("utf-8", "replace")]
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The Authorization header must read: Bearer <token>.")
        token = bearers.find(words[1], at=now())
        if token is None:
            raise AuthenticationFailed("This token is not known, has expired or was revoked.")
        return token.staff, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge that makes a refusal a 401."""
        return 'Bearer realm="personalize"'


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema names the bearer token."""

    target_class = "compliance.api.auth.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """HTTP bearer."""
        return {"type": "http", "scheme": "bearer"}
