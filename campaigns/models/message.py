"""Run, chunk, variant, message, interaction: one launch and everything that follows from it."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from campaigns.models.campaign import Campaign
from compliance.datamap import PersonalData
from compliance.models import Channel, Client, Staff
from personalize.models import Artefact


class Variant(models.Model):
    """One exact text made of blocks, with merge fields still open; known by its digest. A trigger keeps the words.

    versions  BlockVersion ids in slot order, with their digests in `blocks` · links  the addresses in the approved
              words, by index
    digest    sha256 hex of canonical JSON of subject, preheader, html, text, links, blocks and the layout version
    topics    sensitive topics found or declared, needs_review whether a person must look, under `ruleset`
    pairs     of its blocks, by which it may go when every one was approved side by side; none where it is read itself
    """

    digest = models.CharField(max_length=64, db_index=True)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="variants")
    versions = ArrayField(models.BigIntegerField())
    blocks = ArrayField(models.CharField(max_length=64))
    subject = models.TextField()
    preheader = models.TextField(blank=True)
    html = models.TextField()
    text = models.TextField()
    links = models.JSONField(default=list)
    layout = models.PositiveSmallIntegerField()
    topics = models.JSONField(default=list)
    needs_review = models.BooleanField()
    is_urgent = models.BooleanField(default=False, db_default=False)  # its words press for time
    pressure = models.PositiveSmallIntegerField(default=0, db_default=0)  # its blocks' points, summed by the database
    is_bound = models.BooleanField(default=False, db_default=False)  # a block of it shows a figure that ends
    pairs = ArrayField(models.CharField(max_length=64), default=list)
    ruleset = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "digest"], name="one_row_per_campaign_and_text")]


class RunState(models.TextChoices):
    """A run's life. `finished` is decided by a query: no message in a live state."""

    ASSEMBLING = "assembling", "Assembling"
    SENDING = "sending", "Sending"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"


class Run(models.Model):
    """One launch of a campaign.

    seed  63-bit integer; every random draw is a function of (seed, client), see personalize.decide.draws
    plan  everything the run decided by: slots and candidates (version id, digest, framing, rule), experiment shares,
          purpose, channel, policy, gamma, artefact id and sha256, layout, cap
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=RunState, default=RunState.ASSEMBLING)
    seed = models.BigIntegerField()
    plan = models.JSONField()
    policy = models.CharField(max_length=24)  # "rules-1" or "igw-1"
    phase = models.CharField(max_length=12)  # "rules", "pooled", "individual"
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.PROTECT, related_name="+")
    audience = models.PositiveIntegerField()
    launched_by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    launched_at = models.DateTimeField()
    stopped_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="one_row_per_run_number")]


class Chunk(models.Model):
    """A share of a run's audience: up to 2,000 clients that one worker assembles in one transaction."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    client_ids = ArrayField(models.BigIntegerField())
    state = models.CharField(max_length=10, default="waiting")  # waiting, assembled
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    personal_data = PersonalData(
        client="client_ids",
        why="to share a run among workers",
        keep_days=30,
        on_erasure="keep",
        ground="internal row numbers only; removed 30 days after the run",
        clock="run__ended_at",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_row_per_chunk_number")]


class Arm(models.TextChoices):
    """Which side of the experiment a client is on."""

    PERSONALISED = "personalised", "Personalised"
    CONTROL = "control", "Segmented control"
    HOLDOUT = "holdout", "Holdout"


class MessageState(models.TextChoices):
    """A message's life. Live: pending, held, claimed, intent. Time never moves one to sent."""

    PENDING = "pending", "Waiting to be sent"
    HELD = "held", "Held for an editor"
    CLAIMED = "claimed", "Being handed over"
    INTENT = "intent", "Handed over, answer awaited"
    SENT = "sent", "Sent"
    SHOWN = "shown", "Shown on a page"
    SUPPRESSED = "suppressed", "Not sent"
    FAILED = "failed", "Failed"
    UNCONFIRMED = "unconfirmed", "Unconfirmed"


class Message(models.Model):
    """One variant for one client, and the decision that chose it.

    choice        index of the chosen candidate per slot, in plan order; closed  one byte per candidate of every
                  slot in plan order: 0 open, else a code of personalize.decide.limits.Closed
    propensity    probability of exactly this choice, in (0, 1]; slot_propensity  the factors
    score         the model's predicted probability of the success metric, null under rules
    reasons       feature positions that moved the choice most, with reason_values (log-odds or rule weight)
    features      the vector the decision saw (see Profile.vector); merge  values put into the text's fields
    own           what a learned policy saw beside them, little-endian float32: see `personalize.decide.snapshot`
    mime_sha256   of the finished bytes; send and replay must produce the same
    window        the cap that held it back, or whom it lost to: see campaigns.limits.said
    lease         token of the worker that claimed it; every later move names it
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    # No index of its own where a wider one below begins with it: each is written three times for every mail.
    run = models.ForeignKey(Run, null=True, on_delete=models.PROTECT, related_name="messages", db_index=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="messages")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="messages", db_index=False)
    channel = models.CharField(max_length=8, choices=Channel)
    arm = models.CharField(max_length=12, choices=Arm)
    state = models.CharField(max_length=11, choices=MessageState)
    reason = models.CharField(max_length=40, blank=True)  # why suppressed, held or failed: a code of campaigns.reasons
    variant = models.ForeignKey(Variant, null=True, on_delete=models.PROTECT, related_name="messages")
    choice = ArrayField(models.SmallIntegerField(), default=list)
    closed = models.BinaryField(default=b"")
    propensity = models.FloatField(default=1.0)
    slot_propensity = ArrayField(models.FloatField(), default=list)
    score = models.FloatField(null=True)
    policy = models.CharField(max_length=24)
    artefact = models.ForeignKey(Artefact, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    reasons = ArrayField(models.SmallIntegerField(), default=list)
    reason_values = ArrayField(models.FloatField(), default=list)
    features = models.BinaryField(default=b"")
    feature_version = models.PositiveSmallIntegerField(default=0)
    own = models.BinaryField(default=b"", db_default=b"")
    consent = models.UUIDField(null=True)  # the ConsentEvent that allowed it
    merge = models.JSONField(default=dict)
    address = models.CharField(max_length=254, blank=True)
    mime_sha256 = models.BinaryField(null=True, max_length=32)
    decided_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    intent_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    window = models.JSONField(null=True)
    reply = models.CharField(max_length=300, blank=True)  # the mail server's answer

    personal_data = PersonalData(
        client="client",
        why="to send, explain and prove what was sent",
        keep_days=6 * 365,
        on_erasure="keep",
        fields=("merge", "address", "features", "own"),
        ground="GDPR Art. 17(3)(b): COBS 4.11, FINRA 2210(b)(4) record keeping; personal fields are sealed",
        clock="decided_at",
        record="message",
        campaign="campaign__slug",
    )

    class Meta:
        constraints = [
            # A page may be filled again and again for the same client; nothing else may.
            models.UniqueConstraint(
                fields=["run", "client"], condition=~Q(channel="web"), name="one_message_per_run_and_client"
            ),
            models.UniqueConstraint(
                fields=["run", "address"],
                condition=Q(state__in=["intent", "sent", "unconfirmed"]) & ~Q(address=""),
                name="one_address_gets_one_copy_per_run",
            ),
            models.CheckConstraint(
                condition=Q(propensity__gt=0, propensity__lte=1), name="a_propensity_is_a_probability"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(intent_at__isnull=False, sent_at__isnull=False),
                name="a_sent_message_had_an_intent",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["suppressed", "failed"]) | ~Q(reason=""), name="no_refusal_without_a_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="pending"), name="message_due"),
            models.Index(fields=["lease_until"], condition=Q(state__in=["claimed", "intent"]), name="message_leased"),
            models.Index(fields=["variant"], condition=Q(state="held"), name="message_held"),
            models.Index(fields=["id"], condition=Q(state="unconfirmed"), name="message_in_doubt"),
            models.Index(fields=["client", "intent_at"], name="message_by_client"),
            models.Index(
                fields=["address", "intent_at"], condition=Q(intent_at__isnull=False), name="message_by_address"
            ),
            models.Index(fields=["run", "state", "reason"], name="message_counts"),
        ]


class LetGo(models.Model):
    """How many messages of a run retention let go, by state and reason: written by a trigger, so that sums stay."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="let_go")
    state = models.CharField(max_length=11)
    reason = models.CharField(max_length=40, blank=True)
    messages = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "state", "reason"], name="one_count_per_run_and_state")]


class Interaction(models.Model):
    """Something that came back for a message: open, click, unsubscribe, bounce, complaint."""

    class Kind(models.TextChoices):
        OPEN = "open", "Opened"
        CLICK = "click", "Clicked"
        UNSUBSCRIBE = "unsubscribe", "Unsubscribed"
        BOUNCE = "bounce", "Bounced"
        COMPLAINT = "complaint", "Complained"

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="interactions")
    kind = models.CharField(max_length=12, choices=Kind)
    is_human = models.BooleanField()  # False: scanner, prefetch or image proxy; never counted as a person
    actor_class = models.CharField(max_length=16)  # human, scanner, prefetch, proxy, provider
    link = models.SmallIntegerField(null=True)  # index into Variant.links
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    personal_data = PersonalData(
        client="message__client",
        why="to measure what came back",
        keep_days=400,
        on_erasure="delete",
        clock="at",
        record="behaviour",
        campaign="message__campaign__slug",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "kind"],
                condition=Q(is_human=True, kind__in=["open", "unsubscribe", "complaint"]),
                name="a_person_opens_once",
            ),
        ]
        indexes = [
            models.Index(fields=["message", "kind"], name="interaction_by_message"),
            models.Index(fields=["at"], condition=Q(kind__in=["bounce", "complaint"]), name="interaction_harm"),
        ]
