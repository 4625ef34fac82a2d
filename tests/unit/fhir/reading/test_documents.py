"""Bundles of every kind: what asks for something, what only tells, and all or nothing."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.announced_study import StudyAnnounced
from bridge.domain.appointment import AppointmentReceived
from bridge.domain.errors import DuplicateKey, RequiredFieldMissing
from bridge.domain.order import OrderReceived
from bridge.domain.patient_events import PatientRemoved, PatientUpdated
from bridge.domain.visit import VisitChanged
from bridge.fhir.reading import expression_of, issue_code
from tests.unit.fhir.reading.reader import (
    Held,
    bundle,
    events,
    identifier,
    patient,
    read,
    refusal,
    request,
    task,
)

SUBJECT = {"reference": "Patient/p"}
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "e",
    "status": "arrived",
    "class": {"code": "AMB"},
    "subject": SUBJECT,
}
APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "a",
    "status": "booked",
    "basedOn": [{"reference": "ServiceRequest/r"}],
    "participant": [{"status": "accepted", "actor": SUBJECT}],
}
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "s",
    "status": "available",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}],
    "subject": SUBJECT,
}


@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "searchset", "history"])
def test_given_a_bundle_that_asks_then_its_events_come_in_the_sequence_they_need(kind: str) -> None:
    document = bundle(STUDY, APPOINTMENT, request(), ENCOUNTER, patient(), kind=kind)
    found = [type(event) for event in events(document)]
    assert list(dict.fromkeys(found)) == [
        PatientUpdated,
        VisitChanged,
        OrderReceived,
        AppointmentReceived,
        StudyAnnounced,
    ]


@pytest.mark.parametrize("kind", ["document", "transaction-response", "batch-response"])
def test_given_a_bundle_that_only_tells_then_nothing_is_asked_for(kind: str) -> None:
    reading = read(bundle(request(), patient(), kind=kind))
    assert reading.events == ()
    assert all(entry.note for entry in reading.entries)


def test_given_what_a_search_included_then_it_is_only_referred_to() -> None:
    document = bundle(request(), patient(gender="X"), kind="searchset")
    document["entry"][0]["search"] = {"mode": "match"}
    document["entry"][1]["search"] = {"mode": "include"}
    reading = read(document)
    assert {type(event) for event in reading.events} == {OrderReceived}
    assert reading.entries[1].note == "referenced data"


def test_given_a_bad_entry_then_the_whole_has_an_error_and_the_others_their_events() -> None:
    reading = read(bundle(patient(), request(status="bogus"), kind="transaction"))
    assert reading.error is not None
    assert reading.error.location == "Bundle.entry[1].resource.status"
    assert reading.entries[0].events


def test_given_an_entry_that_is_deleted_then_its_resource_is_looked_up() -> None:
    document = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": "Patient/p"}}],
    }
    (event,) = events(document, Held(patient()))
    assert isinstance(event, PatientRemoved)
    assert refusal(document) == ("204", "Bundle.entry[0].request.url")


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("text", "Bundle.entry"),
        ({"resource": "text"}, "Bundle.entry"),
        ({"request": {"method": "POST", "url": "Patient"}}, "Bundle.entry[0].resource"),
    ],
)
def test_given_an_entry_that_is_none_then_its_place_is_told(entry: Any, place: str) -> None:
    document = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    assert refusal(document)[1].startswith(place)


def test_given_a_bundle_that_is_none_then_it_is_one_entry_with_an_error() -> None:
    reading = read({"resourceType": "Bundle", "entry": []})
    assert [each.expression for each in reading.entries] == ["Bundle"]
    assert reading.error is not None
    assert reading.error.location == "Bundle.type"


def test_given_an_empty_bundle_then_nothing_is_asked_for() -> None:
    assert read({"resourceType": "Bundle", "type": "batch"}).entries == ()


@pytest.mark.parametrize(
    ("status", "announces"), [("registered", True), ("available", True), ("unknown", False)]
)
def test_given_a_study_then_its_status_tells_whether_it_is_announced(
    status: str, announces: bool
) -> None:
    found = events(STUDY | {"status": status}, Held(patient()))
    assert isinstance(found[0], StudyAnnounced) is announces


@pytest.mark.parametrize(
    ("uid", "place"),
    [
        ("1.2.x", "ImagingStudy.identifier[0].value"),
        ("1." * 40 + "1", "ImagingStudy.identifier[0].value"),
    ],
)
def test_given_what_is_no_uid_then_it_is_refused(uid: str, place: str) -> None:
    bad = STUDY | {"identifier": [{"system": "urn:dicom:uid", "value": uid}]}
    assert refusal(bad, Held(patient())) == ("102", place)


def test_given_a_study_based_on_requests_then_each_is_named() -> None:
    based = STUDY | {
        "basedOn": [
            {"reference": "ServiceRequest/r"},
            {"identifier": identifier("A9", kind="ACSN"), "type": "ServiceRequest"},
        ]
    }
    (event,) = events(based, Held(patient(), request()))
    assert isinstance(event, StudyAnnounced)
    placers = [each.placer.value for each in event.orders if each.placer]
    accessions = [each.accession.value for each in event.orders if each.accession]
    assert (placers, accessions) == (["K1"], ["A9"])


def test_given_errors_of_the_services_then_they_name_elements() -> None:
    place = "Bundle.entry[1].resource"
    assert expression_of(DuplicateKey("x", location=f"{place}^2")) == f"{place}.identifier"
    assert expression_of(DuplicateKey("x", location=f"{place}^1")) == f"{place}.status"
    assert expression_of(RequiredFieldMissing("x", location="PID^1^3")) == "Patient.identifier"
    assert (
        expression_of(DuplicateKey("x", location="ImagingStudy.subject")) == "ImagingStudy.subject"
    )
    assert issue_code(DuplicateKey("x")) == "duplicate"


WHOLE = json.dumps(bundle(patient(), request(), task(), ENCOUNTER, APPOINTMENT, STUDY))
JUNK: list[Any] = [None, True, 0, -1.5, "", "x", [], {}, ["x"], [{}], {"reference": "#"}, {"a": []}]


def mutated(value: Any, random_: random.Random, depth: int = 0) -> Any:
    """The value with one place of it replaced by what does not belong there."""
    if isinstance(value, dict) and value and depth < 8:
        key = random_.choice(list(value))
        return {**value, key: mutated(value[key], random_, depth + 1)}
    if isinstance(value, list) and value and depth < 8:
        index = random_.randrange(len(value))
        return [*value[:index], mutated(value[index], random_, depth + 1), *value[index + 1 :]]
    return copy.deepcopy(random_.choice(JUNK))


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_given_anything_anywhere_then_it_is_read_or_refused_with_its_place(
    random_: random.Random, times: int
) -> None:
    document = json.loads(WHOLE)
    for _ in range(times):
        document = mutated(document, random_)
    if not isinstance(document, dict):
        return
    reading = read(document)
    for entry in reading.entries:
        assert entry.events or entry.note or entry.error, entry
        if entry.error is not None:
            assert entry.error.location
