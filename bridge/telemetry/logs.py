"""Logging set up once, at start."""

from __future__ import annotations

import logging


def configure(level: str) -> None:
    """Write log lines of this level and above to standard error."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("pynetdicom").setLevel(logging.WARNING)
