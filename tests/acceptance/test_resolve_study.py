"""A person's word: a stray study linked, a wrong match unlinked, phantoms rejected, all undone."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.hospital import Hospital
from tests.acceptance.images import scan
from tests.acceptance.orders import new_order, new_patient, orm
from tests.acceptance.test_presentation import found, retrieved
from tests.peers.process import wait_until


def study_command(hospital: Hospital, action: str, *arguments: str) -> str:
    return hospital.bridge.command("study", action, *arguments, "--by", "dr.an")


def test_given_a_study_under_a_typed_identity_when_linked_then_it_is_the_patients_everywhere(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    typed = {"PatientID": "TYPED1", "PatientName": "TRAN B", "AccessionNumber": ""}
    stray = new_order(new_patient())
    study = scan(stray, tmp_path / "sent", series=(1,), **typed)
    hospital.store(study)
    wait_until(lambda: study.uid in hospital.bridge.command("study", "list", "--waiting"), "wait")
    assert not hospital.is_published(study.uid)
    reason = "request form seen"
    told = study_command(hospital, "link", study.uid, order.accession, "--reason", reason)
    assert "matched" in told
    published = hospital.published(study.uid)
    assert order.accession in str(published["basedOn"])
    (image,) = retrieved(hospital, study, tmp_path)
    assert (image.PatientID, image.AccessionNumber) == (order.patient.id, order.accession)
    shown = hospital.bridge.command("study", "show", study.uid)
    assert "operator dr.an" in shown
    assert reason in shown


def test_given_a_match_when_unlinked_then_the_ehr_is_told_that_it_was_an_error(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(1,))
    hospital.store(study)
    hospital.published_complete(study)
    study_command(hospital, "unlink", study.uid, "--reason", "another patient was scanned")
    hospital.published(study.uid, lambda found: found["status"] == "entered-in-error")
    study_command(hospital, "undo", study.uid)
    again = hospital.published(study.uid, lambda found: found["status"] == "available")
    assert order.accession in str(again["basedOn"])


def test_given_images_of_a_phantom_when_rejected_then_nobody_finds_them(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, tmp_path / "sent", series=(1,))
    hospital.store(study)
    hospital.published_complete(study)
    study_command(hospital, "reject", study.uid, "--reason", "images of a phantom")
    assert found(hospital, StudyInstanceUID=study.uid) == []
    assert retrieved(hospital, study, tmp_path) == []
    hospital.published(study.uid, lambda found: found["status"] == "entered-in-error")
    study_command(hospital, "undo", study.uid)
    assert len(found(hospital, StudyInstanceUID=study.uid)) == 1
