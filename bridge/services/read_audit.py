"""The audit trail for those who answer for it; that somebody reads it is written to it, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bridge.domain.access import SignedIn
from bridge.domain.audit import AuditAction, AuditEvent, AuditEventId, AuditObject
from bridge.services.audit import audit_event
from bridge.services.transaction import AuditTrail, Clock

T = TypeVar("T")
LISTED = 100
"""How many rows a page holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows; what is empty leaves the choice open.

    `since` and `until` are unix times, the latter not included. `below` is the number of the row
    that a page goes on after.
    """

    who: str = ""
    patient_id: str = ""
    object_kind: str = ""
    event: str = ""
    since: float | None = None
    until: float | None = None
    below: int | None = None

    def in_words(self) -> str:
        """For the trail itself."""
        said = {
            "who": self.who,
            "patient": self.patient_id,
            "kind": self.object_kind,
            "event": self.event,
            "since": "" if self.since is None else f"{self.since:.0f}",
            "until": "" if self.until is None else f"{self.until:.0f}",
        }
        return ", ".join(f"{name} {value}" for name, value in said.items() if value)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the trail with its number."""

    pk: int
    event: AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Rows, newest first; `below` begins the next page and is None on the last."""

    rows: Sequence[AuditRow]
    below: int | None


class AuditLists(Protocol):
    """Finds rows of the trail."""

    def find(self, chosen: AuditFilter, limit: int) -> Sequence[AuditRow]:
        """Newest first."""


class ReadingTransaction(Protocol):
    """A transaction in which the trail is read and written."""

    @property
    def audit_lists(self) -> AuditLists:
        """For reading."""

    @property
    def audit(self) -> AuditTrail:
        """For writing."""


class ReadingStore(Protocol):
    """Runs work in a transaction."""

    def transact(self, work: Callable[[ReadingTransaction], T]) -> T:
        """Run and commit."""


class ReadAudit:
    """Reads the trail."""

    def __init__(self, *, store: ReadingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def page(self, chosen: AuditFilter, reader: SignedIn) -> AuditPage:
        """Rows as they stood before this reading (Audit Log Used, DCM 110101)."""
        used = audit_event(
            reader,
            AuditEventId.AUDIT_LOG_USED,
            AuditAction.READ,
            self._clock(),
            about=(AuditObject.AUDIT, ""),
            detail=chosen.in_words(),
        )

        def work(tx: ReadingTransaction) -> Sequence[AuditRow]:
            found = tx.audit_lists.find(chosen, LISTED + 1)
            tx.audit.add(used)
            return found

        rows = self._store.transact(work)
        more = len(rows) > LISTED
        return AuditPage(rows=rows[:LISTED], below=rows[LISTED - 1].pk if more else None)
