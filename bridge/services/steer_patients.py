"""What a signed-in person takes back of what senders said of patients; each act is audited."""

from __future__ import annotations

from collections.abc import Callable

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.patient_merge import PatientMerge
from bridge.services.audit import audit_event
from bridge.services.audited import AuditedStore
from bridge.services.transaction import Clock, Store, Transaction
from bridge.services.undo_merge import UndoMerge
from bridge.services.unlink_patients import UnlinkPatients


class SteerPatients:
    """Takes merges and links back; the use cases are made over a store that audits them."""

    def __init__(
        self,
        *,
        store: Store,
        undo_merge: Callable[[Store], UndoMerge],
        unlink: Callable[[Store], UnlinkPatients],
        clock: Clock,
    ) -> None:
        self._store = store
        self._undo_merge = undo_merge
        self._unlink = unlink
        self._clock = clock

    def undo_merge(self, merge_pk: int, user: SignedIn, reason: str) -> PatientMerge:
        """Give back what a merge moved.

        Raises UnknownKey, InvalidTransition or, without a reason, RequiredFieldMissing.
        """
        merge = self._store.read(lambda tx: tx.merges.get(merge_pk))
        event = self._event(user, merge.survivor_pk if merge else 0, f"merge {merge_pk}", reason)
        return self._undo_merge(AuditedStore(self._store, event)).undo(merge_pk, user.name)

    def unlink(self, one_pk: int, other_pk: int, user: SignedIn, reason: str) -> None:
        """Take the link of two records back. Raises as `undo_merge`."""
        event = self._event(user, one_pk, f"link to {other_pk}", reason)
        self._unlink(AuditedStore(self._store, event)).unlink(one_pk, other_pk)

    def _event(self, user: SignedIn, patient_pk: int, what: str, reason: str) -> AuditEvent:
        if not reason.strip():
            raise RequiredFieldMissing("why it is taken back must be said")
        called = self._store.read(lambda tx: _called(tx, patient_pk)) if patient_pk else ""
        return audit_event(
            user,
            AuditEventId.PATIENT_RECORD,
            AuditAction.UPDATE,
            self._clock(),
            patient_id=called,
            about=(AuditObject.PATIENT, str(patient_pk)),
            detail=f"{what} taken back: {reason.strip()}",
        )


def _called(tx: Transaction, patient_pk: int) -> str:
    identifiers = tx.patients.get(patient_pk).identifiers
    return identifiers[0].value if identifiers else ""
