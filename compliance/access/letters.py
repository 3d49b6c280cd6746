"""Mails to our own people about their sign-in."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from compliance.models import Staff


def send_reset(staff_id: int) -> bool:
    """Mail the link for a new password; False when there is nobody, nobody let in, or no address."""
    staff = Staff.objects.filter(pk=staff_id, is_active=True).exclude(email="").first()
    if staff is None:
        return False
    who, token = urlsafe_base64_encode(force_bytes(staff.pk)), default_token_generator.make_token(staff)
    link = settings.BASE_URL + reverse("new_password", args=[who, token])
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    body = render_to_string("mail/reset.txt", {"link": link, "minutes": minutes, "staff": staff})
    send_mail("A new password for Personalize", body, settings.FIRM["sender"], [staff.email])
    return True
