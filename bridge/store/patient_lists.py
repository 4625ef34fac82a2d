"""Patients found for a person: implements `services.review_patients.PatientLists`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, desc, exists, func, select

from bridge.domain.patient_merge import PatientMerge
from bridge.services.review_patients import FoundPatient
from bridge.store.names import OF_PATIENTS, rows_named
from bridge.store.patient_merges import PatientMerges
from bridge.store.tables import imaging_service_request, patient, patient_identifier

_PATIENT, _IDENTIFIER = patient.c, patient_identifier.c
_ORDERS = (
    select(func.count())
    .where(imaging_service_request.c.patient_pk == _PATIENT.pk)
    .scalar_subquery()
    .label("orders")
)
_ROWS = select(
    _PATIENT.pk,
    _PATIENT.attributes,
    _PATIENT.updated_at,
    _PATIENT.removed,
    _PATIENT.merged_into,
    _ORDERS,
)


class PatientLists:
    """The questions of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def numbered(self, value: str, limit: int) -> Sequence[FoundPatient]:
        """Those who are, or once were, called by this value; an alias leads to the survivor."""
        called = select(_IDENTIFIER.patient_pk).where(_IDENTIFIER.value == value)
        return self._found(_ROWS.where(_PATIENT.pk.in_(called)).order_by(_PATIENT.pk), limit)

    def named(self, words: Sequence[str], limit: int) -> Sequence[FoundPatient]:
        """Those whose name has, or had, words that begin with each of these."""
        found = rows_named(self._connection, OF_PATIENTS, words, limit)
        query = _ROWS.where(_PATIENT.pk.in_(found), _PATIENT.merged_into.is_(None))
        return self._found(query.order_by(_PATIENT.name_folded, _PATIENT.pk), limit)

    def newest(self, limit: int) -> Sequence[FoundPatient]:
        """Those who changed last."""
        query = _ROWS.where(_PATIENT.merged_into.is_(None))
        return self._found(query.order_by(desc(_PATIENT.updated_at), desc(_PATIENT.pk)), limit)

    def merges(self, limit: int) -> Sequence[PatientMerge]:
        """Merges of anybody, the newest first."""
        return PatientMerges(self._connection).newest(limit)

    def merged_into(self, pk: int) -> int | None:
        """Who holds what this record held."""
        query = select(_PATIENT.merged_into).where(_PATIENT.pk == pk)
        found = self._connection.execute(query).scalar()
        return None if found is None else int(found)

    def is_there(self, pk: int) -> bool:
        """Whether there is such a record."""
        query = select(exists().where(_PATIENT.pk == pk))
        return bool(self._connection.execute(query).scalar())

    def _found(self, query: Any, limit: int) -> Sequence[FoundPatient]:
        rows = self._connection.execute(query.limit(limit)).all()
        names = self._identifiers([row.pk for row in rows])
        return [_patient(row, names.get(row.pk, ())) for row in rows]

    def _identifiers(self, pks: Sequence[int]) -> dict[int, tuple[str, ...]]:
        query = (
            select(_IDENTIFIER.patient_pk, _IDENTIFIER.value)
            .where(_IDENTIFIER.patient_pk.in_(pks))
            .order_by(_IDENTIFIER.alias, _IDENTIFIER.rank, _IDENTIFIER.pk)
        )
        found: dict[int, tuple[str, ...]] = {}
        for pk, value in self._connection.execute(query).all():
            found[pk] = (*found.get(pk, ()), value)
        return found


def _patient(row: Row[Any], identifiers: tuple[str, ...]) -> FoundPatient:
    return FoundPatient(
        pk=row.pk,
        name=row.attributes.get("PatientName", ""),
        birth_date=row.attributes.get("PatientBirthDate", ""),
        sex=row.attributes.get("PatientSex", ""),
        identifiers=identifiers,
        orders=row.orders,
        updated_at=row.updated_at,
        removed=row.removed,
        merged_into=row.merged_into,
    )
