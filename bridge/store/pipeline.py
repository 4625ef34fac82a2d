"""PostgreSQL: what one transaction has sent ahead of the answers (libpq's pipeline mode).

An order is twenty statements. Waiting for the answer to each costs a round trip, and three times
the processor time of one whose answer comes with the others'. So statements go out as they come,
and are waited for where an answer is looked at; a transaction learns of a failure there, or at its
commit. Nobody is told of success before that has been answered.

SQLAlchemy's own execution does not know of this. When it begins, a transaction leaves the mode
for good: what runs often runs as a `Statement`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event

_KEY = "bridge.pipeline"


class Pipeline:
    """The mode a connection is in, and what has been asked already.

    `foreseen` holds the cursors of questions that were asked together, before anything was
    written; `keys` tells the number that was taken for a row to come, by table.
    """

    __slots__ = ("_mode", "foreseen", "keys")

    def __init__(self, mode: Any) -> None:
        self._mode = mode
        self.foreseen: dict[Any, Any] = {}
        self.keys: dict[str, Callable[[], int]] = {}

    def leave(self) -> None:
        """Wait for all that was sent. Raises the driver's error of the first that failed."""
        self.foreseen.clear()
        self._mode.__exit__(None, None, None)


def pipeline_of(connection: Connection) -> Pipeline | None:
    """The pipeline that this transaction is in; None on SQLite, and once it was left."""
    found: Pipeline | None = connection.info.get(_KEY)
    return found


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Send statements ahead from here on; wait for all at the end."""
    driver: Any = connection.connection.driver_connection
    known = connection.info
    mode = driver.pipeline()
    mode.__enter__()
    known[_KEY] = Pipeline(mode)
    try:
        yield
    except BaseException as error:
        if known.pop(_KEY, None):
            mode.__exit__(type(error), error, None)
        with suppress(Exception):  # a commit that failed is over for SQLAlchemy, not for libpq
            driver.rollback()
        raise
    if found := known.pop(_KEY, None):
        found.leave()


def leave_for_core(engine: Engine) -> None:
    """Have transactions leave the pipeline where SQLAlchemy itself executes a statement."""

    @event.listens_for(engine, "before_cursor_execute")
    def leave(connection: Connection, *_statement: Any) -> None:
        found: Pipeline | None = connection.info.pop(_KEY, None)
        if found is not None:
            found.leave()
