"""Patients and the identifiers they are, or once were, known by."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    false,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.names import fold_name
from bridge.domain.patient import Attributes, Patient, PatientDetails
from bridge.store.names import OF_PATIENTS, rows_named
from bridge.store.statement import Numbered, Statement, insert
from bridge.store.tables import patient, patient_formerly, patient_identifier

_FORMERLY = patient_formerly.c

INSERT = Numbered(patient, ("attributes", "name_folded", "occurred_at", "updated_at"))
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
_OWNERS = select(patient.c.pk, patient.c.updated_at).join(
    patient_identifier, patient_identifier.c.patient_pk == patient.c.pk
)
_OWNER = Statement(
    _OWNERS.where(
        patient_identifier.c.value == bindparam("value"),
        patient_identifier.c.authority_key == bindparam("authority_key"),
    )
)
_OWNER_BY_UNIVERSAL_ID = Statement(
    _OWNERS.where(
        patient_identifier.c.value == bindparam("value"),
        patient_identifier.c.universal_id == bindparam("universal_id"),
    ).order_by(patient.c.pk)
)
_OWNERS_OF_VALUE = (
    select(patient_identifier.c.patient_pk)
    .join(patient, patient.c.pk == patient_identifier.c.patient_pk)
    .where(patient_identifier.c.value == bindparam("value"), patient.c.removed == false())
    .distinct()
)
_HOLDERS_OF_VALUE = Statement(
    select(
        patient_identifier.c.patient_pk,
        patient_identifier.c.alias,
        patient_identifier.c.rank,
        patient_identifier.c.authority_key,
    ).where(patient_identifier.c.value == bindparam("value"))
)
_LOCK = Statement(
    select(patient.c.updated_at)
    .where(patient.c.pk == bindparam("pk"))
    .with_for_update(key_share=True)
)
_PATIENT = select(
    patient.c.pk, patient.c.attributes, patient.c.occurred_at, patient.c.removed
).where(patient.c.pk == bindparam("pk"))
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
        owner = self._owner(identifier)
        if self._connection.dialect.name == postgresql.dialect.name:
            # Who changed while we waited for the lock may not have it any more.
            while owner and _LOCK.scalar(self._connection, {"pk": owner[0]}) != owner[1]:
                owner = self._owner(identifier)
        return None if owner is None else self.get(owner[0])

    def foresee(self, identifiers: Iterable[Identifier]) -> None:
        """Ask together what is asked of every patient of an order (see `pipeline`)."""
        for each in identifiers:
            key = {"value": each.value, "authority_key": each.authority.key}
            _OWNER.foresee(self._connection, key)

    def _owner(self, identifier: Identifier) -> tuple[int, float] | None:
        """Who has it; an authority known by name and by universal ID may be named by either."""
        authority = identifier.authority
        key = {"value": identifier.value, "authority_key": authority.key}
        rows = _OWNER.rows(self._connection, key)
        if not rows and authority.universal_id:
            named = {"value": identifier.value, "universal_id": authority.universal_id}
            rows = _OWNER_BY_UNIVERSAL_ID.rows(self._connection, named)
        return (rows[0][0], rows[0][1]) if rows else None

    def called(self, value: str) -> tuple[Patient, ...]:
        """Everybody who is, or once was, called by this value, whatever the authority."""
        found = _HOLDERS_OF_VALUE.rows(self._connection, {"value": value})
        return tuple(self.get(pk) for pk in dict.fromkeys(row[0] for row in found))

    def named(self, words: Sequence[str], limit: int) -> tuple[int, ...]:
        """Patients whose name has, or had, a word that begins with each of these, by pk."""
        return rows_named(self._connection, OF_PATIENTS, words, limit)

    def is_known(self, identifier: Identifier) -> bool:
        """Whether any patient answers to this identifier; with no authority, by value alone."""
        if identifier.authority:
            owner = self._owner(identifier)
            return owner is not None and not self.get(owner[0]).removed
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
            removed=row.removed,
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
        pk = INSERT.add(self._connection, parameters)
        identifiers = _unique(details.identifiers)
        rows = [_identifier_row(pk, each, rank) for rank, each in enumerate(identifiers)]
        _INSERT_IDENTIFIERS.run(self._connection, *rows)
        return Patient(pk=pk, identifiers=identifiers, attributes=attributes)

    def change(self, pk: int, attributes: Attributes, occurred_at: str) -> None:
        """Set the attributes of a patient."""
        self._set(
            pk,
            attributes=dict(attributes),
            name_folded=fold_name(attributes.get("PatientName", "")),
            occurred_at=occurred_at,
            removed=False,
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

    def retire_identifiers(self, pk: int, identifiers: Iterable[Identifier]) -> None:
        """Turn identifiers of a patient into aliases."""
        for each in identifiers:
            self._connection.execute(
                update(patient_identifier).where(_is(pk, each)).values(alias=True)
            )
        self._touch(pk)

    def rename_identifier(self, pk: int, previous: Identifier, current: Identifier) -> None:
        """Put `current` in the place of `previous`, which stays as an alias."""
        query = select(patient_identifier.c.rank).where(_is(pk, previous))
        rank = int(self._connection.execute(query).scalar_one())
        self.retire_identifiers(pk, (previous,))
        known = select(patient_identifier.c.pk).where(_is(pk, current))
        if self._connection.execute(known).first() is None:
            _INSERT_IDENTIFIERS.run(self._connection, _identifier_row(pk, current, rank))
        self._connection.execute(
            update(patient_identifier).where(_is(pk, current)).values(alias=False, rank=rank)
        )

    def move_identifiers(
        self, source_pk: int, target_pk: int, identifiers: Iterable[Identifier]
    ) -> None:
        """Identifiers of one patient are another's from now on, after those it has."""
        rank = len(self._connection.execute(_IDENTIFIERS, {"pk": target_pk}).all())
        for offset, each in enumerate(identifiers):
            self._connection.execute(
                update(patient_identifier)
                .where(_is(source_pk, each))
                .values(patient_pk=target_pk, assigned_to=target_pk, rank=rank + offset)
            )
        self._touch(source_pk, target_pk)

    def remove(self, pk: int) -> None:
        """Drop what a record says; who names its identifiers again begins anew."""
        self._set(pk, attributes={}, name_folded="", removed=True)

    def formerly(self, pk: int) -> tuple[Attributes, ...]:
        """What this patient's record said before, and those that were merged into it."""
        merged = select(patient.c.pk).where(patient.c.merged_into == pk)
        said = select(patient.c.attributes).where(patient.c.merged_into == pk)
        before = select(_FORMERLY.attributes).where(
            or_(_FORMERLY.patient_pk == pk, _FORMERLY.patient_pk.in_(merged))
        )
        found = (
            *self._connection.execute(said.order_by(patient.c.pk)).scalars(),
            *self._connection.execute(before.order_by(_FORMERLY.pk)).scalars(),
        )
        return tuple(found)

    def remember(self, pk: int, said: Attributes) -> bool:
        """Keep what was said of a patient and holds no more; false when it was kept already."""
        held = select(_FORMERLY.attributes).where(_FORMERLY.patient_pk == pk)
        if dict(said) in self._connection.execute(held).scalars().all():
            return False
        row = {"patient_pk": pk, "attributes": dict(said)}
        self._connection.execute(patient_formerly.insert(), row)
        return True

    def shown_as(self, value: str, issuer: str) -> tuple[Identifier, ...]:
        """The Patient IDs of those who are called `value` by another identifier than that.

        An `issuer` leaves out identifiers of others.
        """
        rows = _HOLDERS_OF_VALUE.rows(self._connection, {"value": value})
        holders = [pk for pk, alias, rank, key in rows if alias or rank if issuer in ("", key)]
        named = (self.get(pk).patient_id for pk in dict.fromkeys(holders))
        return tuple(each for each in named if (each.value, issuer) != (value, each.authority.key))

    def _set(self, pk: int, **values: Any) -> None:
        self._connection.execute(
            update(patient).where(patient.c.pk == pk).values(updated_at=time.time(), **values)
        )


def _is(pk: int, identifier: Identifier) -> ColumnElement[bool]:
    return and_(
        patient_identifier.c.patient_pk == pk,
        patient_identifier.c.value == identifier.value,
        patient_identifier.c.authority_key == identifier.authority.key,
    )


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
