"""Put a study beside the orders it may belong to, for whoever has to choose."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.domain.errors import UnknownKey
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import Candidate
from bridge.domain.order import Order, Procedure
from bridge.domain.side_by_side import SideBySide, side_by_side
from bridge.domain.study import Study
from bridge.services.reconcile import Reconcile, candidate_of, candidates
from bridge.services.resolve_study import order_called
from bridge.services.transaction import Store, Transaction


class CompareStudy:
    """Compares studies with orders, field by field; reads only."""

    def __init__(self, *, store: Store, reconcile: Reconcile) -> None:
        self._store = store
        self._reconcile = reconcile

    def with_number(self, study_instance_uid: str, number: Identifier) -> tuple[SideBySide, ...]:
        """A study beside each procedure of the order of this accession or order number.

        Raises UnknownKey when there is no such study, or no or several such orders.
        """

        def work(tx: Transaction) -> tuple[SideBySide, ...]:
            order = order_called(tx, number)
            return self._beside(tx, study_instance_uid, ((order, p) for p in order.procedures))

        return self._store.read(work)

    def with_procedures(
        self, study_instance_uid: str, procedure_pks: Iterable[int]
    ) -> tuple[SideBySide, ...]:
        """A study beside these procedures: those of a decision, say. Raises UnknownKey."""
        pks = frozenset(procedure_pks)

        def work(tx: Transaction) -> tuple[SideBySide, ...]:
            found = [
                (order, procedure)
                for order in tx.orders.with_procedures(pks)
                for procedure in order.procedures
                if procedure.pk in pks
            ]
            return self._beside(tx, study_instance_uid, found)

        return self._store.read(work)

    def _beside(
        self, tx: Transaction, uid: str, found: Iterable[tuple[Order, Procedure]]
    ) -> tuple[SideBySide, ...]:
        study = self._reconcile.found(tx, uid)
        if study is None:
            raise UnknownKey(f"there is no study {uid}")
        led_to = {each.procedure.pk: each.keys for each in candidates(tx, study)}
        compared = (
            candidate_of(tx, order, procedure, led_to.get(procedure.pk, ()))
            for order, procedure in found
        )
        return tuple(self._compared(tx, study, each) for each in compared)

    def _compared(self, tx: Transaction, study: Study, candidate: Candidate) -> SideBySide:
        agreement = self._reconcile.agreement_with(tx, study, candidate)
        return side_by_side(study, candidate, agreement, self._reconcile.rules)
