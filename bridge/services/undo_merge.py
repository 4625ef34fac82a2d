"""Take a merge of patients back by an operator's hand: all are reversible (STANDARDS 3.3)."""

from __future__ import annotations

from bridge.domain.errors import UnknownKey
from bridge.domain.patient_merge import PatientMerge
from bridge.services.change_patient import ChangePatient
from bridge.services.merge_patients import MergePatients
from bridge.services.project_worklist import ProjectWorklist
from bridge.services.reconcile import Reconcile
from bridge.services.transaction import Clock, Store, Transaction


class UndoMerge:
    """Undoes one merge, whole and in one transaction."""

    def __init__(
        self, *, store: Store, worklist: ProjectWorklist, reconcile: Reconcile, clock: Clock
    ) -> None:
        self._store = store
        self._merges = MergePatients(ChangePatient(worklist, reconcile), reconcile)
        self._clock = clock

    def undo(self, merge_pk: int, by: str) -> PatientMerge:
        """Give back what the merge of this number moved; `by` says who asked.

        Raises UnknownKey when there is no such merge, InvalidTransition when it cannot be undone
        or was before.
        """

        def work(tx: Transaction) -> PatientMerge:
            tx.orders.begin_change()
            merge = tx.merges.get(merge_pk)
            if merge is None:
                raise UnknownKey(f"there is no merge {merge_pk}")
            self._merges.unmerge(tx, merge, self._clock(), by)
            return merge

        return self._store.transact(work)
