"""Patients and the identifiers they are, or once were, known by."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection, Row, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.names import fold_name
from bridge.domain.patient import Attributes, Patient, PatientDetails
from bridge.store.statement import Statement, insert
from bridge.store.tables import imaging_service_request, patient, patient_identifier

_INSERT = insert(
    patient, ("attributes", "name_folded", "occurred_at", "updated_at"), returning_pk=True
)
_INSERT_IDENTIFIERS = insert(
    patient_identifier,
    (
        "patient_pk",
        "assigned_to",
        "value",
        "authority_key",
        "namespace",
        "universal_id",
        "universal_id_type",
        "type_code",
        "rank",
        "alias",
    ),
)
_OWNER = Statement(
    select(patient_identifier.c.patient_pk).where(
        patient_identifier.c.value == bindparam("value"),
        patient_identifier.c.authority_key == bindparam("authority_key"),
    )
)
_OWNERS_OF_VALUE = (
    select(patient_identifier.c.patient_pk)
    .where(patient_identifier.c.value == bindparam("value"))
    .distinct()
)
_LOCK = Statement(
    select(patient.c.merged_into)
    .where(patient.c.pk == bindparam("pk"))
    .with_for_update(key_share=True)
)
_PATIENT = select(patient.c.pk, patient.c.attributes, patient.c.occurred_at).where(
    patient.c.pk == bindparam("pk")
)
_IDENTIFIERS = (
    select(patient_identifier)
    .where(patient_identifier.c.patient_pk == bindparam("pk"))
    .order_by(patient_identifier.c.alias, patient_identifier.c.rank, patient_identifier.c.pk)
)


class Patients:
    """The patients of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, identifier: Identifier) -> Patient | None:
        """The patient, survivor of any merge, that carries this identifier or carried it once.

        Locked until the transaction ends: nobody merges away whom somebody gives an order to.
        """
        key = {"value": identifier.value, "authority_key": identifier.authority.key}
        pk = _OWNER.scalar(self._connection, key)
        if self._connection.dialect.name == postgresql.dialect.name:
            while pk is not None and _LOCK.scalar(self._connection, {"pk": pk}) is not None:
                pk = _OWNER.scalar(self._connection, key)  # merged while we waited for the lock
        return None if pk is None else self.get(pk)

    def is_known(self, identifier: Identifier) -> bool:
        """Whether any patient answers to this identifier; with no authority, by value alone."""
        if identifier.authority:
            parameters = {"value": identifier.value, "authority_key": identifier.authority.key}
            return _OWNER.scalar(self._connection, parameters) is not None
        found = self._connection.execute(_OWNERS_OF_VALUE, {"value": identifier.value})
        return found.first() is not None

    def get(self, pk: int) -> Patient:
        """The patient of this row."""
        row = self._connection.execute(_PATIENT, {"pk": pk}).one()
        rows = self._connection.execute(_IDENTIFIERS, {"pk": pk}).all()
        return Patient(
            pk=pk,
            identifiers=tuple(_identifier(each) for each in rows if not each.alias),
            aliases=tuple(_identifier(each) for each in rows if each.alias),
            attributes=row.attributes,
        )

    def occurred_at(self, pk: int) -> str:
        """When the newest event that changed this patient occurred, as its sender said."""
        return str(self._connection.execute(_PATIENT, {"pk": pk}).one().occurred_at)

    def add(self, details: PatientDetails, occurred_at: str) -> Patient:
        """Create a patient with all the identifiers the message gave."""
        attributes = {k: v for k, v in details.attributes.items() if v != ""}
        parameters = {
            "attributes": attributes,
            "name_folded": fold_name(details.name),
            "occurred_at": occurred_at,
            "updated_at": time.time(),
        }
        pk = int(_INSERT.scalar(self._connection, parameters))
        identifiers = _unique(details.identifiers)
        rows = [_identifier_row(pk, each, rank) for rank, each in enumerate(identifiers)]
        _INSERT_IDENTIFIERS.run(self._connection, *rows)
        return Patient(pk=pk, identifiers=identifiers, attributes=attributes)

    def change(self, pk: int, attributes: Attributes, occurred_at: str) -> None:
        """Set the attributes of a patient."""
        self._connection.execute(
            update(patient)
            .where(patient.c.pk == pk)
            .values(
                attributes=dict(attributes),
                name_folded=fold_name(attributes.get("PatientName", "")),
                occurred_at=occurred_at,
                updated_at=time.time(),
            )
        )

    def add_identifiers(
        self, pk: int, identifiers: Iterable[Identifier], *, alias: bool = False
    ) -> None:
        """Give a patient further identifiers."""
        rank = len(self._connection.execute(_IDENTIFIERS, {"pk": pk}).all())
        rows = [
            _identifier_row(pk, each, rank + offset, alias=alias)
            for offset, each in enumerate(_unique(identifiers))
        ]
        _INSERT_IDENTIFIERS.run(self._connection, *rows)
        self._touch(pk)

    def _touch(self, *pks: int) -> None:
        """Whoever asks for what changed since then asks by this."""
        self._connection.execute(
            update(patient).where(patient.c.pk.in_(pks)).values(updated_at=time.time())
        )

    def merge(self, retired_pk: int, survivor_pk: int) -> None:
        """Move identifiers and orders of the retired record to the survivor; keep the pointer."""
        self._connection.execute(
            update(patient_identifier)
            .where(patient_identifier.c.patient_pk == retired_pk)
            .values(patient_pk=survivor_pk, alias=True)
        )
        self._connection.execute(
            update(imaging_service_request)
            .where(imaging_service_request.c.patient_pk == retired_pk)
            .values(patient_pk=survivor_pk)
        )
        self._connection.execute(
            update(patient)
            .where(or_(patient.c.pk == retired_pk, patient.c.merged_into == retired_pk))
            .values(merged_into=survivor_pk)
        )
        self._touch(retired_pk, survivor_pk)

    def retire_identifier(self, pk: int, identifier: Identifier) -> None:
        """Turn one of a patient's identifiers into an alias."""
        self._connection.execute(
            update(patient_identifier)
            .where(
                and_(
                    patient_identifier.c.patient_pk == pk,
                    patient_identifier.c.value == identifier.value,
                    patient_identifier.c.authority_key == identifier.authority.key,
                )
            )
            .values(alias=True)
        )
        self._touch(pk)


def _unique(identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
    return tuple({each.key: each for each in reversed(tuple(identifiers))}.values())[::-1]


def _identifier_row(
    pk: int, identifier: Identifier, rank: int, *, alias: bool = False
) -> dict[str, object]:
    return {
        "patient_pk": pk,
        "assigned_to": pk,
        "value": identifier.value,
        "authority_key": identifier.authority.key,
        "namespace": identifier.authority.namespace,
        "universal_id": identifier.authority.universal_id,
        "universal_id_type": identifier.authority.universal_id_type,
        "type_code": identifier.type_code,
        "rank": rank,
        "alias": alias,
    }


def _identifier(row: Row[tuple[object, ...]]) -> Identifier:
    authority = Authority(row.namespace, row.universal_id, row.universal_id_type)
    return Identifier(row.value, authority, row.type_code)
