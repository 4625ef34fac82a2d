"""Rows of the audit trail found for a reader: implements `services.read_audit.AuditLists`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, desc, select

from bridge.domain.audit import (
    AuditAction,
    AuditEvent,
    AuditEventId,
    AuditEventType,
    AuditObject,
    AuditOutcome,
)
from bridge.services.read_audit import AuditFilter, AuditRow
from bridge.store.tables import audit


class AuditLists:
    """The questions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, chosen: AuditFilter, limit: int) -> Sequence[AuditRow]:
        """Newest first; rows are numbered as they are written."""
        query = select(audit).order_by(desc(audit.c.pk)).limit(limit)
        for name in ("who", "patient_id", "object_kind", "event"):
            if value := getattr(chosen, name):
                query = query.where(audit.c[name] == value)
        if chosen.since is not None:
            query = query.where(audit.c.at >= chosen.since)
        if chosen.until is not None:
            query = query.where(audit.c.at < chosen.until)
        if chosen.below is not None:
            query = query.where(audit.c.pk < chosen.below)
        return [_row(row) for row in self._connection.execute(query).all()]


def _row(row: Any) -> AuditRow:
    event = AuditEvent(
        at=row.at,
        event=AuditEventId(row.event),
        action=AuditAction(row.action),
        who=row.who,
        role=row.role,
        address=row.address,
        type=AuditEventType(row.type),
        outcome=AuditOutcome(row.outcome),
        patient_id=row.patient_id,
        object_kind=AuditObject(row.object_kind),
        object_id=row.object_id,
        detail=row.detail,
    )
    return AuditRow(row.pk, event)
