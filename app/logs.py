"""What is logged about sessions: when they begin and end, why, and how much they did. Never what a visitor wrote."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from app.settings import Settings

LOGGER = "glassbox.sessions"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event, and the fields of the event."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        fields: dict[str, Any] = getattr(record, "fields", {})
        entry = {"time": when, "level": record.levelname.lower(), "event": record.getMessage(), "pid": record.process}
        return json.dumps({**entry, **fields})


class TextFormatter(logging.Formatter):
    """One line for people: time, event, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        words = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{self.formatTime(record)} {record.getMessage()} {words}"


def install(settings: Settings) -> None:
    """Log sessions to standard error in the format of the settings. Doing it again replaces what was there."""
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logger.addHandler(handler)
    logger.setLevel(settings.log_level.upper())
    logger.propagate = False


def log(event: str, **fields: object) -> None:
    """One event of a session; the fields are numbers and our own words."""
    logging.getLogger(LOGGER).info(event, extra={"fields": fields})
