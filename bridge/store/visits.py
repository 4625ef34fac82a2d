"""Visits, by patient and by number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from bridge.domain.identifiers import Identifier
from bridge.domain.visit import Visit, VisitStatus
from bridge.store import documents
from bridge.store.statement import Statement
from bridge.store.tables import visit

_OF_PATIENT = select(visit).where(visit.c.patient_pk == bindparam("pk")).order_by(visit.c.pk)
_ANY_OF_PATIENT = Statement(
    select(visit.c.pk).where(visit.c.patient_pk == bindparam("pk")).limit(1)
)


class Visits:
    """The visits of one transaction; who writes holds the patient (`Patients.find`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_patient(self, patient_pk: int) -> tuple[Visit, ...]:
        """Every visit of a patient, in the order they were first heard of."""
        parameters = {"pk": patient_pk}
        if _ANY_OF_PATIENT.scalar(self._connection, parameters) is None:
            return ()  # of most orders of most sites: asked on the hot path
        return tuple(map(_visit, self._connection.execute(_OF_PATIENT, parameters).all()))

    def get(self, pk: int) -> Visit | None:
        """The visit of this row."""
        row = self._connection.execute(select(visit).where(visit.c.pk == pk)).first()
        return None if row is None else _visit(row)

    def numbered(self, identifier: Identifier) -> tuple[Visit, ...]:
        """Visits of any patient with this visit number or account."""
        key = documents.key_of(identifier)
        query = select(visit).where(or_(visit.c.number_key == key, visit.c.account_key == key))
        return tuple(map(_visit, self._connection.execute(query.order_by(visit.c.pk)).all()))

    def add(self, new: Visit, now: float) -> Visit:
        """Create a visit; its pk is given here."""
        statement = visit.insert().returning(visit.c.pk)
        pk = int(self._connection.execute(statement, _row(new, now)).scalar_one())
        return _visit(self._connection.execute(select(visit).where(visit.c.pk == pk)).one())

    def change(self, changed: Visit, now: float) -> None:
        """Write a visit, its patient included."""
        self._connection.execute(
            update(visit).where(visit.c.pk == changed.pk).values(_row(changed, now))
        )

    def remove(self, pk: int) -> None:
        """Delete a visit that nothing hangs on, or that another has taken in."""
        self._connection.execute(delete(visit).where(visit.c.pk == pk))


def _row(changed: Visit, now: float) -> dict[str, Any]:
    numbers = changed.numbers
    return {
        "patient_pk": changed.patient_pk,
        "number_key": documents.key_of(numbers.number),
        "account_key": documents.key_of(numbers.account),
        "numbers": [
            documents.dump_identifier(each)
            for each in (numbers.number, numbers.account, changed.alternate)
        ],
        "former": [documents.dump_identifier(each) for each in changed.former],
        "patient_class": changed.patient_class,
        "status": changed.status.value,
        "attributes": dict(changed.attributes),
        "occurred_at": changed.occurred_at,
        "updated_at": now,
    }


def _visit(row: Any) -> Visit:
    return Visit(
        pk=row.pk,
        patient_pk=row.patient_pk,
        numbers=documents.load_visit(row.numbers[:2]),
        alternate=documents.load_identifier(row.numbers[2]),
        patient_class=row.patient_class,
        status=VisitStatus(row.status),
        attributes=row.attributes,
        former=documents.load_identifiers(row.former),
        occurred_at=row.occurred_at,
    )
