"""How a log line is written: one JSON object, ids only."""

import json
import logging

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "status_code", "server_time"}


class EventFormatter(logging.Formatter):
    """A log record as one JSON line: time (UTC), level, logger, event, and the fields given in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; line breaks in values are escaped by JSON, so no value can forge a second line."""
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in STANDARD})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
