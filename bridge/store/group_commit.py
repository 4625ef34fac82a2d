"""Several transactions, one commit: how SQLite's single writer serves many connections.

A commit waits for the disk, whatever it holds. Whoever gets the writer's place takes along the
work of all who wait for it and commits once. Nobody is told of success before that commit; one
that fails is undone alone.

That one alone is undone needs a savepoint for each, which costs SQLite a third of an order's work
(it copies every page before it is changed). So they are left out until something fails: then all
of the group is undone and done again with savepoints, and so are those that follow for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine

from bridge.domain.errors import BridgeError, ResourceBusy

Work = Callable[[Connection], Any]
_MOST_AT_ONCE = 64
_CAREFUL_FOR = 256
"""Failures come in flocks: as many transactions after one are each given a savepoint."""


class _Job:
    """Work to be done in the writer's transaction, and what came of it."""

    __slots__ = ("called", "done", "error", "result", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.called = threading.Lock()  # a lock held is the cheapest thing to wait for
        self.called.acquire()


class GroupCommit:
    """The one writing connection of an SQLite database.

    `turn` is held for each commit: the place of the writer among several processes.
    """

    def __init__(self, engine: Engine, turn: AbstractContextManager[None] | None = None) -> None:
        self._engine = engine
        self._turn = turn or nullcontext()
        self._door = threading.Lock()
        self._waiting: deque[_Job] = deque()
        self._taken = False
        self._connection: Connection | None = None
        self._careful = 0

    def run(self, work: Work) -> Any:
        """Run `work` and return its result once it is committed. Raises what it raises, undone."""
        job = _Job(work)
        with self._door:
            self._waiting.append(job)
            mine, self._taken = not self._taken, True
        if not mine:
            job.called.acquire()  # until our work is done, or the writer's place is ours
        if not job.done:
            self._write(job)
        if job.error is not None:
            raise job.error
        return job.result

    def close(self) -> None:
        """Close the connection, once nobody writes any more."""
        self.run(lambda _connection: None)
        self._drop()

    def _write(self, job: _Job) -> None:
        """Hold the writer's place until our own work is done; then pass it to who waits first."""
        try:
            while not job.done:  # more may wait before us than are done at once
                with self._turn:
                    self._run_waiting(job)
        finally:
            with self._door:
                following = self._waiting[0] if self._waiting else None
                self._taken = following is not None
            if following is not None:
                following.called.release()

    def _run_waiting(self, mine: _Job) -> None:
        with self._door:
            most = min(len(self._waiting), _MOST_AT_ONCE)
            jobs = [self._waiting.popleft() for _ in range(most)]
        try:
            self._commit(jobs)
        except BaseException as error:
            if not isinstance(error, BridgeError):
                self._drop()
            for job in jobs:
                job.error, job.result = job.error or error, None
        for job in jobs:
            job.done = True
            if job is not mine:
                job.called.release()

    def _commit(self, jobs: list[_Job]) -> None:
        connection = self._open()
        if len(jobs) > 1 and not self._careful and not self._try_together(connection, jobs):
            self._careful = _CAREFUL_FOR
        if len(jobs) == 1 or self._careful:
            self._careful = max(0, self._careful - len(jobs))
            with _transaction(connection) as driver:
                for job in jobs:
                    _run_one(connection, driver, job, alone=len(jobs) == 1)

    def _try_together(self, connection: Connection, jobs: list[_Job]) -> bool:
        """Run all without savepoints; false, and nothing done, when one of them fails."""
        try:
            with _transaction(connection) as driver:
                for job in jobs:
                    job.result = job.work(connection)
                    _check_open(driver)
        except BaseException:  # whose work it was, and whether it fails alone, is found with care
            return False
        return True

    def _open(self) -> Connection:
        """The connection; its transactions are begun and ended on the driver's own.

        SQLAlchemy's costs as much Python as three statements.
        """
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(write=True)
            self._connection.begin()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _transaction(connection: Connection) -> Iterator[Any]:
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield driver
        _check_open(driver)
        driver.commit()
    except BaseException:
        driver.rollback()
        raise


def _check_open(driver: Any) -> None:
    """SQLite ends a transaction by itself when the disk is full; nothing may be written after."""
    if not driver.in_transaction:
        raise ResourceBusy("the transaction was ended by the database")


def _run_one(connection: Connection, driver: Any, job: _Job, *, alone: bool) -> None:
    if alone:  # nobody else's work to keep: an error undoes the whole transaction
        job.result = job.work(connection)
        return
    driver.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except BaseException as error:  # handed to the thread whose work it is
        job.error = error
        driver.execute("ROLLBACK TO job")
    driver.execute("RELEASE job")
