"""The words clients are shown when they are asked; every consent names the version it was given under."""

import hashlib
from datetime import UTC, datetime

from compliance.models import Channel, Purpose, Wording

IN_FORCE_FROM = datetime(2024, 1, 1, tzinfo=UTC)

# version → (kind, text). A text never changes under its version: a new text is a new version.
WORDS = {
    "portal-marketing-email-1": (
        "consent",
        "Send me e-mails about your own products and about investing. I can stop them at any time, here or with the "
        "link in every e-mail.",
    ),
    "portal-marketing-sms-1": (
        "consent",
        "Send me text messages about your own products and about investing. I can stop them at any time, here or by "
        "replying STOP.",
    ),
    "portal-marketing-push-1": (
        "consent",
        "Send me notifications in the app about your own products and about investing. I can stop them at any time, "
        "here or in the app.",
    ),
    "portal-marketing-web-1": (
        "consent",
        "Show me suggestions about your own products and about investing on your website and in the app. I can stop "
        "this at any time, here.",
    ),
    "portal-marketing-post-1": (
        "consent",
        "Send me letters about your own products and about investing. I can stop them at any time, here or by "
        "telephone.",
    ),
    "portal-marketing-phone-1": (
        "consent",
        "Call me about your own products and about investing. I can stop the calls at any time, here or by telling "
        "the caller.",
    ),
    "portal-partner-email-1": (
        "consent",
        "Send me e-mails about products of your partner firms. You do not give them my details. I can stop this at "
        "any time.",
    ),
    "portal-affiliate-email-1": (
        "consent",
        "Send me e-mails about products of other firms of your group. This is a choice of its own: without it none of "
        "them writes to me, and you use nothing that you know of me to offer me theirs. I can stop this at any time.",
    ),
    "portal-profiling-1": (
        "consent",
        "Use what I do on your website, in the app and with your e-mails to choose what is relevant to me. No "
        "decision about my money is made this way. If I switch this off I get the same general texts as everybody.",
    ),
    "portal-measurement-1": (
        "consent",
        "Measure whether I open your e-mails and which links I follow, so that you can tell what is useful.",
    ),
    "portal-sensitive-1": (
        "consent",
        "Use sensitive details that I gave you myself, such as a change in my health or family, to spare me texts "
        "that would not be right for me. Never to sell me anything.",
    ),
    "service-notice-1": (
        "notice",
        "We send you messages about your account, about the service you have with us, and those the law asks us to "
        "send. They hold no advertising.",
    ),
}


def version(purpose: str, channel: str) -> str:
    """The version in use on our own pages for this question, or "" where we do not ask it."""
    named = f"portal-{purpose}-1" if channel == Channel.ANY else f"portal-{purpose}-{channel}-1"
    if purpose == Purpose.SERVICE:
        return "service-notice-1"
    return named if named in WORDS else ""


def text(purpose: str, channel: str) -> str:
    """The words in use on our own pages for this question, or "" where we do not ask it."""
    named = version(purpose, channel)
    return WORDS[named][1] if named else ""


def get(named: str) -> Wording:
    """The wording of a version; ours is written down on its first use. Raises Wording.DoesNotExist."""
    if named not in WORDS:
        return Wording.objects.get(version=named)
    kind, text = WORDS[named]
    return write(named, text=text, kind=kind, in_force_from=IN_FORCE_FROM)


def write(
    named: str,
    *,
    text: str,
    in_force_from: datetime,
    kind: str = "consent",
    language: str = "en",
    in_force_to: datetime | None = None,
) -> Wording:
    """Keep exact words under a version, once; ValueError when the version exists with other words."""
    wording, _ = Wording.objects.get_or_create(
        version=named,
        defaults={
            "kind": kind,
            "text": text,
            "language": language,
            "sha256": hashlib.sha256(f"{named}\n{language}\n{text}".encode()).hexdigest(),
            "in_force_from": in_force_from,
            "in_force_to": in_force_to,
        },
    )
    if wording.text != text:
        raise ValueError(f"Wording {named} exists with other words; give the new words a new version.")
    return wording
