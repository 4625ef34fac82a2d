"""What persons decided of studies: the newest that was not taken back counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from bridge.domain.resolution import Resolution, ResolutionAction
from bridge.store.tables import study_resolution

_TABLE = study_resolution.c


class Resolutions:
    """The resolutions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, study_pk: int) -> Resolution | None:
        """What stands of a study."""
        query = (
            select(study_resolution)
            .where(_TABLE.study_pk == study_pk, _TABLE.undone_at.is_(None))
            .order_by(_TABLE.pk.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        return None if row is None else _resolution(row)

    def of_study(self, study_pk: int) -> tuple[tuple[Resolution, str], ...]:
        """Everything that was ever decided, oldest first, each with who took it back or nobody."""
        query = select(study_resolution).where(_TABLE.study_pk == study_pk).order_by(_TABLE.pk)
        rows = self._connection.execute(query).all()
        return tuple((_resolution(row), row.undone_by) for row in rows)

    def add(self, study_pk: int, resolution: Resolution) -> None:
        """Let a resolution stand."""
        row = {
            "study_pk": study_pk,
            "action": resolution.action.value,
            "procedure_pks": list(resolution.procedure_pks),
            "patient_pk": resolution.patient_pk or None,
            "who": resolution.who,
            "reason": resolution.reason,
            "at": resolution.at,
        }
        self._connection.execute(study_resolution.insert(), row)

    def undo(self, pk: int, who: str, at: float) -> None:
        """Take a resolution back."""
        self._connection.execute(
            update(study_resolution).where(_TABLE.pk == pk).values(undone_by=who, undone_at=at)
        )


def _resolution(row: Row[Any]) -> Resolution:
    return Resolution(
        action=ResolutionAction(row.action),
        procedure_pks=tuple(row.procedure_pks),
        patient_pk=row.patient_pk or 0,
        who=row.who,
        reason=row.reason,
        at=row.at,
        pk=row.pk,
    )
