"""Orders, studies, patients and messages for the one search box; each question has its index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    desc,
    func,
    literal,
    select,
    union,
    union_all,
)

from bridge.services.find_anything import FoundOrder, FoundPerson, FoundStudy, name_words
from bridge.services.overview import ListedMessage
from bridge.store import documents
from bridge.store.mentioned import newest_mentioning
from bridge.store.names import OF_PATIENTS, OF_STUDIES, each_named
from bridge.store.surrogates import meant_by
from bridge.store.tables import (
    imaging_service_request,
    mention,
    message,
    patient,
    patient_identifier,
    requested_procedure,
    scheduled_step,
    study,
    study_key,
)

_ORDER = imaging_service_request.c
_LISTED = tuple(message.c[name] for name in ListedMessage.__dataclass_fields__)
_LONGEST = 250
_ENOUGH = 200
"""More patients of one name are not looked into."""


class Searches:
    """Implements `services.find_anything.Searches` for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def meant_by(self, value: str) -> str:
        """What somebody means who read an identifier off a modality."""
        return meant_by(self._connection, value)

    def orders(self, value: str, limit: int) -> Sequence[FoundOrder]:
        """By any of its numbers, its study or its patient, the newest first."""
        conditions = (
            _begins(_ORDER.accession_key, f"{value}^"),
            _begins(_ORDER.filler_key, f"{value}^"),
            _begins(_ORDER.placer_key, f"{value}^"),
            _ORDER.pk.in_(
                select(requested_procedure.c.order_pk).where(
                    requested_procedure.c.study_instance_uid == value
                )
            ),
            _ORDER.patient_pk.in_(_called(value)),
        )
        # Each by its own index, and all in one question: on a busy machine asking is what waits.
        each = [
            select(_ORDER.pk).where(one).order_by(desc(_ORDER.pk)).limit(limit).subquery()
            for one in conditions
        ]
        found = self._connection.execute(union_all(*(select(one.c.pk) for one in each)))
        pks = found.scalars().all()
        return self._orders(_ORDER.pk.in_(pks), limit) if pks else ()

    def orders_of(self, patient_pks: Sequence[int], limit: int) -> Sequence[FoundOrder]:
        """The newest orders of these patients."""
        return self._orders(_ORDER.patient_pk.in_(patient_pks), limit)

    def studies(self, value: str, limit: int) -> Sequence[FoundStudy]:
        """By its UID, its accession number or its patient, the newest first."""
        keys = study_key.c
        # One after the other by their indexes: of alternatives a planner may read all studies.
        pks = union(
            select(study.c.pk).where(study.c.study_instance_uid == value),
            select(keys.study_pk).where(keys.accession_number == value),
            select(keys.study_pk).where(keys.patient_id == value),
        )
        return self._studies(study.c.pk.in_(pks), limit)

    def studies_named(self, words: Sequence[str], limit: int) -> Sequence[FoundStudy]:
        """Whose images carry such a name."""
        found: list[FoundStudy] = []
        for pks in self._named(OF_STUDIES, words, limit):
            studies = {each.pk: _study(each) for each in self._study_rows(study.c.pk.in_(pks))}
            ranked = (studies[pk] for pk in pks if pk in studies)
            found += (each for each in ranked if _has_words(each.patient_name, words))
            if len(found) >= limit:
                break
        return found[:limit]

    def orders_numbered(self, pks: Sequence[int]) -> Sequence[FoundOrder]:
        """The orders of these rows."""
        return self._orders(_ORDER.pk.in_(pks), max(1, len(pks)))

    def studies_at(self, pks: Sequence[int]) -> Sequence[FoundStudy]:
        """The studies of these rows."""
        return self._studies(study.c.pk.in_(pks), max(1, len(pks)))

    def persons(self, value: str, limit: int) -> Sequence[FoundPerson]:
        """Who is, or once was, called by this number."""
        return self._persons(patient.c.pk.in_(_called(value)), limit)

    def persons_named(self, words: Sequence[str], limit: int) -> Sequence[FoundPerson]:
        """Whose name has these words, in any order."""
        found: list[FoundPerson] = []
        for pks in self._named(OF_PATIENTS, words, limit):
            standing = and_(patient.c.pk.in_(pks), patient.c.merged_into.is_(None))
            persons = {each.pk: each for each in self._persons(standing, len(pks))}
            ranked = (persons[pk] for pk in pks if pk in persons)
            found += (each for each in ranked if _has_words(each.name, words))
            if len(found) >= limit:
                break
        return found[:limit]

    def _named(self, kind: str, words: Sequence[str], limit: int) -> Iterator[Sequence[int]]:
        """Rows of such names, as many at a time as are shown: most still have the name."""
        pks = islice(each_named(self._connection, kind, words), _ENOUGH)
        while some := tuple(islice(pks, limit)):
            yield some

    def messages(self, value: str, limit: int) -> Sequence[ListedMessage]:
        """That mention this identifier, the newest first."""
        pks = newest_mentioning(value, limit)
        found = select(*_LISTED).where(message.c.pk.in_(pks)).order_by(desc(message.c.pk))
        return [_listed(row) for row in self._connection.execute(found.limit(limit)).all()]

    def beginning(self, value: str, limit: int) -> Sequence[tuple[str, str]]:
        """Identifiers that begin so; one after the other, since one may be mentioned often."""
        sought = value[:_LONGEST]
        within = mention.c.value < _end(sought)
        following = (
            select(func.min(mention.c.value).label("value"), literal(1).label("number"))
            .where(mention.c.value > sought, within)
            .cte("following", recursive=True)
        )
        after = select(func.min(mention.c.value)).where(mention.c.value > following.c.value, within)
        following = following.union_all(
            select(after.scalar_subquery(), following.c.number + 1).where(
                following.c.value.is_not(None), following.c.number < limit
            )
        )
        kind = select(func.min(mention.c.kind)).where(mention.c.value == following.c.value)
        query = select(following.c.value, kind.scalar_subquery())
        found = self._connection.execute(query.where(following.c.value.is_not(None)))
        return [(each, its_kind) for each, its_kind in found]

    def _orders(self, condition: ColumnElement[bool], limit: int) -> Sequence[FoundOrder]:
        query = (
            select(imaging_service_request, patient.c.attributes.label("patient_attributes"))
            .join(patient, patient.c.pk == _ORDER.patient_pk)
            .where(condition)
            .order_by(desc(_ORDER.pk))
            .limit(limit)
        )
        rows = self._connection.execute(query).all()
        names = self._identifiers(row.patient_pk for row in rows)
        steps = self._steps([row.pk for row in rows])
        return [_order(row, names.get(row.patient_pk, ()), steps.get(row.pk, [])) for row in rows]

    def _steps(self, order_pks: Sequence[int]) -> dict[int, list[Any]]:
        procedures, steps = requested_procedure.c, scheduled_step.c
        query = (
            select(
                procedures.order_pk,
                procedures.study_instance_uid,
                procedures.attributes,
                steps.status,
                steps.modality,
                steps.start_date,
                steps.start_time,
            )
            .outerjoin(scheduled_step, steps.procedure_pk == procedures.pk)
            .where(procedures.order_pk.in_(order_pks))
            .order_by(procedures.pk, steps.pk)
        )
        found: dict[int, list[Any]] = {}
        for row in self._connection.execute(query).all():
            found.setdefault(row.order_pk, []).append(row)
        return found

    def _studies(self, condition: ColumnElement[bool], limit: int) -> Sequence[FoundStudy]:
        return [_study(row) for row in self._study_rows(condition, limit)]

    def _study_rows(
        self, condition: ColumnElement[bool], limit: int = _ENOUGH
    ) -> Sequence[Row[Any]]:
        columns = study_key.c
        query = (
            select(study, columns.study_date, columns.study_description, columns.patient_name)
            .outerjoin(study_key, columns.study_pk == study.c.pk)
            .where(condition)
            .order_by(desc(study.c.pk))
            .limit(limit)
        )
        return self._connection.execute(query).all()

    def _persons(self, condition: ColumnElement[bool], limit: int) -> Sequence[FoundPerson]:
        query = select(patient).where(condition).order_by(desc(patient.c.pk)).limit(limit)
        rows = self._connection.execute(query).all()
        names = self._identifiers(row.pk for row in rows)
        return [_person(row, names.get(row.pk, ())) for row in rows]

    def _identifiers(self, patient_pks: Iterable[int]) -> dict[int, tuple[str, ...]]:
        called = patient_identifier.c
        query = (
            select(called.patient_pk, called.value)
            .where(called.patient_pk.in_(set(patient_pks)))
            .order_by(called.alias, called.rank, called.pk)
        )
        found: dict[int, tuple[str, ...]] = {}
        for pk, value in self._connection.execute(query).all():
            found[pk] = (*found.get(pk, ()), value)
        return found


def _called(value: str) -> Any:
    called = patient_identifier.c
    return select(called.patient_pk).where(called.value == value)


def _end(prefix: str) -> str:
    return prefix + "\U0010ffff"


def _begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """A range, which an index serves on both databases."""
    return and_(column >= prefix, column < _end(prefix))


def _has_words(name: str, words: Sequence[str]) -> bool:
    """Whether the name still holds them: the index follows at some distance."""
    held = name_words(name)
    return all(any(each.startswith(word) for each in held) for word in words)


def _order(row: Row[Any], identifiers: tuple[str, ...], steps: Sequence[Any]) -> FoundOrder:
    numbers = documents.load_numbers(row.numbers)
    first = steps[0] if steps else None
    said = first.attributes if first is not None else {}
    return FoundOrder(
        pk=row.pk,
        accession=numbers.accession.value if numbers.accession else "",
        placer=numbers.placer.value if numbers.placer else "",
        filler=numbers.filler.value if numbers.filler else "",
        patient_name=row.patient_attributes.get("PatientName", ""),
        patient_id=identifiers[0] if identifiers else "",
        birth_date=row.patient_attributes.get("PatientBirthDate", ""),
        description=said.get("RequestedProcedureDescription", ""),
        modality=(first.modality or "") if first is not None else "",
        start=((first.start_date or "") + (first.start_time or "")) if first is not None else "",
        held_reason=row.held_reason,
        created_at=row.created_at,
        study_instance_uids=tuple(
            dict.fromkeys(each.study_instance_uid for each in steps if each.study_instance_uid)
        ),
        steps=tuple(each.status for each in steps if each.status),
    )


def _study(row: Row[Any]) -> FoundStudy:
    return FoundStudy(
        study_instance_uid=row.study_instance_uid,
        accession=row.accession_number,
        patient_name=row.attributes.get("PatientName", "") or row.patient_name or "",
        patient_id=row.patient_id,
        study_date=row.study_date or "",
        description=row.study_description or "",
        outcome=row.outcome,
        updated_at=row.updated_at,
    )


def _person(row: Row[Any], identifiers: tuple[str, ...]) -> FoundPerson:
    return FoundPerson(
        pk=row.pk,
        name=row.attributes.get("PatientName", ""),
        birth_date=row.attributes.get("PatientBirthDate", ""),
        sex=row.attributes.get("PatientSex", ""),
        identifiers=identifiers,
    )


def _listed(row: Row[Any]) -> ListedMessage:
    return ListedMessage(**{column.name: getattr(row, column.name) for column in _LISTED})
