"""Given third-party resources, when read, then each gives events, a note or a placed error."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.identifiers import Authority
from bridge.fhir.reading import FhirReading, FhirSender, parse_body, read_resources
from bridge.fhir.releases import Release
from bridge.mapping.fhir_profiles import load_fhir_profile
from bridge.mapping.source import Site

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "fhir"
FILES = sorted(CORPUS.glob("*.json"))
SITE = Site(authority=Authority("HOSP"))
SENDERS = {
    release: FhirSender.of(load_fhir_profile(f"fhir-{release.lower()}"), SITE, release)
    for release in Release
}
# What is wrong with the files that are refused: no JSON, an older release of FHIR, a resource that
# lacks what it must have, and references to what is not there.
NO_JSON = {
    "bad_ftc_json-comma-bad-1.json",
    "bad_ftc_json-no-quotes-1.json",
    "bad_ftc_list-bad-syntax.json",
}
REFUSED = {
    "bad_ImagingStudy_no_subject.json": ("101", "ImagingStudy.subject"),
    "bad_dstu2_ImagingStudy.json": ("101", "ImagingStudy.status"),
    "bad_stu3_ImagingStudy.json": ("101", "ImagingStudy.status"),
    "bad_stu3_ms_ImagingStudy.json": ("101", "ImagingStudy.status"),
    "bad_ftc_patient-duplicate-contained.json": ("205", "Patient.contained[1].id"),
    "bad_ftc_patient-id-bad-1.json": ("102", "Patient.id"),
    "r4_ImagingStudy-example-xr.json": ("204", "ImagingStudy.subject.reference"),
    "r4b_ImagingStudy-example-xr.json": ("204", "ImagingStudy.subject.reference"),
    "r5_ImagingStudy-example-xr.json": ("204", "ImagingStudy.subject.reference"),
    "r4_ImagingStudy_kenya_kps.json": ("204", "ImagingStudy.subject.reference"),
    "r4_google_ImagingStudy_unit_output.json": ("204", "ImagingStudy.subject.reference"),
    "r4_ms_converter_ImagingStudy.json": ("204", "ImagingStudy.subject.reference"),
    "r4_ServiceRequest-di.json": ("204", "ServiceRequest.subject.reference"),
    "r4_ServiceRequest-example.json": ("204", "ServiceRequest.subject.reference"),
    "r4_Task-example1.json": ("204", "Task.focus.reference"),
    "r4_ms_smartpatientA_bundle.json": (
        "101",
        "Bundle.entry[10].resource.participant[0].status",
    ),
}

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not beside this checkout")


def read(path: Path) -> FhirReading:
    release = Release.R5 if path.name.startswith("r5_") else Release.R4
    return read_resources(parse_body(path.read_bytes()), SENDERS[release])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_given_a_file_then_it_ends_as_a_careful_integrator_agrees(path: Path) -> None:
    if path.name in NO_JSON:
        with pytest.raises(BridgeError, match="not JSON"):
            read(path)
        return
    reading = read(path)
    assert reading.entries
    for entry in reading.entries:
        assert entry.events or entry.note or entry.error
    found = (reading.error.code, reading.error.location) if reading.error else None
    assert found == REFUSED.get(path.name)


def test_given_a_bundle_with_two_bad_entries_then_the_others_are_read() -> None:
    path = CORPUS / "r4_ms_smartpatientA_bundle.json"
    reading = read(path)
    assert [e.index for e in reading.entries if e.error] == [10, 11]
    assert len(reading.events) > 2
