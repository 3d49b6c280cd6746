"""Consent: what a client allowed, in which words, with what proof. Unknown is no; denial wins."""

import uuid

from django.db import models

from compliance.datamap import PersonalData
from compliance.models.client import Client, Jurisdiction


class Purpose(models.TextChoices):
    """Why we process a client's data. Everything is off until the client says otherwise."""

    SERVICE = "service", "Service and legal notices"
    MARKETING = "marketing", "Our own products and education"
    PARTNER = "partner", "Products of partners"
    AFFILIATE = "affiliate", "Products of firms of our group"
    PROFILING = "profiling", "Using my activity to choose what is relevant"
    MEASUREMENT = "measurement", "Measuring whether I open and click"
    SENSITIVE = "sensitive", "Using sensitive details I gave you"


class Channel(models.TextChoices):
    """How a message reaches a client; ANY is for purposes that are not about a channel."""

    EMAIL = "email", "E-mail"
    SMS = "sms", "Text message"
    PUSH = "push", "Push notification"
    WEB = "web", "Web and app pages"
    POST = "post", "Post"
    PHONE = "phone", "Phone"
    ANY = "any", "All channels"


class Action(models.TextChoices):
    """What happened to a consent."""

    GIVEN = "given", "given"
    CONFIRMED = "confirmed", "confirmed"
    REFUSED = "refused", "refused"
    WITHDRAWN = "withdrawn", "withdrawn"
    OBJECTED = "objected", "objected to all direct marketing"
    IMPORTED = "imported", "imported"
    EXPIRED = "expired", "expired"
    GPC_ON = "gpc_on", "browser asked not to sell or share"
    MERGED = "merged", "merged from another record of the same person"


class State(models.TextChoices):
    """The folded answer for one client, purpose and channel."""

    ALLOWED = "allowed", "allowed"
    DENIED = "denied", "denied"
    PENDING = "pending", "pending"


class Wording(models.Model):
    """The exact words a client was shown. Immutable; `version` is what callers quote."""

    version = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=24, default="consent")  # consent, notice, soft_optin
    text = models.TextField()
    language = models.CharField(max_length=8, default="en")
    sha256 = models.CharField(max_length=64, unique=True)
    in_force_from = models.DateTimeField()
    in_force_to = models.DateTimeField(null=True)


class ConsentEvent(models.Model):
    """One act of one client about one purpose and channel. Insert only; a trigger refuses all else.

    Purposes that are not about a channel have ANY. A no with ANY is for all channels; a yes names its channel.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="consent_events")
    purpose = models.CharField(max_length=16, choices=Purpose)
    channel = models.CharField(max_length=8, choices=Channel)
    jurisdiction = models.CharField(max_length=2, choices=Jurisdiction)
    action = models.CharField(max_length=12, choices=Action)
    basis = models.CharField(max_length=24, default="consent")  # consent, soft_optin, legitimate_interest, contract
    wording = models.ForeignKey(Wording, null=True, on_delete=models.PROTECT, related_name="+")
    surface = models.CharField(max_length=80)  # where: "portal", "import:FILE", "one-click", "api"
    mechanism = models.CharField(max_length=16)  # checkbox, button, link, header, import, signal, one_click
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    actor = models.CharField(max_length=80)  # "client", "staff:3", "source:web"
    evidence = models.JSONField(default=dict)

    personal_data = PersonalData(
        client="client",
        why="to prove what the client allowed or refused (GDPR Art. 7(1))",
        keep_days=6 * 365,
        on_erasure="keep",
        ground="GDPR Art. 17(3)(b) and (e): proof of consent and of its withdrawal",
    )

    class Meta:
        indexes = [models.Index(fields=["client", "purpose", "channel", "occurred_at"], name="consent_event_fold")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(action="given") | models.Q(wording__isnull=False),
                name="a_given_consent_names_its_wording",
            ),
            models.CheckConstraint(
                condition=~models.Q(evidence__initially_checked=True), name="no_box_is_ticked_beforehand"
            ),
            models.CheckConstraint(
                condition=models.Q(occurred_at__lte=models.F("recorded_at")),
                name="nothing_is_recorded_before_it_happened",
            ),
            models.CheckConstraint(
                condition=~models.Q(
                    action__in=["given", "confirmed", "imported"],
                    purpose__in=["service", "marketing", "partner", "affiliate"],
                    channel="any",
                ),
                name="a_yes_names_its_channel",
            ),
            models.CheckConstraint(
                condition=~models.Q(purpose__in=["profiling", "measurement", "sensitive"]) | models.Q(channel="any"),
                name="a_purpose_without_channels_is_for_all",
            ),
        ]


class ConsentState(models.Model):
    """The fold of a client's consent events for one purpose and channel; no row means no.

    Written only by the database, in the transaction that adds an event.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="consent_states")
    purpose = models.CharField(max_length=16, choices=Purpose)
    channel = models.CharField(max_length=8, choices=Channel)
    state = models.CharField(max_length=8, choices=State)
    basis = models.CharField(max_length=24)
    since = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, related_name="+")
    valid_until = models.DateTimeField(null=True)

    personal_data = PersonalData(
        client="client", why="the current answer to: may we?", keep_days=None, on_erasure="delete"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client", "purpose", "channel"], name="one_answer_per_purpose_and_channel"),
        ]


class Suppression(models.Model):
    """An address nobody may write to, by keyed hash, so that it outlives the client's erasure."""

    contact_hmac = models.BinaryField(max_length=32)
    channel = models.CharField(max_length=8, choices=Channel)
    reason = models.CharField(max_length=24)  # unsubscribed, hard_bounce, complaint, imported, erased
    source = models.CharField(max_length=80)
    since = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact_hmac", "channel"], name="one_suppression_per_contact")]


class WishedHours(models.TextChoices):
    """In which hours of their own day a client wishes to hear from us: from the first until before the last."""

    MORNING = "6-12", "In the morning, 6 to 12"
    AFTERNOON = "12-18", "In the afternoon, 12 to 18"
    EVENING = "18-22", "In the evening, 18 to 22"


class Preference(models.Model):
    """What the client wishes beyond yes and no: how often, when, and a pause."""

    client = models.OneToOneField(Client, on_delete=models.CASCADE, related_name="preference")
    max_per_week = models.PositiveSmallIntegerField(null=True)  # null: the firm's cap
    pause_until = models.DateField(null=True)
    hours = models.CharField(max_length=5, choices=WishedHours, blank=True, default="", db_default="")
    topics_declined = models.JSONField(default=list)  # codes of compliance topics
    signals_off = models.JSONField(default=list)  # feature codes the client switched off
    updated_at = models.DateTimeField()

    personal_data = PersonalData(
        client="client", why="to respect the client's own cadence", keep_days=None, on_erasure="delete"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hours__in=["", *WishedHours.values]), name="hours_are_wished_as_they_are_offered"
            )
        ]
