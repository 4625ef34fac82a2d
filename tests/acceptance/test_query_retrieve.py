"""Query/Retrieve: Orthanc and dcmtk find what modalities sent, and get it back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance.hospital import Hospital
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, orm
from tests.peers.orthanc import Orthanc
from tests.peers.process import wait_until

OF_THE_ORDER = {
    "IssuerOfPatientID",
    "IssuerOfAccessionNumberSequence",
    "RequestAttributesSequence",
    "OriginalAttributesSequence",
    "PatientName",
    "SpecificCharacterSet",
}


def test_given_a_study_was_stored_when_orthanc_looks_for_it_then_it_finds_and_moves_it(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path, series=(3,))
    hospital.store(study)
    query, answers = orthanc.query("Study", AccessionNumber=order.accession)
    assert [answer["StudyInstanceUID"] for answer in answers] == [study.uid]
    orthanc.retrieve(query)
    try:
        held = wait_until(lambda: orthanc.instances_of(study.uid), "the moved instances")
        assert len(held) == 3
    finally:
        orthanc.forget(study.uid)


def test_given_a_study_was_stored_when_dcmtk_gets_it_then_pixels_and_header_are_the_same(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(2,))
    hospital.store(study)
    (tmp_path / "got").mkdir()
    got = hospital.modality().get("STUDY", {"StudyInstanceUID": study.uid}, tmp_path / "got")
    sent = {each.SOPInstanceUID: each for each in map(dcmread, study.paths)}
    assert {item.SOPInstanceUID for item in got.items} == sent.keys()
    for item in got.items:
        # What the order says replaces what the modality said (test_presentation.py).
        kept = {e.tag: e.value for e in item if e.keyword not in OF_THE_ORDER}
        said = sent[item.SOPInstanceUID]
        assert kept == {e.tag: e.value for e in said if e.keyword not in OF_THE_ORDER}


# The unique key of each level (PS3.4 C.6.2.1), and how many of them a study of 2 + 1 images has.
LEVELS = {"STUDY": ("StudyInstanceUID", 1), "SERIES": ("SeriesInstanceUID", 2)} | {
    "IMAGE": ("SOPInstanceUID", 3)
}


@pytest.mark.parametrize("model", ["-S", "-P"], ids=["study root", "patient root"])
def test_given_a_study_when_findscu_asks_at_each_level_then_it_finds_all_of_it(
    hospital: Hospital, tmp_path: Path, model: str
) -> None:
    order = new_order()
    study = scan(order, tmp_path, series=(2, 1))
    hospital.store(study)
    for level, (key, count) in LEVELS.items():
        keys = {"PatientID": order.patient.id, "StudyInstanceUID": study.uid} | (
            {} if level == "STUDY" else {key: ""}
        )
        found = hospital.modality().find_studies(level, keys, model=model)
        assert found.status == "Success", found.output
        assert len({item[key].value for item in found.items}) == count, level


def test_given_a_study_when_movescu_names_a_known_destination_then_it_gets_all_of_it(
    hospital: Hospital, orthanc: Orthanc, tmp_path: Path
) -> None:
    study = scan(new_order(), tmp_path, series=(2, 1))
    hospital.store(study)
    status, output = hospital.modality().move("STUDY", {"StudyInstanceUID": study.uid}, "ORTHANC")
    try:
        assert status == "Success", output
        assert len(orthanc.instances_of(study.uid)) == len(study.paths)
    finally:
        orthanc.forget(study.uid)


def test_given_a_destination_that_nobody_configured_then_movescu_hears_so_and_nothing_goes(
    hospital: Hospital, tmp_path: Path
) -> None:
    study = scan(new_order(), tmp_path, series=(1,))
    hospital.store(study)
    status, output = hospital.modality().move("STUDY", {"StudyInstanceUID": study.uid}, "NOWHERE")
    assert "MoveDestinationUnknown" in status, output


def test_given_an_identifier_without_its_unique_key_then_getscu_is_refused(
    hospital: Hospital, tmp_path: Path
) -> None:
    """A retrieval that names nothing must not give everything (PS3.4 C.4.3.1.3)."""
    (tmp_path / "got").mkdir()
    got = hospital.modality().get("STUDY", {"PatientID": "P1"}, tmp_path / "got")
    assert got.items == []
    assert "Failed" in got.output or "A900" in got.output or "DoesNotMatch" in got.output
