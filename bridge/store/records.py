"""Records found by SQL: the criteria of `services.find_records` over the tables of the domain."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, func, not_, or_, select

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import OrderNumbers
from bridge.services.find_records import (
    Absent,
    Between,
    Criterion,
    Exactly,
    Found,
    Like,
    Position,
    RecordKind,
    Selection,
    Test,
    Where,
    Window,
)
from bridge.store import documents
from bridge.store.record_fields import KINDS, Condition, Expression, Kind, Many, field_of
from bridge.store.tables import (
    appointment_number,
    imaging_service_request,
    patient,
    patient_identifier,
    study,
    visit,
)

_ORDER = imaging_service_request

# Built once: every resource of a page asks these.
_FOUND = {
    kind: select(of.table.c.pk, of.updated_at, of.received_at)
    .select_from(of.rows)
    .where(of.table.c.pk == bindparam("record"))
    for kind, of in KINDS.items()
}
_SHOWN = {
    kind: of.select(of.table.c.pk).where(of.table.c.pk == bindparam("record"))
    for kind, of in KINDS.items()
}
_SURVIVOR = select(patient.c.merged_into).where(patient.c.pk == bindparam("record"))


class Records:
    """Implements `services.find_records.Records` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, selection: Selection, window: Window) -> Sequence[Found]:
        """Records in the window's order."""
        kind = KINDS[selection.kind]
        pk, changed = kind.table.c.pk, kind.updated_at
        order = (changed, pk) if window.by_update else (pk,)
        statement = kind.select(pk, changed, kind.received_at).where(*_conditions(selection))
        if window.beyond is not None:
            statement = statement.where(_beyond(window, kind, window.beyond))
        directed = [key.desc() if window.backwards else key.asc() for key in order]
        rows = self._connection.execute(statement.order_by(*directed).limit(window.limit)).all()
        return [Found(*row) for row in rows]

    def count(self, selection: Selection, at_most: int | None = None) -> int:
        """How many there are; counted no further than `at_most`."""
        kind = KINDS[selection.kind]
        chosen = kind.select(kind.table.c.pk).where(*_conditions(selection)).limit(at_most)
        counted = select(func.count()).select_from(chosen.subquery())
        return int(self._connection.execute(counted).scalar_one())

    def found(self, kind: RecordKind, pk: int) -> Found | None:
        """One record, shown in searches or not; None when there is none of this pk."""
        row = self._connection.execute(_FOUND[kind], {"record": pk}).first()
        return None if row is None else Found(*row)

    def is_shown(self, kind: RecordKind, pk: int) -> bool:
        """Whether searches find a record: it is not merged, removed or deleted."""
        return self._connection.execute(_SHOWN[kind], {"record": pk}).first() is not None

    def newest(self, kind: RecordKind) -> int:
        """The pk of the newest row of this kind; 0 when there is none."""
        pk = KINDS[kind].table.c.pk
        return int(self._connection.execute(select(func.max(pk))).scalar() or 0)

    def survivor(self, patient_pk: int) -> int | None:
        """Who a patient was merged into; None when nobody."""
        found = self._connection.execute(_SURVIVOR, {"record": patient_pk}).scalar()
        return None if found is None else int(found)

    def numbered(self, kind: RecordKind, value: str) -> Sequence[tuple[int, Identifier]]:
        """Every record known by a number of this value, with the number and its authority."""
        finder = {
            RecordKind.PATIENT: self._patients,
            RecordKind.ORDER: self._orders,
            RecordKind.STUDY: self._studies,
            RecordKind.VISIT: self._visits,
            RecordKind.APPOINTMENT: self._appointments,
        }.get(kind)
        return finder(value) if finder else ()

    def _patients(self, value: str) -> Sequence[tuple[int, Identifier]]:
        query = select(patient_identifier).where(patient_identifier.c.value == value)
        return [
            (
                row.patient_pk,
                Identifier(
                    row.value,
                    Authority(row.namespace, row.universal_id, row.universal_id_type),
                    row.type_code,
                ),
            )
            for row in self._connection.execute(query).all()
        ]

    def _orders(self, value: str) -> Sequence[tuple[int, Identifier]]:
        keys = (_ORDER.c.accession_key, _ORDER.c.filler_key, _ORDER.c.placer_key)
        query = select(_ORDER.c.pk, _ORDER.c.numbers).where(_with_value(keys, value))
        return [
            (row.pk, each)
            for row in self._connection.execute(query).all()
            for each in _numbers(documents.load_numbers(row.numbers))
            if each.value == value
        ]

    def _studies(self, value: str) -> Sequence[tuple[int, Identifier]]:
        uid = value.removeprefix("urn:oid:")
        query = select(study.c.pk).where(study.c.study_instance_uid == uid)
        return [
            (row.pk, Identifier(f"urn:oid:{uid}", Authority(universal_id="urn:dicom:uid")))
            for row in self._connection.execute(query).all()
        ]

    def _visits(self, value: str) -> Sequence[tuple[int, Identifier]]:
        keys = (visit.c.number_key, visit.c.account_key)
        query = select(visit.c.pk, visit.c.numbers).where(_with_value(keys, value))
        return [
            (row.pk, each)
            for row in self._connection.execute(query).all()
            for each in map(documents.load_identifier, row.numbers)
            if each is not None and each.value == value
        ]

    def _appointments(self, value: str) -> Sequence[tuple[int, Identifier]]:
        key = appointment_number.c.key
        query = select(appointment_number).where(_with_value((key,), value))
        return [
            (row.appointment_pk, Identifier(value, Authority(row.key.removeprefix(f"{value}^"))))
            for row in self._connection.execute(query).all()
        ]


def _with_value(keys: Sequence[Expression], value: str) -> Condition:
    """A key is the number, `^` and its authority (`documents.key_of`)."""
    return or_(*(and_(key >= f"{value}^", key < f"{value}_") for key in keys))


def _numbers(numbers: OrderNumbers) -> list[Identifier]:
    """The numbers of an order, typed by what they are here (HL7 table 0203)."""
    typed = (("ACSN", numbers.accession), ("PLAC", numbers.placer), ("FILL", numbers.filler))
    return [Identifier(n.value, n.authority, code) for code, n in typed if n is not None]


def _beyond(window: Window, kind: Kind, position: Position) -> Condition:
    pk, changed = kind.table.c.pk, kind.updated_at
    past = pk < position.pk if window.backwards else pk > position.pk
    if not window.by_update:
        return past
    at = position.updated_at
    further = changed < at if window.backwards else changed > at
    return or_(further, and_(changed == at, past))


def _conditions(selection: Selection) -> list[Condition]:
    return [_condition(selection.kind, criterion) for criterion in selection.criteria]


def _condition(kind: RecordKind, criterion: Criterion) -> Condition:
    field = field_of(kind, criterion.field)
    conditions = [_holds(field, test) for test in criterion.tests]
    if criterion.or_records:
        conditions.append(KINDS[kind].table.c.pk.in_(criterion.or_records))
    return or_(*conditions) if conditions else KINDS[kind].table.c.pk.in_(())


def _holds(field: Expression | Many, test: Test) -> Condition:
    if isinstance(field, Many):
        return _some_holds(field, test)
    if isinstance(test, Absent):
        missing = or_(field.is_(None), field == "")
        return not_(missing) if test.present else missing
    return _compared(field, field, test)


def _some_holds(many: Many, test: Test) -> Condition:
    """A negative test holds when it holds of every value."""
    if isinstance(test, Absent):
        any_value = many.any_of(lambda value: value != "")
        return any_value if test.present else not_(any_value)
    if isinstance(test, Exactly) and test.other:
        test = Exactly(test.value)
        return not_(_any_compares(many, test))
    if isinstance(test, Between) and test.outside:
        test = Between(test.low, test.high)
        return not_(_any_compares(many, test))
    return _any_compares(many, test)


def _any_compares(many: Many, test: Exactly | Between | Like) -> Condition:
    return many.any_of(lambda value: _compared(value, _end(many, value), test))


def _end(many: Many, value: Expression) -> Expression:
    return value if many.until is None else many.until


def _compared(value: Expression, end: Expression, test: Exactly | Between | Like) -> Condition:
    """`end` is where a value that is a period ends; a moment ends where it begins."""
    if isinstance(test, Exactly):
        return or_(value.is_(None), value != test.value) if test.other else value == test.value
    if isinstance(test, Like):
        return _alike(value, test)
    inside = []
    if test.low is not None:
        inside.append(end >= test.low)
    if test.high is not None:
        inside.append(value < test.high)
    if isinstance(test.low or test.high, str):
        inside.append(value != "")
    return not_(and_(*inside)) if test.outside else and_(*inside)


_PATTERNS = {
    Where.START: ("{}%",),
    Where.WORD: ("{}%", "%^{}%", "% {}%"),
    Where.LATER_WORD: ("%^{}%", "% {}%"),
    Where.ANYWHERE: ("%{}%",),
}


def _alike(value: Expression, test: Like) -> Condition:
    text = _escaped(test.text)
    patterns = (pattern.format(text) for pattern in _PATTERNS[test.where])
    return or_(*(value.like(pattern, escape="\\") for pattern in patterns))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
