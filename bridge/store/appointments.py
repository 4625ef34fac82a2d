"""Appointments by the numbers their scheduler gave them, and the steps they are for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, text, update
from sqlalchemy.dialects import postgresql

from bridge.domain.appointment import Appointment, AppointmentAction
from bridge.domain.identifiers import Authority, Identifier
from bridge.store.tables import appointment, appointment_number, appointment_step

_ONE_AT_A_TIME = text(
    "SELECT count(pg_advisory_xact_lock(hashtextextended(key, 3)))"
    " FROM unnest(CAST(:keys AS text[])) AS key"
)


class Appointments:
    """The appointments of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, keys: Iterable[str]) -> Appointment | None:
        """The appointment known by one of these keys, locked.

        Who asks about the same new appointment at the same moment waits: it is created once.
        """
        keys = sorted(keys)
        if keys and self._connection.dialect.name == postgresql.dialect.name:
            self._connection.execute(_ONE_AT_A_TIME, {"keys": keys})
        known = select(appointment_number.c.appointment_pk).where(
            appointment_number.c.key.in_(tuple(keys))
        )
        query = select(appointment).where(appointment.c.pk.in_(known)).order_by(appointment.c.pk)
        row = self._connection.execute(query.limit(1).with_for_update()).first()
        return None if row is None else self._load(row)

    def get(self, pk: int) -> Appointment | None:
        """The appointment of this row, for reading."""
        query = select(appointment).where(appointment.c.pk == pk)
        row = self._connection.execute(query).first()
        return None if row is None else self._load(row)

    def numbers_of(self, pk: int) -> tuple[Identifier, ...]:
        """The numbers its scheduler gave it."""
        query = select(appointment_number.c.key).where(appointment_number.c.appointment_pk == pk)
        keys = self._connection.execute(query.order_by(appointment_number.c.key)).scalars()
        parts = (key.rpartition("^") for key in keys)
        return tuple(Identifier(value, Authority(name)) for value, _, name in parts)

    def _load(self, row: Row[Any]) -> Appointment:
        steps = select(appointment_step.c.step_pk).where(
            appointment_step.c.appointment_pk == row.pk
        )
        return Appointment(
            pk=row.pk,
            action=AppointmentAction(row.action),
            occurred_at=row.occurred_at,
            step_pks=frozenset(self._connection.execute(steps).scalars()),
        )

    def add(self, action: AppointmentAction, occurred_at: str, now: float) -> int:
        """Create an appointment. Returns its pk."""
        query = appointment.insert().values(
            action=action.value, occurred_at=occurred_at, updated_at=now
        )
        return int(self._connection.execute(query.returning(appointment.c.pk)).scalar_one())

    def booked(self, step_pks: Iterable[int]) -> frozenset[int]:
        """Which of these steps some appointment is for."""
        query = select(appointment_step.c.step_pk).where(
            appointment_step.c.step_pk.in_(tuple(step_pks))
        )
        return frozenset(self._connection.execute(query).scalars())

    def change(self, held: Appointment, now: float) -> None:
        """Write what happened last, and the steps; a step belongs to its newest appointment."""
        self._connection.execute(
            update(appointment)
            .where(appointment.c.pk == held.pk)
            .values(action=held.action.value, occurred_at=held.occurred_at, updated_at=now)
        )
        self._connection.execute(
            delete(appointment_step).where(
                or_(
                    appointment_step.c.appointment_pk == held.pk,
                    appointment_step.c.step_pk.in_(held.step_pks),
                )
            )
        )
        for step_pk in sorted(held.step_pks):
            self._connection.execute(
                appointment_step.insert().values(appointment_pk=held.pk, step_pk=step_pk)
            )

    def add_keys(self, pk: int, keys: Iterable[str]) -> None:
        """Know an appointment by these keys, too; one that is another's stays with it."""
        wanted = tuple(dict.fromkeys(keys))
        query = select(appointment_number.c.key).where(appointment_number.c.key.in_(wanted))
        known = set(self._connection.execute(query).scalars())
        for key in wanted:
            if key not in known:
                new = appointment_number.insert().values(key=key, appointment_pk=pk)
                self._connection.execute(new)
