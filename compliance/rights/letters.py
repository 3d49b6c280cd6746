"""Mails to clients about their rights."""

from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from compliance.rights import copylinks


def send_copy_link(link_id: int, *, secret: str, at: datetime) -> bool:
    """Mail the link to a copy to the client's own address; False where it was mailed before or has ended.

    secret: what the link holds; only its hash is kept, before the mail leaves. A mail that failed is not tried again:
    the client asks again.
    """
    made = copylinks.sealed(link_id, secret=secret, at=at)
    if made is None or not made.client.email:
        return False
    link = settings.PUBLIC_URL + reverse("own_copy", args=[secret])
    minutes = round(copylinks.LASTS.total_seconds() / 60)
    body = render_to_string("mail/copy.txt", {"link": link, "minutes": minutes, "firm": settings.FIRM})
    send_mail("Your copy of what we hold about you", body, settings.FIRM["sender"], [made.client.email])
    return True
