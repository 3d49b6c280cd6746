"""Searches that name a person: what was typed comes by POST and goes into the address sealed, never in the clear.

Addresses of pages end up in logs, histories and on screens that are shared; a client's own key may be an e-mail
address. ASVS V14.2.1.
"""

import base64
import hashlib
import json
from collections.abc import Collection

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict

SEALED = "named"
LASTS_S = 12 * 3600  # as long as a visit, at most


def moved(request: HttpRequest, private: Collection[str]) -> HttpResponse | None:
    """For a POST the way to the same page, with what is `private` sealed in its address; None for anything else."""
    if request.method != "POST":
        return None
    told = request.POST.copy()
    told.pop("csrfmiddlewaretoken", None)
    named = {name: told.pop(name)[-1] for name in sorted(private) if name in told}
    if any(named.values()):
        told[SEALED] = _keys().encrypt(json.dumps(named).encode()).decode()
    answer = HttpResponseRedirect(f"{request.path}?{told.urlencode()}")
    answer.status_code = 303
    return answer


def asked(request: HttpRequest, private: Collection[str]) -> QueryDict:
    """What the page was asked for, the `private` parts opened; those that stand in the address in the clear are not."""
    told = request.GET.copy()
    for name in private:
        told.pop(name, None)
    try:
        text = _keys().decrypt(told.get(SEALED, "").encode(), ttl=LASTS_S)
    except InvalidToken:
        return told
    for name, words in json.loads(text).items():
        if name in private:
            told[name] = words
    return told


def _keys() -> MultiFernet:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    derived = (hashlib.sha256(f"personalize.search|{one}".encode()).digest() for one in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in derived])
