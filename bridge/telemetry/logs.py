"""Logs as events with keys: one line each, `key=value`, and nothing that could name a patient.

A line holds the event (a constant text in our code) and those `extra` values whose key is on the
list below. What other libraries say is only repeated for those known to be free of message data,
and of an exception only its type and place are told: its text may quote what was being read.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

ALLOWED = frozenset(
    {
        "address",
        "attempts",
        "count",
        "delivery",
        "destination",
        "dicom_port",
        "hl7",
        "host",
        "http",
        "keys",
        "kind",
        "limit",
        "listener",
        "outcome",
        "peer",
        "port",
        "protocol",
        "reason",
        "receipt",
        "seconds",
        "size",
        "state",
        "status",
        "version",
    }
)
"""Keys of `extra` that are let through: peers, kinds, counts and states."""

_OURS = "bridge"
# Their messages are about themselves: ports, migrations, the event loop.
_TRUSTED = ("uvicorn", "alembic", "asyncio")
_MOST_FRAMES = 5
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-+|@%[](){}^*~,;!?&#"
)


class KeyValueFormatter(logging.Formatter):
    """Formats a record as one line of `key=value`; `process` is which of several writes it."""

    def __init__(self, process: int | None = None) -> None:
        super().__init__()
        self._process = {} if process is None else {"process": str(process)}

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; the time is UTC."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        pairs = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        pairs |= self._process
        pairs |= _event(record)
        pairs |= {key: value for key, value in record.__dict__.items() if key in ALLOWED}
        if record.exc_info and record.exc_info[1] is not None:
            pairs |= _exception(record.exc_info[1])
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in pairs.items())


def configure(
    level: str = "INFO", stream: TextIO | None = None, *, process: int | None = None
) -> None:
    """Send every log record of this process to `stream` (standard error), ours from `level` up.

    `process` tells which of several speaks. Other libraries are heard from WARNING up. Raises
    ValueError for a level that does not exist.
    """
    logging.getLogger(_OURS).setLevel(level.upper())
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(KeyValueFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _event(record: logging.LogRecord) -> dict[str, str]:
    """What a record says, or where it was said by a library that may have quoted a message."""
    source, _, _ = record.name.partition(".")
    if source == _OURS or source in _TRUSTED:
        return {"event": record.getMessage()}
    return {"event": "withheld", "said_at": f"{record.module}:{record.lineno}"}


def _exception(error: BaseException) -> dict[str, str]:
    """The type of an exception and where it arose, the last frames first."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:])
    pairs = {
        "exception": type(error).__name__,
        "at": "<".join(f"{Path(f.filename).stem}.{f.name}:{f.lineno}" for f in frames),
    }
    if isinstance(error, OSError) and error.strerror:
        pairs["os_error"] = error.strerror
    if error.__cause__ is not None:
        pairs["cause"] = type(error.__cause__).__name__
    return pairs


def _quoted(text: str) -> str:
    """A value that stays on its line and inside its key."""
    if text and _PLAIN.issuperset(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    kept = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)
    return '"' + "".join(kept) + '"'
