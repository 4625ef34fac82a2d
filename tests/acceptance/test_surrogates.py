"""Identifiers longer than DICOM allows (STANDARDS 2.3): kept by the HIS, others for modalities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital, accession_of
from tests.acceptance.images import scan
from tests.acceptance.orders import Order, Step, new_order, new_patient, orm
from tests.peers.process import choose_port

PROFILE = "profile: long-numbers\nextends: ihe-swf\noptions: {overlong_ids: surrogate}\n"


def long_order() -> Order:
    """An order whose numbers have more than sixteen characters."""
    order = new_order(new_patient(family="ĐẶNG"))
    return replace(
        order,
        accession=f"2026-KLINIKUM-{order.accession}",
        rp_id=f"2026-KLINIKUM-{order.rp_id}",
        steps=(Step(id=f"2026-KLINIKUM-{order.step.id}"),),
    )


@pytest.fixture
def hospital(new_hospital: NewHospital, tmp_path: Path) -> Hospital:
    """One whose HIS numbers that long, and says so in a profile of its own."""
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "long-numbers.yaml").write_text(PROFILE)
    listener = {"name": "his", "port": choose_port(), "profile": "long-numbers"}
    return new_hospital(mappings=str(folder), hl7={"listeners": [listener]})


def as_the_worklist_shows(hospital: Hospital, order: Order) -> Order:
    """The order as a modality knows it, which takes every identifier from the worklist."""
    (item,) = hospital.worklist(PatientID=order.patient.id)
    step = item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID
    shown = (item.AccessionNumber, item.RequestedProcedureID, step)
    assert all(len(each) == 16 for each in shown), shown
    return replace(
        order,
        accession=item.AccessionNumber,
        rp_id=item.RequestedProcedureID,
        steps=(replace(order.step, id=step),),
    )


def test_given_long_numbers_when_scanned_by_the_worklist_then_the_ehr_hears_of_the_real_ones(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = long_order()
    hospital.place(orm(order))
    shown = as_the_worklist_shows(hospital, order)
    study = scan(shown, tmp_path / "scan", series=(2,))
    step = hospital.start_step(shown)
    hospital.store(study)
    hospital.end_step(step, study)
    published = hospital.published_complete(study)
    assert accession_of(published) == order.accession
    assert shown.accession not in str(published)


def test_given_a_modality_with_a_uid_of_its_own_then_the_surrogate_alone_finds_the_order(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = long_order()
    hospital.place(orm(order))
    shown = replace(as_the_worklist_shows(hospital, order), study_uid=f"{order.study_uid}.9")
    study = scan(shown, tmp_path / "scan", series=(1,))
    hospital.store(study)
    assert accession_of(hospital.published_complete(study, seconds=60)) == order.accession


def test_given_a_cancel_by_the_real_number_then_the_entry_is_gone(hospital: Hospital) -> None:
    order = long_order()
    hospital.place(orm(order))
    as_the_worklist_shows(hospital, order)
    hospital.place(orm(order, control="CA", status="CA"))
    assert hospital.worklist(PatientID=order.patient.id) == []


def test_given_the_default_profile_then_long_numbers_are_refused_with_their_place(
    new_hospital: NewHospital,
) -> None:
    answer = new_hospital().send(orm(long_order()))
    assert answer["code"] == "AE"
