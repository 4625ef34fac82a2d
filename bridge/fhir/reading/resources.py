"""Read a resource or a Bundle: each entry's events, or why it has none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bridge.domain.errors import BridgeError, DataTypeError, RequiredFieldMissing, UnknownKey
from bridge.domain.events import Event
from bridge.fhir.identifiers import Json
from bridge.fhir.reading.appointments import read_appointment
from bridge.fhir.reading.entries import (
    Entry,
    Unversioned,
    entries_of,
    named_resources,
    without_versions,
)
from bridge.fhir.reading.issues import Issue, error_of
from bridge.fhir.reading.orders import Orders
from bridge.fhir.reading.patients import read_patient, read_removed_patient
from bridge.fhir.reading.reading import NOTHING, EntryReading, FhirReading, FhirSender, Resolver
from bridge.fhir.reading.requests import RequestGroup, Requests
from bridge.fhir.reading.resolution import Document, is_same, name_of
from bridge.fhir.reading.structure import check_resource
from bridge.fhir.reading.studies import read_study
from bridge.fhir.reading.values import Roots, Values
from bridge.fhir.reading.visits import read_removed_visit, read_visit
from bridge.mapping.elements import Element

_LOG = logging.getLogger(__name__)

REFERENCED = frozenset(
    {
        *("Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Endpoint"),
        *("Observation", "AllergyIntolerance", "Flag", "Condition", "HealthcareService"),
        *("RelatedPerson", "Schedule", "Slot", "MessageHeader", "SubscriptionStatus"),
    }
)
"""Resources that others refer to; alone they change nothing."""

_CANCELLED = "revoked"
_TASK_CANCELLED = "cancelled"


def read_resources(document: Json, sender: FhirSender, resolver: Resolver = NOTHING) -> FhirReading:
    """Read one resource, or a Bundle of any type entry by entry.

    What is wrong stands in the entries; a Bundle that is itself none is one entry with an error.
    """
    is_bundle = document.get("resourceType") == "Bundle"
    kind = str(document.get("type") or "") if is_bundle else ""
    whole = check_resource(document, sender.release) if is_bundle else ()
    errors = [each for each in whole if each.is_error]
    if errors:
        broken = EntryReading(
            expression="Bundle", resource=document, issues=whole, error=error_of(errors[0])
        )
        return FhirReading(entries=(broken,), kind=kind)
    if not sender.is_authoritative:
        document, resolver = without_versions(document), Unversioned(resolver)
    header = {"Bundle": [Element(document, "Bundle")]} if kind == "message" else {}
    found = tuple(_Reader(entries_of(document), sender, resolver, header).read())
    if whole and found:
        found = (replace(found[0], warnings=(*map(str, whole), *found[0].warnings)), *found[1:])
    return FhirReading(entries=found, kind=kind)


def read_deletion(
    resource: Json, sender: FhirSender, resolver: Resolver = NOTHING, at: str = ""
) -> FhirReading:
    """Read what it means that a resource, as it was last known, is deleted."""
    element = Element(resource, at or str(resource.get("resourceType") or "Resource"))
    reader = _Reader((Entry(None, element, deletes="this"),), sender, Unversioned(resolver), {})
    return FhirReading(entries=tuple(reader.read()))


class _Reader:
    """Reads the entries of one document."""

    def __init__(
        self, entries: Sequence[Entry], sender: FhirSender, resolver: Resolver, header: Roots
    ) -> None:
        self._entries = entries
        self._sender = sender
        self._resolver = resolver
        self._header = header
        self._issues = {entry.expression: self._check(entry) for entry in entries}
        # What is only referred to may be of bad form: what can be read of it is.
        sound = [
            e for e in entries if e.note or not any(i.is_error for i in self._issues[e.expression])
        ]
        self._document = Document(list(named_resources(sound)), resolver)
        self._requests = Requests(self._document, sender.profile)
        self._read_with: dict[str, str] = {}
        # Entries that are read, by place and by name: the root of an order may be among them.
        readable = [e.resource for e in entries if e.resource and not e.note and not e.deletes]
        self._readable = {name_of(each): each for each in reversed(readable) if name_of(each)}
        self._readable |= {each.path: each for each in readable}

    def read(self) -> list[EntryReading]:
        """Every entry, in its place."""
        return [self._entry(entry) for entry in self._entries]

    def _check(self, entry: Entry) -> tuple[Issue, ...]:
        if entry.resource is None or entry.deletes:
            return entry.issues
        return check_resource(entry.resource.value, self._sender.release, entry.resource.path)

    def _entry(self, entry: Entry) -> EntryReading:
        issues = self._issues[entry.expression]
        errors = [each for each in issues if each.is_error]
        reading = EntryReading(
            expression=entry.expression,
            index=entry.index,
            resource=entry.resource.value if entry.resource is not None else None,
            issues=issues,
            warnings=tuple(str(each) for each in issues if not each.is_error),
            note=entry.note,
        )
        if entry.note:
            return reading
        if errors:
            return replace(reading, error=error_of(errors[0]))
        values = Values(self._sender, self._document, self._header)
        try:
            return self._with_events(reading, entry, values)
        except BridgeError as error:
            return replace(reading, error=error, warnings=(*reading.warnings, *values.warnings))
        except (AttributeError, LookupError, TypeError, ValueError) as failure:
            # A resource that it refers to, and that nobody checked, is not what it should be.
            _LOG.error("fhir resource failed at=%s", entry.expression, exc_info=failure)
            unread = DataTypeError(
                "it, or what it refers to, cannot be read", location=entry.expression
            )
            return replace(reading, error=unread)

    def _with_events(self, reading: EntryReading, entry: Entry, values: Values) -> EntryReading:
        resource = self._deleted(entry) if entry.deletes else entry.resource
        if resource is None:
            raise RequiredFieldMissing("nothing to be read", location=entry.expression)
        kind = str(resource.value.get("resourceType"))
        events: tuple[Event, ...] = ()
        note = ""
        if entry.deletes:
            events = self._read_deleted(kind, resource, values)
        elif kind in ("ServiceRequest", "Task"):
            events, note = self._read_order(kind, resource, values)
        elif kind in _READERS:
            events = _READERS[kind](self, values, resource)
        if not events and not note:
            note = "referenced data" if kind in REFERENCED else f"{kind} changes nothing here"
        warnings = (*reading.warnings, *values.warnings)
        return replace(
            reading, resource=resource.value, events=events, note=note, warnings=warnings
        )

    def _deleted(self, entry: Entry) -> Element:
        """The resource that a DELETE is about, as it was last known."""
        if entry.resource is not None:
            return entry.resource
        kind, _, query = entry.deletes.partition("?")
        place = f"{entry.expression}.request.url"
        if query:
            found = list(self._resolver.search(kind, query))
            if len(found) == 1:
                return Element(found[0], entry.expression)
            raise UnknownKey("no resource, or several, to delete", location=place)
        known = self._resolver.read(kind)
        if known is None:
            raise UnknownKey("no such resource to delete", location=place)
        return Element(known, entry.expression)

    def _read_order(
        self, kind: str, resource: Element, values: Values
    ) -> tuple[tuple[Event, ...], str]:
        """The order that a request or a Task is part of, once for all that are in the document."""
        request = resource if kind == "ServiceRequest" else self._request_of(resource)
        if request is None:
            return Orders(values, self._requests).read_task(resource), ""
        root = self._requests.root_of(request)
        place = self._read_with.get(root.path)
        if place is not None:
            return (), f"read with {place}"
        at = self._readable.get(root.path) or self._readable.get(name_of(root))
        if at is not None and not is_same(at, resource):
            return (), f"read with {at.path}"
        self._read_with[root.path] = resource.path
        group = self._requests.group(root)
        return Orders(values, self._requests).read(group), ""

    def _request_of(self, task: Element) -> Element | None:
        """The request a Task is a step of, unless nothing but its number is known."""
        found = self._requests.requests_of(task, "focus", "basedOn")
        return next((each for each in found if "status" in each.value), None)

    def _read_deleted(self, kind: str, resource: Element, values: Values) -> tuple[Event, ...]:
        reader = _DELETED.get(kind)
        return reader(self, values, resource) if reader else ()

    def cancelled_request(self, values: Values, resource: Element) -> tuple[Event, ...]:
        """A request that is deleted is revoked, with all that belongs to it."""
        orders = Orders(values, self._requests)
        if "subject" not in resource.value:
            return orders.read_cancelled(resource)
        cancelled = Element({**resource.value, "status": _CANCELLED}, resource.path)
        return orders.read(RequestGroup(cancelled, ()))

    def cancelled_task(self, values: Values, resource: Element) -> tuple[Event, ...]:
        """A Task that is deleted is cancelled, and its order stays."""
        cancelled = Element({**resource.value, "status": _TASK_CANCELLED}, resource.path)
        return Orders(values, self._requests).read_task(cancelled)

    def appointment(
        self, values: Values, resource: Element, *, deleted: bool = False
    ) -> tuple[Event, ...]:
        """An Appointment, with the requests it is for."""
        return read_appointment(values, self._requests, resource, deleted=deleted)

    def study(
        self, values: Values, resource: Element, *, deleted: bool = False
    ) -> tuple[Event, ...]:
        """An ImagingStudy, with the requests it was done for."""
        return read_study(values, self._requests, resource, deleted=deleted)


_Read = Callable[[_Reader, Values, Element], tuple[Event, ...]]
_READERS: Mapping[str, _Read] = {
    "Patient": lambda _, values, resource: read_patient(values, resource),
    "Encounter": lambda _, values, resource: read_visit(values, resource),
    "Appointment": _Reader.appointment,
    "ImagingStudy": _Reader.study,
}
_DELETED: Mapping[str, _Read] = {
    "ServiceRequest": _Reader.cancelled_request,
    "Task": _Reader.cancelled_task,
    "Patient": lambda _, values, resource: read_removed_patient(values, resource),
    "Encounter": lambda _, values, resource: read_removed_visit(values, resource),
    "Appointment": partial(_Reader.appointment, deleted=True),
    "ImagingStudy": partial(_Reader.study, deleted=True),
}
