"""The audit trail."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from bridge.domain.audit import AuditEvent
from bridge.store.tables import audit


class AuditTrail:
    """The trail of one transaction: rows are added and never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: AuditEvent) -> None:
        """Write down what somebody did."""
        row = {name: getattr(event, name) for name in AuditEvent.__dataclass_fields__}
        row["outcome"] = int(event.outcome)
        self._connection.execute(insert(audit), row)
