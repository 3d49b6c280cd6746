"""Block: a modular piece of content, and its immutable, hashed versions."""

from django.db import models
from simple_history.models import HistoricalRecords

from compliance.models import Staff


class Slot(models.TextChoices):
    """The place a block takes in a message, in reading order."""

    SUBJECT = "subject", "Subject line"
    PREHEADER = "preheader", "Preheader"
    VISUAL = "visual", "Visual"
    VALUE_PROPOSITION = "value_proposition", "Value proposition"
    BODY = "body", "Body"
    DISCLOSURE = "disclosure", "Disclosure"
    CALL_TO_ACTION = "call_to_action", "Call to action"


class Framing(models.TextChoices):
    """How a text speaks of risk and effort, from the most careful on."""

    CONSERVATIVE = "conservative", "Conservative"
    BALANCED = "balanced", "Balanced"
    GROWTH = "growth", "Growth"
    EXPERIENCED = "experienced", "Experienced"
    NEUTRAL = "neutral", "Neutral (suits anyone)"


class Audience(models.TextChoices):
    """For whom the words were written and approved. What anyone may read, a professional may read too."""

    RETAIL = "retail", "Anyone"
    PROFESSIONAL = "professional", "Professional clients only"


class Knowledge(models.TextChoices):
    """How much a reader must know already, by the client's own word."""

    NONE = "", "None"
    SOME = "some", "Some investing experience"
    EXPERIENCED = "experienced", "Much investing experience"


class Provenance(models.TextChoices):
    """Who wrote the words. EU-17: AI Act Art. 50(2), generated text is marked as such where it is published."""

    PERSON = "person", "A person"
    EDITED = "edited", "A machine, then a person"
    GENERATED = "generated", "A machine"


class PerformanceKind(models.TextChoices):
    """Whether anybody ever had this performance."""

    ACTUAL = "actual", "Actual"
    HYPOTHETICAL = "hypothetical", "Hypothetical, simulated or back-tested"


class Block(models.Model):
    """A piece of content for one slot; its words live in versions."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    slot = models.CharField(max_length=20, choices=Slot)
    owner = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    archived_at = models.DateTimeField(null=True)
    history = HistoricalRecords()

    class Meta:
        permissions = [("work_on_block", "Can change this block")]


class BlockVersion(models.Model):
    """One exact wording. Once published a trigger refuses every change.

    body    template source: text with {{ name }} or {{ name|fallback:"…" }} from the merge field list
    url     where a call to action leads; empty for other slots
    image   file name under static/mail/ for a visual; `body` is then its alternative text
    claims  [{"text", "evidence", "as_of", "until"}], see `compliance.judging.evidence`
    urgency, fear  0 to 100 points of the lexicon numbered so, written by the database: `wellbeing.pressing`
    figures codes of the figures that the words show, each word for word
    performance  the figures of past performance that the words show, whole or {}: `performance`
    provenance who wrote the words; anything but a person is marked in every message
    audience, markets, knowledge  whom the words may reach; markets are jurisdictions, none means every one
    digest  sha256 hex of the canonical JSON of all that a reader is shown and what it was approved for, see `drafts`
    """

    block = models.ForeignKey(Block, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    body = models.TextField()
    url = models.URLField(max_length=500, blank=True)
    image = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8, default="en")
    framing = models.CharField(max_length=12, choices=Framing, default=Framing.NEUTRAL)
    topics = models.JSONField(default=list)
    claims = models.JSONField(default=list)
    provenance = models.CharField(
        max_length=9, choices=Provenance, default=Provenance.PERSON, db_default=Provenance.PERSON
    )
    figures = models.JSONField(default=list, db_default=[])
    performance = models.JSONField(default=dict, db_default={})
    urgency = models.PositiveSmallIntegerField(default=0, db_default=0)
    fear = models.PositiveSmallIntegerField(default=0, db_default=0)
    lexicon = models.PositiveSmallIntegerField(default=0, db_default=0)
    audience = models.CharField(max_length=12, choices=Audience, default=Audience.RETAIL, db_default=Audience.RETAIL)
    markets = models.JSONField(default=list, db_default=[])
    knowledge = models.CharField(max_length=12, choices=Knowledge, default="", db_default="", blank=True)
    digest = models.CharField(max_length=64, db_index=True)
    author = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["block", "number"], name="one_row_per_block_version"),
            models.CheckConstraint(
                condition=models.Q(audience__in=Audience.values, knowledge__in=Knowledge.values),
                name="a_text_says_whom_it_is_for",
            ),
        ]
