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
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event

_KEY = "bridge.pipeline"
_TYPE_OF_TEXT = '::VARCHAR COLLATE "C"'


class Pipeline:
    """The mode a connection is in, and what has been asked already.

    `foreseen` holds the cursors of questions that were asked together, before anything was
    written; `keys` tells the number that was taken for a row to come, by table. `writes` are
    INSERTs that nobody waits for, not sent yet: they go out as one statement, since psycopg and
    the kernel take their time for each.
    """

    __slots__ = ("_driver", "_mode", "foreseen", "keys", "writes")

    def __init__(self, driver: Any, mode: Any) -> None:
        self._driver = driver
        self._mode = mode
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.foreseen: dict[Any, Any] = {}
        self.keys: dict[str, Callable[[], int]] = {}

    def send_writes(self) -> None:
        """Send what is to be inserted; whatever else is sent comes after it."""
        if not self.writes:
            return
        writes, self.writes = self.writes, []
        statement = _together(tuple(text for text, _ in writes))
        values = {
            f"w{number}_{name}": value
            for number, (_, row) in enumerate(writes)
            for name, value in row.items()
        }
        self._driver.cursor().execute(statement, values)

    def leave(self) -> None:
        """Wait for all that was sent. Raises the driver's error of the first that failed."""
        self.foreseen.clear()
        self.send_writes()
        self._mode.__exit__(None, None, None)


@lru_cache(maxsize=512)
def _together(statements: tuple[str, ...]) -> str:
    """INSERTs as one statement, their parameters named apart."""
    *others, last = (text.replace("%(", f"%(w{number}_") for number, text in enumerate(statements))
    if not others:
        return last
    parts = ", ".join(f"w{number} AS ({text})" for number, text in enumerate(others))
    return f"WITH {parts} {last}"


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
    known[_KEY] = Pipeline(driver, mode)
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


def commit(connection: Connection) -> None:
    """Commit; the word goes out with what is still to be written."""
    if (pipeline := pipeline_of(connection)) is not None:
        pipeline.send_writes()
    connection.commit()


def leave_for_core(engine: Engine) -> None:
    """Have transactions leave the pipeline where SQLAlchemy itself executes a statement."""

    @event.listens_for(engine, "before_cursor_execute")
    def leave(connection: Connection, *_statement: Any) -> None:
        found: Pipeline | None = connection.info.pop(_KEY, None)
        if found is not None:
            found.leave()
