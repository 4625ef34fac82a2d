"""ServiceRequest and Task (FHIR R4) from an order and its steps as held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo

from bridge.domain.identifiers import Identifier
from bridge.domain.order import CodedConcept, Order, Procedure, Step
from bridge.domain.order_state import state_of
from bridge.domain.patient import Patient
from bridge.fhir.datatypes import codeable_concept, display_name, read_date_time
from bridge.fhir.identifiers import (
    ACCESSION,
    FILLER,
    MEDICAL_RECORD,
    PLACER,
    IdentifierSystems,
    Json,
)
from bridge.fhir.server.exchange import instant
from bridge.fhir.server.statuses import ORDER_STATUS, TASK_STATUS
from bridge.fhir.terms import DCM, SNOMED_CT
from bridge.services.find_records import RecordKind

NameOf = Callable[[RecordKind, int], str]
"""`Type/id` of the resource that a row of the domain has."""

# Requested Procedure Priority (0040,1003) → RequestPriority.
PRIORITIES: Mapping[str, str] = {
    "STAT": "stat",
    "HIGH": "urgent",
    "ROUTINE": "routine",
    "MEDIUM": "routine",
    "LOW": "routine",
}
IMAGING = {"coding": [{"system": SNOMED_CT, "code": "363679005", "display": "Imaging"}]}
STEP_ID = {"text": "Scheduled Procedure Step ID"}
PROCEDURE_ID = {"text": "Requested Procedure ID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What resources depend on besides the domain: how identifiers and times are said."""

    systems: IdentifierSystems
    zone: tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order with its patient, when it came, and the visit it was placed in (`Encounter/id`)."""

    order: Order
    patient: Patient
    received_at: float
    encounter: str = ""


def service_request(held: HeldOrder, site: Site, name_of: NameOf) -> Json:
    """The order as a whole; the first procedure is its code, further ones its details."""
    order = held.order
    codes = [each for p in order.procedures if (each := _procedure_code(p, site))]
    return filled(
        {
            "resourceType": "ServiceRequest",
            "identifier": _order_identifiers(order, site),
            "status": ORDER_STATUS[state_of(order)],
            "intent": "order",
            "category": [IMAGING],
            "priority": _priority(order),
            "code": codes[0] if codes else {},
            "orderDetail": codes[1:],
            "subject": subject(held.patient, site, name_of),
            "encounter": {"reference": held.encounter} if held.encounter else {},
            "occurrenceDateTime": _occurrence(order, site),
            "authoredOn": instant(held.received_at),
            "requester": _requester(order),
            "reasonCode": distinct(
                filled({"text": p.attributes.get("ReasonForTheRequestedProcedure", "")})
                for p in order.procedures
            ),
            "note": distinct(
                filled({"text": p.attributes.get("RequestedProcedureComments", "")})
                for p in order.procedures
            ),
        }
    )


def task(held: HeldOrder, step_pk: int, site: Site, name_of: NameOf) -> Json:
    """One step of the order.

    Raises:
        KeyError: the order has no such step.
    """
    procedure, step = _step(held.order, step_pk)
    order = name_of(RecordKind.ORDER, held.order.pk)
    start = read_date_time(step.start_date, step.start_time, "", site.zone)
    return filled(
        {
            "resourceType": "Task",
            "identifier": _step_identifiers(step),
            "basedOn": [{"reference": order}],
            "status": TASK_STATUS[step.status],
            "statusReason": filled({"text": held.order.held_reason}),
            "intent": "order",
            "priority": _priority(held.order),
            "code": _step_code(procedure, step, site),
            "description": step.attributes.get("ScheduledProcedureStepDescription", ""),
            "focus": {"reference": order},
            "for": subject(held.patient, site, name_of),
            "authoredOn": instant(held.received_at),
            "owner": _person(step.attributes.get("ScheduledPerformingPhysicianName", "")),
            "restriction": {"period": {"start": start}} if start else {},
            "input": [*_inputs(procedure, step)],
        }
    )


def subject(patient: Patient, site: Site, name_of: NameOf) -> Json:
    """A reference to the patient, with the Patient ID and the name for who cannot follow it."""
    identifiers = patient.identifiers[:1]
    return filled(
        {
            "reference": name_of(RecordKind.PATIENT, patient.pk),
            "type": "Patient",
            "identifier": next(
                (site.systems.resource(each, MEDICAL_RECORD) for each in identifiers), {}
            ),
            "display": display_name(patient.attributes.get("PatientName", "")),
        }
    )


def filled(elements: Mapping[str, object]) -> Json:
    """The elements that have a value: FHIR knows no empty ones."""
    return {name: value for name, value in elements.items() if value not in (None, "", [], {})}


def distinct(items: Iterable[Json]) -> list[Json]:
    """The items that have something, each once."""
    found: list[Json] = []
    for item in items:
        if item and item not in found:
            found.append(item)
    return found


def _order_identifiers(order: Order, site: Site) -> list[Json]:
    numbers = order.numbers
    typed = ((PLACER, numbers.placer), (FILLER, numbers.filler), (ACCESSION, numbers.accession))
    # The type is what the number is here, whatever type its sender gave it.
    return [
        site.systems.resource(Identifier(number.value, number.authority), code)
        for code, number in typed
        if number is not None
    ]


def _priority(order: Order) -> str:
    said = [p.attributes.get("RequestedProcedurePriority", "") for p in order.procedures]
    return next((PRIORITIES[each] for each in said if each in PRIORITIES), "")


def _procedure_code(procedure: Procedure, site: Site) -> Json:
    description = procedure.attributes.get("RequestedProcedureDescription", "")
    return _concept([procedure.code] if procedure.code else [], description, site)


def _step_code(procedure: Procedure, step: Step, site: Site) -> Json:
    description = step.attributes.get("ScheduledProcedureStepDescription", "")
    return _concept(step.protocol_codes, description, site) or _procedure_code(procedure, site)


def _concept(codes: Iterable[CodedConcept], text: str, site: Site) -> Json:
    concepts = [codeable_concept(code, site.systems) for code in codes]
    codings = [coding for concept in concepts for coding in concept.get("coding", ())]
    texts = [text, *(concept.get("text", "") for concept in concepts)]
    return filled({"coding": codings, "text": next(filter(None, texts), "")})


def _occurrence(order: Order, site: Site) -> str:
    """The start of the first step to begin."""
    starts = [
        (step.start_date, step.start_time)
        for procedure in order.procedures
        for step in procedure.steps
        if step.start_date
    ]
    return read_date_time(*min(starts), "", site.zone) if starts else ""


def _requester(order: Order) -> Json:
    attributes = order.attributes
    names = (attributes.get("RequestingPhysician"), attributes.get("ReferringPhysicianName"))
    return _person(next(filter(None, names), ""))


def _person(name: str) -> Json:
    return filled({"display": display_name(name.partition("\\")[0])})


def _step(order: Order, pk: int) -> tuple[Procedure, Step]:
    for procedure in order.procedures:
        for step in procedure.steps:
            if step.pk == pk:
                return procedure, step
    raise KeyError(pk)


def _step_identifiers(step: Step) -> list[Json]:
    return [{"type": STEP_ID, "value": step.sps_id}] if step.sps_id else []


def _inputs(procedure: Procedure, step: Step) -> Iterable[Json]:
    """What the step is done with, each named by its DICOM attribute (PS3.6)."""
    if step.modality:
        yield _input("00080060", "Modality", "valueCoding", {"system": DCM, "code": step.modality})
    for title in step.station_ae_titles:
        yield _input("00400001", "Scheduled Station AE Title", "valueString", title)
    if procedure.study_instance_uid:
        uid = f"urn:oid:{procedure.study_instance_uid}"
        yield _input("0020000D", "Study Instance UID", "valueUri", uid)
    if procedure.rp_id:
        yield _input("00401001", "Requested Procedure ID", "valueString", procedure.rp_id)
    location = step.attributes.get("ScheduledProcedureStepLocation", "")
    if location:
        yield _input("00400011", "Scheduled Procedure Step Location", "valueString", location)


def _input(tag: str, name: str, element: str, value: object) -> Json:
    coding = {"system": "urn:oid:1.2.840.10008.2.6.1", "code": tag, "display": name}
    return {"type": {"coding": [coding], "text": name}, element: value}
