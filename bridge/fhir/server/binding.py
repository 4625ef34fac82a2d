"""Which row of the domain a written resource stands for, told by the events it was read as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bridge.domain.appointment import AppointmentReceived
from bridge.domain.events import Event
from bridge.domain.order import Category, Order, OrderReceived, Step
from bridge.domain.patient_events import PatientUpdated
from bridge.domain.visit import VisitChanged
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import EntryReading, FhirReading
from bridge.fhir.server.library import Library
from bridge.fhir.server.query import Asked, Query
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.searching import Searcher
from bridge.fhir.server.selection import Selector
from bridge.fhir.server.terms import elements, reference_parts
from bridge.fhir.server.values import Token
from bridge.services.find_order import find_order_of_patient
from bridge.services.find_records import RecordKind
from bridge.services.transaction import Transaction

T = TypeVar("T")
Row = tuple[RecordKind, int]


class Binder:
    """Finds rows once the events of a document are applied."""

    def __init__(self, library: Library, reading: FhirReading) -> None:
        self._library = library
        self._tx: Transaction = library.tx
        self._reading = reading

    def row_of(self, entry: EntryReading, resource: Json) -> Row | None:
        """The row that an entry's resource stands for; None when it stands for none."""
        find = _FINDERS.get(str(resource.get("resourceType")))
        return find(self, entry, resource) if find else None

    def patient(self, entry: EntryReading, resource: Json) -> Row | None:
        """By the identifiers it was read with, else by those it carries."""
        for event in _of(PatientUpdated, entry.events):
            for identifier in event.patient.identifiers:
                found = self._tx.patients.find(identifier)
                if found is not None:
                    return RecordKind.PATIENT, found.pk
        for token in _tokens(resource):
            pks = Selector(self._library).numbered(RecordKind.PATIENT, token)
            if pks:
                return RecordKind.PATIENT, pks[0]
        return None

    def order(self, entry: EntryReading, _resource: Json) -> Row | None:
        """The order that the request was read as, or as part of."""
        order = self._order(entry)
        return None if order is None else (RecordKind.ORDER, order.pk)

    def step(self, entry: EntryReading, resource: Json) -> Row | None:
        """The step of the Task's order: by its ID, else the only one, else in the same place."""
        order = self._order(entry) or self._referred_order(resource)
        if order is None:
            return None
        steps = [step for procedure in order.procedures for step in procedure.steps]
        step = _named(steps, resource)
        if step is None:
            place = self._place_among_tasks(entry, resource)
            step = steps[place] if place < len(steps) else None
        return None if step is None else (RecordKind.STEP, step.pk)

    def visit(self, entry: EntryReading, _resource: Json) -> Row | None:
        """By its number, else its account, of the patient it was read with."""
        for event in _of(VisitChanged, entry.events):
            patients = [self._tx.patients.find(each) for each in event.patient.identifiers]
            for patient in filter(None, patients):
                for visit in self._tx.visits.of_patient(patient.pk):
                    if visit.is_called(event.visit.numbers):
                        return RecordKind.VISIT, visit.pk
        return None

    def appointment(self, entry: EntryReading, _resource: Json) -> Row | None:
        """By the numbers it was read with; one that waits for its order is none of the domain's."""
        for event in _of(AppointmentReceived, entry.events):
            for number in event.numbers:
                for pk, known in self._tx.records.numbered(RecordKind.APPOINTMENT, number.value):
                    named = number.authority.key in ("", known.authority.key)
                    if named and self._tx.records.is_shown(RecordKind.APPOINTMENT, pk):
                        return RecordKind.APPOINTMENT, pk
        return None

    def _order(self, entry: EntryReading) -> Order | None:
        events = _of(OrderReceived, self._read_with(entry).events)
        # The snapshot of the order itself before what it does to others (those it replaces).
        for event in sorted(events, key=lambda each: not each.procedures):
            if event.category is Category.IMAGING:
                found = find_order_of_patient(self._tx, event.numbers, event.patient)
                if found is not None:
                    return found
        return None

    def _read_with(self, entry: EntryReading) -> EntryReading:
        """The entry that an entry was read with, when it was."""
        said = f"{entry.note} ".removeprefix("read with ").strip()
        others = (each for each in self._reading.entries if each.expression == said)
        return next(others, entry)

    def _referred_order(self, task: Json) -> Order | None:
        for reference in (*elements(task, ["focus"]), *elements(task, ["basedOn"])):
            text = str(reference.get("reference") or "") if isinstance(reference, dict) else ""
            parts = reference_parts(text, self._library.house.base)
            row = self._library.record_of(*parts) if parts else None
            if row is not None and row[0] is RecordKind.ORDER:
                return self._tx.orders.get(row[1])
        return None

    def _place_among_tasks(self, entry: EntryReading, task: Json) -> int:
        """How many Tasks on the same request stand before this one in the document."""
        place = 0
        for each in self._reading.entries:
            if each.expression == entry.expression:
                break
            other = each.resource or {}
            if other.get("resourceType") == "Task" and other.get("focus") == task.get("focus"):
                place += 1
        return place


_FINDERS: Mapping[str, Callable[[Binder, EntryReading, Json], Row | None]] = {
    "Patient": Binder.patient,
    "ServiceRequest": Binder.order,
    "Task": Binder.step,
    "Encounter": Binder.visit,
    "Appointment": Binder.appointment,
}


def known_by_identifier(library: Library, resource: Json) -> str:
    """The id of the one resource with one of the identifiers of this one; empty when there is none.

    Messages name things by identifiers; the ids in them are their sender's own.
    """
    type_ = TYPES[resource["resourceType"]]
    parameter = type_.parameter("identifier")
    values = tuple(_escaped(token) for token in _tokens(resource))
    if parameter is None or not values:
        return ""
    found = Searcher(library).matches(Query(type=type_, asked=(Asked(parameter, values),)), 2)
    return found[0].place.id if len(found) == 1 else ""


def _escaped(token: Token) -> str:
    parts = [part.replace("\\", "\\\\") for part in (token.system or "", token.code)]
    parts = [part.replace("|", "\\|").replace(",", "\\,") for part in parts]
    return "|".join(parts) if token.system else parts[1]


def _tokens(resource: Json) -> list[Token]:
    found = []
    for each in elements(resource, ["identifier"]):
        value = each.get("value") if isinstance(each, dict) else None
        if isinstance(value, str) and value:
            found.append(Token(value, each.get("system") or None))
    return found


def _named(steps: Sequence[Step], task: Json) -> Step | None:
    names = {token.code for token in _tokens(task)} | {str(task.get("id") or "")}
    named = [step for step in steps if step.sps_id in names]
    if len(named) == 1:
        return named[0]
    return steps[0] if len(steps) == 1 else None


def _of(kind: type[T], events: Iterable[Event]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]
