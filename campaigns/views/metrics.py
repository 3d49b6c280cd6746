"""How the work stands, for Prometheus."""

from datetime import datetime, timedelta

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from campaigns import work
from campaigns.models import Drift, Message, MessageState, Run
from compliance import fence, restores
from compliance.models import ReviewItem
from compliance.web import open_to_all
from personalize import celery
from personalize.bulk import broker

# Each has an index of its own; what is in doubt is counted with the ages.
LIVE = (MessageState.PENDING, MessageState.HELD, MessageState.CLAIMED, MessageState.INTENT)


@require_safe
@open_to_all(reason="Prometheus scrapes it; counts and ages only, nothing about any client.")
def metrics(request: HttpRequest) -> HttpResponse:
    """Gauges read from the database at each scrape, so every web process gives the same answer."""
    registry = CollectorRegistry()
    if celery.EMBEDDED:  # another broker has metrics of its own
        _hints(registry)
    _work(registry, at=now())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _hints(registry: CollectorRegistry) -> None:
    length = Gauge("personalize_hints", "Wake-ups waiting", ["queue"], registry=registry)
    oldest = Gauge("personalize_hints_oldest_seconds", "Age of the oldest wake-up", ["queue"], registry=registry)
    for one in broker.waiting():
        length.labels(one.queue).set(one.length)
        oldest.labels(one.queue).set(one.oldest_s)


def _work(registry: CollectorRegistry, *, at: datetime) -> None:
    """The rows that need work: the truth behind the hints."""
    runs = Gauge("personalize_runs", "Runs", ["state"], registry=registry)
    for state, count in Run.objects.values_list("state").annotate(Count("pk")):
        runs.labels(state).set(count)
    messages = Gauge("personalize_messages", "Messages not yet settled", ["state"], registry=registry)
    for state in LIVE:
        messages.labels(state).set(Message.objects.filter(state=state).count())
    stands = work.stands(at=at)
    messages.labels(MessageState.UNCONFIRMED).set(stands.in_doubt)
    _ages(registry, stands, at=at)
    latest = (
        Drift.objects.order_by("artefact_id", "-made_at", "-pk").distinct("artefact_id").values("verdict", "made_at")
    )
    since = at - timedelta(days=7)
    Gauge(
        "personalize_models_drifted", "Models retired in the last seven days because they drifted", registry=registry
    ).set(sum(one["verdict"] == "drifted" and one["made_at"] >= since for one in latest))
    Gauge("personalize_reviews", "Texts waiting for an editor", registry=registry).set(
        ReviewItem.objects.open().count()
    )


def _ages(registry: CollectorRegistry, stands: work.Work, *, at: datetime) -> None:
    """What alerts are written on. An age of -1 says that there never was one."""
    for name, words, value in (
        ("messages_overdue_seconds", "Age of the oldest message that should have gone", stands.overdue_s or 0),
        ("leases_expired", "Messages that a worker held beyond its time", stands.expired),
        ("settled_seconds", "Since the mail server last took a message", _age(stands.settled_s)),
        ("sealed_seconds", "Since the ledger's last checkpoint", _age(stands.sealed_s)),
        ("unsealed_entries", "Ledger entries that wait for the next checkpoint", stands.unsealed),
        ("restored_seconds", "Since a restored backup was last found whole", _age(stands.restored_s)),
        ("clock_seconds", "This process's clock minus the database's", stands.clock_s),
    ):
        Gauge(f"personalize_{name}", words, registry=registry).set(value)
    late = Gauge("personalize_restore_overdue", "1 where a backup should be restored and verified", registry=registry)
    late.set(bool(restores.overdue(at=at)))
    armed = Gauge("personalize_sending_armed", "1 where mails may leave, 0 behind the fence", registry=registry)
    armed.set(fence.state().is_armed)


def _age(seconds: float | None) -> float:
    return -1 if seconds is None else seconds
