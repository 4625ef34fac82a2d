"""The port to the audit trail, and the views of patient data that are written to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.services.transaction import AuditTrail, Clock

T = TypeVar("T")


class AuditTransaction(Protocol):
    """A transaction in which what is done is also written down."""

    @property
    def audit(self) -> AuditTrail: ...


class AuditStore(Protocol):
    """Runs work in one transaction."""

    def transact(self, work: Callable[[AuditTransaction], T]) -> T: ...


def audit_event(
    user: SignedIn,
    event: AuditEventId,
    action: AuditAction,
    at: float,
    *,
    patient_id: str = "",
    about: tuple[AuditObject, str] = (AuditObject.NONE, ""),
    detail: str = "",
) -> AuditEvent:
    """What a signed-in person did, as a row of the trail; `about` is the record's kind and name."""
    return AuditEvent(
        at=at,
        event=event,
        action=action,
        who=user.name,
        role=user.role.value,
        address=user.address,
        patient_id=patient_id,
        object_kind=about[0],
        object_id=about[1],
        detail=detail,
    )


class RecordView:
    """Writes down that somebody saw patient data, before it is shown.

    What changes something is not for this: its service writes the row in its own transaction.
    """

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def sought(self, user: SignedIn, kind: AuditObject, criteria: str) -> None:
        """Somebody searched (DICOM Query, 110112)."""
        self._add(
            audit_event(
                user,
                AuditEventId.QUERY,
                AuditAction.EXECUTE,
                self._clock(),
                about=(kind, ""),
                detail=criteria,
            )
        )

    def seen(
        self,
        user: SignedIn,
        event: AuditEventId,
        kind: AuditObject,
        name: str,
        *,
        patient_id: str = "",
    ) -> None:
        """Somebody opened one record."""
        self._add(
            audit_event(
                user,
                event,
                AuditAction.READ,
                self._clock(),
                patient_id=patient_id,
                about=(kind, name),
            )
        )

    def _add(self, event: AuditEvent) -> None:
        self._store.transact(lambda tx: tx.audit.add(event))
