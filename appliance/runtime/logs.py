"""Logging: one line a record on stderr, without phone numbers even where someone slipped."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime

_LONG_NUMBER = re.compile(r"\d{7,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class LineFormatter(logging.Formatter):
    """One line a record: time, level, service, logger, message; a traceback is folded into the line.

    Runs of seven or more digits are masked: they are phone numbers more often than anything else.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, without its newline."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text} | {self.formatException(record.exc_info)}"
        folded = _CONTROL.sub(" | ", _LONG_NUMBER.sub("…", text)).strip()
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{at}.{int(record.msecs):03d}Z {record.levelname} {self._service} {record.name} {folded}"


def configure(level: str, service: str) -> None:
    """Sends all records of this process from ``level`` up (``"INFO"``) to stderr, named ``service``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # At DEBUG peewee writes each statement with its values: texts and numbers (I13).
    # At INFO waitress tells of every page that is left, apscheduler of every job it plans.
    for library in ("peewee", "waitress", "apscheduler"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
