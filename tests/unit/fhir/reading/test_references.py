"""References lead to what they name: in the Bundle, contained, by condition, or elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.order import OrderReceived
from tests.unit.fhir.reading.reader import Held, bundle, identifier, patient, read, refusal, request

URN = "urn:uuid:0b9c6f0a-6f3b-4a55-9d6e-3f6c1d2e4f50"


def entry(resource: dict[str, Any], full_url: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"resource": resource}
    return found | ({"fullUrl": full_url} if full_url else {})


def named(reference: str, *entries: dict[str, Any], held: Held | None = None) -> str:
    """The Patient ID of the order whose subject is that reference."""
    order = request(subject={"reference": reference})
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [*entries, entry(order, BASE + "ServiceRequest/r")],
    }
    reading = read(document, held or Held())
    assert reading.error is None, (reading.error.location, reading.error.message)
    event = next(e for e in reading.events if isinstance(e, OrderReceived))
    return event.patient.identifiers[0].value


BASE = "http://ehr.example/fhir/"


@pytest.mark.parametrize(
    ("reference", "full_url"),
    [
        (URN, URN),
        (URN.upper().replace("URN:UUID", "urn:uuid"), URN),
        ("Patient/p", BASE + "Patient/p"),
        (BASE + "Patient/p", BASE + "Patient/p"),
        ("Patient/p/_history/3", BASE + "Patient/p"),
        ("Patient/p", ""),
        ("Patient?identifier=urn:id:HOSP|P1", URN),
        ("Patient?identifier=urn%3Aid%3AHOSP%7CP1", URN),
        ("Patient?identifier=P1", URN),
    ],
)
def test_given_a_patient_in_the_bundle_then_the_reference_leads_there(
    reference: str, full_url: str
) -> None:
    assert named(reference, entry(patient(), full_url)) == "P1"


def test_given_the_same_id_at_another_server_then_it_is_not_meant() -> None:
    other = entry(patient("p", "WRONG"), "http://elsewhere.example/Patient/p")
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            other,
            entry(request(subject={"reference": "Patient/p"}), BASE + "ServiceRequest/r"),
        ],
    }
    assert refusal(document)[0] == "204"


@pytest.mark.parametrize("reference", ["Patient/p", "Patient?identifier=urn:id:HOSP|P1"])
def test_given_a_patient_elsewhere_then_the_resolver_is_asked(reference: str) -> None:
    assert named(reference, held=Held(patient())) == "P1"


def test_given_several_that_a_condition_finds_then_it_is_never_a_guess() -> None:
    twins = Held(patient("a"), patient("b"))
    conditional = request(subject={"reference": "Patient?identifier=urn:id:HOSP|P1"})
    assert refusal(conditional, twins) == ("205", "ServiceRequest.subject.reference")


def test_given_none_that_a_condition_finds_then_it_is_refused() -> None:
    conditional = request(subject={"reference": "Patient?identifier=urn:id:HOSP|P9"})
    assert refusal(conditional, Held(patient())) == ("204", "ServiceRequest.subject.reference")


def test_given_an_identifier_that_the_bundle_holds_then_its_resource_is_meant() -> None:
    order = request(subject={"identifier": identifier("P1")})
    reading = read(bundle(patient(), order))
    event = next(e for e in reading.events if isinstance(e, OrderReceived))
    assert event.patient.name == "Trần^Bình"


def test_given_contained_resources_then_only_their_own_container_sees_them() -> None:
    inside = request("a", contained=[patient("x", "P7")], subject={"reference": "#x"})
    outside = request("b", "K2", subject={"reference": "#x"})
    reading = read(bundle(inside, outside))
    assert reading.entries[0].error is None
    error = reading.entries[1].error
    assert error is not None
    assert error.location == "Bundle.entry[1].resource.subject.reference"


def test_given_a_server_that_answers_with_more_than_it_was_asked_then_it_is_not_believed() -> None:
    stranger = {
        "resourceType": "Task",
        "id": "t9",
        "status": "requested",
        "intent": "order",
        "focus": {"reference": "ServiceRequest/other"},
    }
    reading = read(request(), Held(patient(), stranger))
    event = next(e for e in reading.events if isinstance(e, OrderReceived))
    assert [step.sps_id for step in event.procedures[0].steps] == [""]
