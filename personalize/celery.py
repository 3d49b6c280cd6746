"""The Celery application: queues, options and the clock's schedule. Settings come from personalize.settings only."""

import os

from celery import Celery
from celery.schedules import crontab
from django.conf import settings
from kombu.entity import Exchange, Queue
from kombu.transport import pgmq

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "personalize.settings")

QUEUES = ("hot", "run", "mail", "train")
EMBEDDED = settings.BROKER_URL.startswith("pgmq")
AMQP = settings.BROKER_URL.startswith(("amqp", "pyamqp"))
# kombu's transport for pgmq knows no event loop, so a pool's children would share one pipe under one lock; a child that
# is killed while it holds that lock freezes the others and all that follow. A worker that works alone shares nothing.
POOL = "solo" if EMBEDDED else "prefork"
# pgmq gives a message again after this time whatever its worker does, so no task may run longer than TASK_S.
VISIBILITY_S = 300
TASK_S = 240
# A kick that nobody took for this long is stale: the next sweep makes a new one.
WAKE_S = 60

# name -> (every so many seconds, on queue). Rows are the truth; these sweeps find what was never kicked.
SWEEPS = {
    "campaigns.tasks.sweep": (2.0, "mail"),
    "campaigns.tasks.sweep_runs": (5.0, "run"),
    "campaigns.tasks.launch_scheduled": (20.0, "run"),
    "campaigns.tasks.build_packets": (5.0, "run"),
    "campaigns.tasks.enact_rules": (10.0, "run"),
    "personalize.tasks.refresh_profiles": (5.0, "hot"),
    "campaigns.tasks.count_engagement": (300.0, "hot"),
    "campaigns.tasks.resolve_doubts": (60.0, "mail"),
    "campaigns.tasks.guard_clients": (900.0, "run"),
    "campaigns.training_tasks.answer_questions": (5.0, "train"),
    "campaigns.training_tasks.decide_in_shadow": (60.0, "train"),
    "campaigns.training_tasks.guard_canaries": (900.0, "train"),
    "compliance.tasks.seal": (10.0, "hot"),
    "compliance.tasks.escalate_reviews": (300.0, "hot"),
}
# name -> (day of the week, hour and minute of the day in UTC, on queue)
WEEKLY = {
    "campaigns.training_tasks.check_lab": (("mon", 4, 20), "train"),
    "campaigns.training_tasks.draw_trade_offs": (("mon", 5, 10), "train"),
}
# name -> (hour and minute of the day in UTC, on queue)
DAILY = {
    "compliance.tasks.reconcile": ((3, 10), "hot"),
    "compliance.tasks.let_go": ((3, 40), "hot"),
    "compliance.tasks.mail_checkpoint": ((5, 40), "mail"),
    "campaigns.tasks.count_hours": ((4, 5), "run"),
    "campaigns.tasks.draw_second_readings": ((3, 20), "run"),
    "campaigns.training_tasks.learn_policies": ((4, 20), "run"),
    "personalize.training_tasks.renew_outlooks": ((3, 50), "train"),
    "campaigns.training_tasks.watch_models": ((4, 50), "train"),
}


class MadeQueues(pgmq.Channel):
    """A channel whose queues are there already: `prepare` makes them, as a login that may; a worker makes nothing."""

    def _new_queue(self, queue: str, **kwargs: object) -> None:
        self._maybe_enable_notify(queue)

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        if self.use_notify:
            self.connection._register_notify_queue(queue_name or self._queue_name(queue))

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """An answer that the database did not hear gives the message's place back all the same.

        The place is one of few: without it a worker that lived through the database's restart never took a task again.
        The message itself appears again by its time, which repeats a wake-up and nothing else.
        """
        try:
            super().basic_ack(delivery_tag, multiple=multiple)
        except self.connection.connection_errors:
            self.qos.ack(delivery_tag)
            raise

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """As basic_ack."""
        try:
            super().basic_reject(delivery_tag, requeue=requeue)
        except self.connection.connection_errors:
            self.qos.ack(delivery_tag)
            raise


class Transport(pgmq.Transport):
    """kombu's transport on queues that are there."""

    Channel = MadeQueues


def transport_options() -> dict[str, object]:
    """What the broker in BROKER_URL needs to hand out wake-ups quickly and lose none."""
    if EMBEDDED:
        return {
            "conn_string": "postgresql://" + settings.BROKER_URL.partition("://")[2],
            "init_extension": False,  # `prepare` installed the SQL
            "use_notify": True,
            "notify_throttle_interval_ms": 0,
            "wait_time_seconds": 0,
            "polling_interval": 1,
            "visibility_timeout": VISIBILITY_S,
            "pool_size": 2,
        }
    if AMQP:
        return {"confirm_publish": True}
    return {"visibility_timeout": VISIBILITY_S}


app = Celery("personalize")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_transport="personalize.celery:Transport" if EMBEDDED else None,
    broker_transport_options=transport_options(),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    timezone="UTC",
    # Wake-ups only: repeating one is harmless, losing one costs a sweep's interval.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="hot",
    task_create_missing_queues=False,
    task_queues=[
        Queue(
            name,
            Exchange("personalize", type="direct"),
            routing_key=name,
            queue_arguments={"x-queue-type": "quorum"} if AMQP else None,
        )
        for name in QUEUES
    ],
    task_default_exchange="personalize",
    task_default_routing_key="hot",
    worker_pool=POOL,
    task_soft_time_limit=TASK_S - 20,
    task_time_limit=TASK_S,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=2_000,
    worker_max_memory_per_child=1_500_000,  # kB
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_soft_shutdown_timeout=5,
    worker_enable_remote_control=False,  # pgmq's queue names are too short for the replies
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    beat_schedule={
        name: {"task": name, "schedule": every, "options": {"queue": queue, "expires": max(every, 10.0)}}
        for name, (every, queue) in SWEEPS.items()
    }
    | {
        name: {"task": name, "schedule": crontab(hour=hour, minute=minute), "options": {"queue": queue}}
        for name, ((hour, minute), queue) in DAILY.items()
    }
    | {
        name: {
            "task": name,
            "schedule": crontab(day_of_week=day, hour=hour, minute=minute),
            "options": {"queue": queue},
        }
        for name, ((day, hour, minute), queue) in WEEKLY.items()
    },
)
app.autodiscover_tasks()
# `training_tasks` need scikit-learn, a second and 120 MB of each process: only workers whose queue has such tasks are
# told to load them, see `programs.TRAINING`.
