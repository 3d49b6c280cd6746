"""Waking a worker: a hint that a row needs work. The row is the truth; a sweep finds what no hint announced."""

import logging
from functools import partial
from typing import Any

from celery import Task, uuid
from django.db import DatabaseError, transaction
from kombu.exceptions import OperationalError
from kombu.serialization import dumps
from kombu.transport.virtual.base import Base64

from personalize import celery
from personalize.bulk import broker

log = logging.getLogger(__name__)


def soon(task: Task, **kwargs: Any) -> None:
    """Run `task(**kwargs)` on a worker if and when the caller's transaction commits; never if it rolls back.

    On the embedded broker the message is a row of the same transaction. On any other broker it is sent after commit, so
    a crash in between loses it and a sweep does the work. A hint that cannot be sent is logged and never raised.
    """
    if celery.EMBEDDED:
        _insert(task, kwargs)
    else:
        transaction.on_commit(partial(_publish, task, kwargs))


def _insert(task: Task, kwargs: dict[str, Any]) -> None:
    try:
        with transaction.atomic():
            broker.send(_queue(task), _message(task, kwargs))
    except DatabaseError:
        log.warning("wake.not_sent", extra={"task": task.name}, exc_info=True)


def _publish(task: Task, kwargs: dict[str, Any]) -> None:
    try:
        task.apply_async(kwargs=kwargs, queue=_queue(task), expires=celery.WAKE_S, retry=False)
    except (OperationalError, OSError):
        log.warning("wake.not_sent", extra={"task": task.name}, exc_info=True)


def _queue(task: Task) -> str:
    return getattr(task, "queue", None) or celery.app.conf.task_default_queue


def _message(task: Task, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The message that kombu's pgmq transport would send: Celery's protocol 2 in a virtual transport's envelope."""
    made = celery.app.amqp.as_task_v2(uuid(), task.name, [], kwargs, expires=celery.WAKE_S, ignore_result=True)
    content_type, encoding, body = dumps(made.body, serializer="json")
    queue = _queue(task)
    return {
        "body": Base64().encode(body),
        "content-encoding": encoding,
        "content-type": content_type,
        "headers": made.headers,
        "properties": {
            **made.properties,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "personalize", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": uuid(),
        },
    }
