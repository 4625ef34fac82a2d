"""Merges of patients, each kept so that it can be taken back; and links between them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, false, func, null, or_, select, update

from bridge.domain.errors import InvalidTransition
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.patient import Attributes
from bridge.domain.patient_merge import MergeNote, PatientMerge
from bridge.store import documents
from bridge.store.tables import (
    imaging_service_request,
    patient,
    patient_identifier,
    patient_link,
    patient_merge,
    visit,
)

_IDENTIFIER, _ORDER = patient_identifier.c, imaging_service_request.c


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """What changed its owner at a merge: rows by pk, as the JSON column holds them.

    `identifiers` are (pk, alias, rank) before the merge, `links` (pk of the other patient, whether
    the survivor had that link already), `merged` the records that were merged into the retired.
    `last_order` is the pk of the newest order there was.
    """

    identifiers: list[list[Any]]
    orders: list[int]
    visits: list[int]
    links: list[list[Any]]
    merged: list[int]
    filled: dict[str, str]
    names: list[Any]
    last_order: int = 0

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _Moved.__slots__}


class PatientMerges:
    """The merges of one transaction; who writes holds the patients (`Patients.find`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def merge(self, retired_pk: int, survivor_pk: int, note: MergeNote, filled: Attributes) -> None:
        """Move all of the retired record to the survivor, and keep the pointer and what moved.

        `filled` are the attributes that the survivor takes from the retired.
        """
        rows = self._connection.execute(
            select(patient_identifier).where(_IDENTIFIER.patient_pk == retired_pk)
        ).all()
        moved = _Moved(
            identifiers=[[row.pk, row.alias, row.rank] for row in rows],
            names=[_name(row) for row in rows if not row.alias],
            orders=self._pks(imaging_service_request, _ORDER.patient_pk == retired_pk),
            visits=self._pks(visit, visit.c.patient_pk == retired_pk),
            links=self._move_links(retired_pk, survivor_pk),
            merged=self._pks(patient, patient.c.merged_into == retired_pk),
            filled=dict(filled),
            last_order=self._connection.execute(select(func.max(_ORDER.pk))).scalar() or 0,
        )
        for table in (patient_identifier, imaging_service_request, visit):
            values: dict[str, Any] = {"patient_pk": survivor_pk}
            if table is patient_identifier:
                values["alias"] = True
            self._connection.execute(
                update(table).where(table.c.patient_pk == retired_pk).values(values)
            )
        self._connection.execute(
            update(patient)
            .where(or_(patient.c.pk == retired_pk, patient.c.merged_into == retired_pk))
            .values(merged_into=survivor_pk)
        )
        self._touch(retired_pk, survivor_pk)
        self._note(note, retired_pk, survivor_pk, moved)

    def retire(self, pk: int, identifiers: Iterable[Identifier], note: MergeNote) -> None:
        """Two identifiers of one record were merged: these become aliases."""
        rows = [
            row
            for each in identifiers
            for row in self._connection.execute(
                select(patient_identifier).where(
                    _IDENTIFIER.patient_pk == pk,
                    _IDENTIFIER.value == each.value,
                    _IDENTIFIER.authority_key == each.authority.key,
                    _IDENTIFIER.alias == false(),
                )
            )
        ]
        if not rows:
            return
        self._connection.execute(
            update(patient_identifier)
            .where(_IDENTIFIER.pk.in_([row.pk for row in rows]))
            .values(alias=True)
        )
        moved = _Moved(
            identifiers=[[row.pk, row.alias, row.rank] for row in rows],
            names=[_name(row) for row in rows],
            orders=[],
            visits=[],
            links=[],
            merged=[],
            filled={},
        )
        self._touch(pk)
        self._note(note, pk, pk, moved)

    def get(self, pk: int) -> PatientMerge | None:
        """The merge of this number."""
        row = self._connection.execute(
            select(patient_merge).where(patient_merge.c.pk == pk)
        ).first()
        return None if row is None else _merge(row)

    def of_patient(self, pk: int) -> tuple[PatientMerge, ...]:
        """Every merge that had to do with a patient or with those merged into it, oldest first."""
        merged = select(patient.c.pk).where(patient.c.merged_into == pk)
        columns = (patient_merge.c.retired_pk, patient_merge.c.survivor_pk)
        concerned = or_(*(or_(each == pk, each.in_(merged)) for each in columns))
        query = select(patient_merge).where(concerned).order_by(patient_merge.c.pk)
        return tuple(map(_merge, self._connection.execute(query).all()))

    def newest(self, limit: int) -> tuple[PatientMerge, ...]:
        """Merges of anybody, the newest first."""
        query = select(patient_merge).order_by(patient_merge.c.pk.desc()).limit(limit)
        return tuple(map(_merge, self._connection.execute(query).all()))

    def holder_of(self, pk: int) -> int:
        """Who holds what this record held: its survivor, or itself."""
        query = select(patient.c.merged_into).where(patient.c.pk == pk)
        return int(self._connection.execute(query).scalar_one() or pk)

    def undo(self, merge: PatientMerge, now: float, by: str) -> Attributes:
        """Give back what moved and is still where it went; what came since under its names, too.

        Returns the attributes that the survivor had taken from the retired. Raises
        InvalidTransition when nothing would be left that the retired record could be known by.
        """
        row = self._connection.execute(
            select(patient_merge).where(patient_merge.c.pk == merge.pk)
        ).one()
        moved = _Moved(**row.moved)
        holder = self.holder_of(merge.survivor_pk)
        self._give_identifiers_back(moved, holder, merge.retired_pk)
        if merge.retired_pk != merge.survivor_pk:
            self._give_orders_back(moved, holder, merge.retired_pk)
            self._connection.execute(
                update(visit)
                .where(visit.c.pk.in_(moved.visits), visit.c.patient_pk == holder)
                .values(patient_pk=merge.retired_pk)
            )
            self._connection.execute(
                update(patient).where(patient.c.pk == merge.retired_pk).values(merged_into=null())
            )
            self._connection.execute(
                update(patient)
                .where(patient.c.pk.in_(moved.merged), patient.c.merged_into == holder)
                .values(merged_into=merge.retired_pk)
            )
            self._give_links_back(moved, holder, merge.retired_pk)
        self._touch(holder, merge.retired_pk)
        self._connection.execute(
            update(patient_merge)
            .where(patient_merge.c.pk == merge.pk)
            .values(undone_at=now, undone_by=by)
        )
        return moved.filled

    # --- links

    def link(self, one_pk: int, other_pk: int) -> bool:
        """Link two patients; false when they were linked already."""
        if one_pk == other_pk or self._is_linked(one_pk, other_pk):
            return False
        low, high = sorted((one_pk, other_pk))
        self._connection.execute(patient_link.insert(), {"patient_pk": low, "other_pk": high})
        return True

    def unlink(self, one_pk: int, other_pk: int) -> bool:
        """Take a link back; false when there is none."""
        if not self._is_linked(one_pk, other_pk):
            return False
        self._connection.execute(delete(patient_link).where(_between(one_pk, other_pk)))
        return True

    def linked_to(self, pk: int) -> tuple[int, ...]:
        """The pks of the patients linked to one."""
        query = select(patient_link).where(
            or_(patient_link.c.patient_pk == pk, patient_link.c.other_pk == pk)
        )
        rows = self._connection.execute(query).all()
        return tuple(sorted(r.other_pk if r.patient_pk == pk else r.patient_pk for r in rows))

    def _is_linked(self, one_pk: int, other_pk: int) -> bool:
        query = select(patient_link.c.patient_pk).where(_between(one_pk, other_pk))
        return self._connection.execute(query).first() is not None

    def _move_links(self, retired_pk: int, survivor_pk: int) -> list[list[Any]]:
        """A merged record is linked to nobody; its survivor is."""
        links = []
        for other in self.linked_to(retired_pk):
            self.unlink(retired_pk, other)
            links.append([other, not self.link(survivor_pk, other)])
        return links

    def _give_links_back(self, moved: _Moved, holder: int, retired_pk: int) -> None:
        for other, had in moved.links:
            there = self.holder_of(other)
            if there != holder and not had:
                self.unlink(holder, there)
            self.link(retired_pk, there)

    # --- what belongs to whom

    def _touch(self, *pks: int) -> None:
        """Whoever asks what changed, or waits for these patients, sees it by this."""
        self._connection.execute(
            update(patient).where(patient.c.pk.in_(pks)).values(updated_at=time.time())
        )

    def _pks(self, table: Any, condition: Any) -> list[int]:
        return list(self._connection.execute(select(table.c.pk).where(condition)).scalars())

    def _give_identifiers_back(self, moved: _Moved, holder: int, retired_pk: int) -> None:
        given = 0
        for pk, alias, rank in moved.identifiers:
            given += self._connection.execute(
                update(patient_identifier)
                .where(_IDENTIFIER.pk == pk, _IDENTIFIER.patient_pk == holder)
                .values(patient_pk=retired_pk, alias=alias, rank=rank)
            ).rowcount
        current = and_(_IDENTIFIER.patient_pk == retired_pk, _IDENTIFIER.alias == false())
        if not given or not self._pks(patient_identifier, current):
            raise InvalidTransition("the identifiers of this merge have been moved on since")

    def _give_orders_back(self, moved: _Moved, holder: int, retired_pk: int) -> None:
        """Those that were moved, and those that have named the retired record since."""
        held = self._connection.execute(
            select(_ORDER.pk, _ORDER.patient_ids).where(_ORDER.patient_pk == holder)
        ).all()
        rows = self._connection.execute(
            select(patient_identifier).where(_IDENTIFIER.patient_pk == retired_pk)
        )
        names = {(row.value, row.authority_key) for row in rows}
        was, theirs = set(moved.orders), []
        for row in held:
            named = documents.load_identifiers(row.patient_ids)
            came = row.pk > moved.last_order and len(named) == 1  # and was not moved since
            if row.pk in was or (came and named[0].key in names):
                theirs.append(row.pk)
        self._connection.execute(
            update(imaging_service_request)
            .where(_ORDER.pk.in_(theirs))
            .values(patient_pk=retired_pk)
        )

    def _note(self, note: MergeNote, retired_pk: int, survivor_pk: int, moved: _Moved) -> None:
        row = {
            "retired_pk": retired_pk,
            "survivor_pk": survivor_pk,
            "source": note.source,
            "occurred_at": note.occurred_at,
            "merged_at": note.merged_at,
            "moved": moved.document(),
        }
        self._connection.execute(patient_merge.insert(), row)


def _between(one_pk: int, other_pk: int) -> Any:
    low, high = sorted((one_pk, other_pk))
    return and_(patient_link.c.patient_pk == low, patient_link.c.other_pk == high)


def _name(row: Row[Any]) -> Any:
    authority = Authority(row.namespace, row.universal_id, row.universal_id_type)
    return documents.dump_identifier(Identifier(row.value, authority, row.type_code))


def _merge(row: Row[Any]) -> PatientMerge:
    return PatientMerge(
        pk=row.pk,
        retired_pk=row.retired_pk,
        survivor_pk=row.survivor_pk,
        identifiers=documents.load_identifiers(row.moved["names"]),
        source=row.source,
        occurred_at=row.occurred_at,
        merged_at=row.merged_at,
        undone_at=row.undone_at,
        undone_by=row.undone_by,
    )
