"""Take a link between two records of patients back by an operator's hand (ADT^A24, A37)."""

from __future__ import annotations

from bridge.domain.errors import InvalidTransition
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Clock, Store, Transaction


class UnlinkPatients:
    """Undoes one link; what waits is decided anew without it."""

    def __init__(self, *, store: Store, reconcile: Reconcile, clock: Clock) -> None:
        self._store = store
        self._reconcile = reconcile
        self._clock = clock

    def unlink(self, one_pk: int, other_pk: int) -> None:
        """Both records stay as they are. Raises InvalidTransition when they are not linked."""

        def work(tx: Transaction) -> None:
            tx.orders.hold_still()
            if not tx.merges.unlink(one_pk, other_pk):
                raise InvalidTransition("the patients are not linked")
            for pk in (one_pk, other_pk):
                orders = tx.orders.of_patient(pk)
                self._reconcile.waiting(tx, orders, tx.patients.get(pk), self._clock())

        self._store.transact(work)
