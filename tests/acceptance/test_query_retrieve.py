"""Query/Retrieve: Orthanc and dcmtk find what modalities sent, and get it back as it was."""

from __future__ import annotations

from pathlib import Path

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
