"""What a signed-in person does, written to the audit trail in the transaction that does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bridge.domain.audit import AuditEvent
from bridge.services.transaction import Store, Transaction

T = TypeVar("T")


class AuditedStore:
    """A store whose first transaction that is committed also writes one row of the trail.

    Use cases that know nothing of persons are given it for one act: they change something and the
    trail says so, or neither happens.
    """

    def __init__(self, store: Store, event: AuditEvent) -> None:
        self._store = store
        self._event = event
        self._is_written = False

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run `work`, and write the row with it."""

        def with_the_row(tx: Transaction) -> T:
            result = work(tx)
            if not self._is_written:
                tx.audit.add(self._event)
            return result

        result = self._store.transact(with_the_row)
        self._is_written = True
        return result

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` that only reads."""
        return self._store.read(work)
