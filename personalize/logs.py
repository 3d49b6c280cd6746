"""How a log line is written: one JSON object, ids only."""

import json
import logging
import time

from django.conf import settings

from compliance import acting

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "status_code", "server_time"}


def said(record: logging.LogRecord) -> str:
    """The event's words. Django's own lines name the address asked for: here as its pattern, since an address may hold
    a client's key or be a secret link; one that leads nowhere may hold anything, so it is left out.
    """
    request = getattr(record, "request", None)
    path = getattr(request, "path", "")
    if not path:
        return record.getMessage()
    match = getattr(request, "resolver_match", None)
    return record.getMessage().replace(path, f"/{match.route}" if match else "(no address of ours)")


class EventFormatter(logging.Formatter):
    """A log record as one JSON line: time (UTC), level, logger, event, actor, request, and the fields given in `extra`.

    actor is who acts, the process itself where nobody said so; request is empty outside of one.
    """

    converter = time.gmtime  # type: ignore[assignment]  # the default is the zone of the machine

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; line breaks in values are escaped by JSON, so no value can forge a second line."""
        block = getattr(getattr(record, "request", None), "acting", None) or acting.current()
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": said(record),
            "actor": block.actor if block else f"system:{settings.PROCESS}",
            "request": block.request_id if block else "",
        }
        line.update({key: value for key, value in vars(record).items() if key not in STANDARD})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
