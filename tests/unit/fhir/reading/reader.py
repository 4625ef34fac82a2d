"""Short ways to read resources: what they are of, and who sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from bridge.domain.events import Event
from bridge.domain.identifiers import Authority
from bridge.domain.order import OrderReceived
from bridge.fhir.identifiers import Json
from bridge.fhir.reading import (
    NOTHING,
    FhirReading,
    FhirSender,
    Resolver,
    read_deletion,
    read_resources,
)
from bridge.fhir.releases import Release
from bridge.mapping.fhir_profiles import load_fhir_profile
from bridge.mapping.source import Site

SITE = Site(zone=ZoneInfo("Asia/Ho_Chi_Minh"), authority=Authority("HOSP"), local_scheme="99HOSP")
SENDERS = {
    Release.R4: FhirSender.of(load_fhir_profile("fhir-r4"), SITE),
    Release.R5: FhirSender.of(load_fhir_profile("fhir-r5"), SITE, Release.R5),
}
POLLED = FhirSender.of(load_fhir_profile("fhir-r4"), SITE, is_authoritative=True)
CT = {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}]}
IMAGING = {"coding": [{"system": "http://snomed.info/sct", "code": "363679005"}]}


def identifier(value: str, system: str = "urn:id:HOSP", kind: str = "") -> Json:
    typed = {"type": {"coding": [{"code": kind}]}} if kind else {}
    return {**typed, "system": system, "value": value}


def patient(name: str = "p", number: str = "P1", /, **elements: Any) -> Json:
    usual = {
        "resourceType": "Patient",
        "id": name,
        "identifier": [identifier(number)],
        "name": [{"family": "Trần", "given": ["Bình"]}],
    }
    return {**usual, **elements}


def request(name: str = "r", number: str = "K1", **elements: Any) -> Json:
    usual = {
        "resourceType": "ServiceRequest",
        "id": name,
        "identifier": [identifier(number, "urn:id:HIS")] if number else [],
        "status": "active",
        "intent": "order",
        "category": [IMAGING],
        "code": {"text": "CT sọ não"},
        "orderDetail": [CT],
        "subject": {"reference": "Patient/p"},
    }
    found = {**usual, **elements}
    return {key: value for key, value in found.items() if value not in ([], None)}


def task(name: str = "t", number: str = "S1", of: str = "r", **elements: Any) -> Json:
    usual = {
        "resourceType": "Task",
        "id": name,
        "identifier": [{"value": number}] if number else [],
        "status": "requested",
        "intent": "order",
        "focus": {"reference": f"ServiceRequest/{of}"},
    }
    found = {**usual, **elements}
    return {key: value for key, value in found.items() if value not in ([], None)}


def bundle(*resources: Json, kind: str = "collection", **elements: Any) -> Json:
    entries = [
        {
            "resource": each,
            **({"request": request_of(each)} if kind in ("transaction", "batch") else {}),
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **elements}


def request_of(resource: Json) -> Json:
    return {"method": "PUT", "url": f"{resource['resourceType']}/{resource.get('id', '')}"}


class Held:
    """A server's resources."""

    def __init__(self, *resources: Json) -> None:
        self.resources = {f"{each['resourceType']}/{each['id']}": each for each in resources}

    def read(self, reference: str) -> Json | None:
        return self.resources.get(reference)

    def search(self, kind: str, criteria: str) -> Sequence[Json]:
        value = criteria.rpartition("%7C")[2].rpartition("|")[2]
        return [
            each
            for each in self.resources.values()
            if each["resourceType"] == kind
            and value in {one["value"] for one in each.get("identifier", [])}
        ]

    def referring(self, kind: str, element: str, reference: str) -> Sequence[Json]:
        return [each for each in self.resources.values() if each["resourceType"] == kind]


def read(
    document: Json,
    resolver: Resolver = NOTHING,
    release: Release = Release.R4,
    sender: FhirSender | None = None,
) -> FhirReading:
    return read_resources(document, sender or SENDERS[release], resolver)


def events(document: Json, resolver: Resolver = NOTHING, **how: Any) -> tuple[Event, ...]:
    """What is asked for, which must be possible."""
    reading = read(document, resolver, **how)
    assert reading.error is None, (reading.error.location, reading.error.message)
    return reading.events


def orders(document: Json, resolver: Resolver = NOTHING, **how: Any) -> list[OrderReceived]:
    return [e for e in events(document, resolver, **how) if isinstance(e, OrderReceived)]


def deleted(resource: Json, resolver: Resolver = NOTHING) -> tuple[Event, ...]:
    reading = read_deletion(resource, SENDERS[Release.R4], resolver)
    assert reading.error is None
    return reading.events


def refusal(document: Json, resolver: Resolver = NOTHING, **how: Any) -> tuple[str, str]:
    """Code and place of the first error."""
    error = read(document, resolver, **how).error
    assert error is not None
    return error.code, error.location or ""


def controls(found: Sequence[OrderReceived]) -> list[tuple[str, str]]:
    return [(event.control, event.status) for event in found]


def named(found: Mapping[str, Any]) -> str:
    return f"{found['resourceType']}/{found['id']}"
