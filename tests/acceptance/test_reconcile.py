"""Reconciliation: which order a study belongs to (STANDARDS: IHE SWF and PIR, by keys of DICOM)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydicom.uid import generate_uid

from tests.acceptance.hospital import Hospital, accession_of, accessions_of
from tests.acceptance.images import Study, request_attributes, scan
from tests.acceptance.orders import (
    Order,
    adt_merge,
    adt_update,
    new_order,
    new_patient,
    omi,
    orm,
)


def settle(hospital: Hospital, directory: Path) -> None:
    """Wait until a study that was stored later than all the others has been published."""
    order = new_order()
    hospital.place(orm(order))
    study = scan(order, directory / order.accession, series=(1,))
    hospital.store(study)
    hospital.published_complete(study)


def stored(hospital: Hospital, order: Order, directory: Path, **attributes: object) -> Study:
    study = scan(order, directory, series=(2,), **attributes)
    hospital.store(study)
    return study


def test_given_images_before_their_order_then_they_wait_and_the_late_order_publishes_them(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    study = stored(hospital, order, tmp_path)
    settle(hospital, tmp_path)
    assert not hospital.is_published(study.uid)

    hospital.place(orm(order))

    assert accession_of(hospital.published_complete(study)) == order.accession


def test_given_an_accession_number_of_another_patient_then_the_study_is_never_matched(
    hospital: Hospital, tmp_path: Path
) -> None:
    order, stranger = new_order(), new_patient(family="PHAM", birth_date="19500101", sex="M")
    hospital.place(orm(order))
    study = stored(
        hospital, replace(order, patient=stranger, study_uid=str(generate_uid())), tmp_path
    )
    settle(hospital, tmp_path)

    assert not hospital.is_published(study.uid)


def test_given_a_study_uid_of_another_patient_then_the_study_is_never_matched(
    hospital: Hospital, tmp_path: Path
) -> None:
    order, stranger = new_order(), new_patient(family="PHAM", birth_date="19500101", sex="M")
    hospital.place(orm(order))
    study = stored(hospital, replace(order, patient=stranger), tmp_path)
    settle(hospital, tmp_path)

    assert not hospital.is_published(study.uid)


def test_given_a_conflict_when_the_order_changes_then_it_is_still_not_matched(
    hospital: Hospital, tmp_path: Path
) -> None:
    order, stranger = new_order(), new_patient(family="PHAM", birth_date="19500101", sex="M")
    hospital.place(orm(order))
    study = stored(hospital, replace(order, patient=stranger), tmp_path)
    hospital.place(orm(replace(order, description="CT neck"), control="XO"))
    settle(hospital, tmp_path)

    assert not hospital.is_published(study.uid)


def test_given_a_modality_that_minted_its_own_study_uid_then_accession_and_patient_match(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = stored(hospital, order, tmp_path, StudyInstanceUID=str(generate_uid()))

    found = hospital.published_complete(study)

    assert accession_of(found) == order.accession
    assert not hospital.is_published(order.study_uid)


def test_given_request_attributes_of_the_worklist_then_they_match(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = stored(
        hospital,
        order,
        tmp_path,
        StudyInstanceUID=str(generate_uid()),
        AccessionNumber="",
        RequestAttributesSequence=request_attributes(order),
    )

    assert accession_of(hospital.published_complete(study)) == order.accession


def test_given_only_a_study_uid_of_the_worklist_then_it_matches(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = stored(hospital, order, tmp_path, AccessionNumber="")

    assert accession_of(hospital.published_complete(study)) == order.accession


def test_given_a_folded_name_in_the_images_then_it_is_no_difference(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order(new_patient(family="NGUYỄN", given="ÁNH", middle="VĂN"))
    hospital.place(orm(order))
    study = stored(
        hospital,
        order,
        tmp_path,
        SpecificCharacterSet="ISO_IR 100",
        PatientName="NGUYEN^ANH^VAN",
    )

    found = hospital.published_complete(study)

    patient = hospital.ehr.read(found["subject"]["reference"])
    assert "NGUYỄN" in str(patient.get("name", "NGUYỄN"))


def test_given_images_under_a_number_that_was_merged_then_they_are_the_survivors(
    hospital: Hospital, tmp_path: Path
) -> None:
    survivor, retired = new_patient(), new_patient()
    order = new_order(retired)
    hospital.place(omi(order))
    hospital.place(adt_merge(survivor, [retired]))
    study = stored(hospital, order, tmp_path)

    found = hospital.published_complete(study)

    patient = hospital.ehr.read(found["subject"]["reference"])
    assert survivor.id in {one["value"] for one in patient["identifier"]}


def test_given_a_merge_after_the_study_then_the_ehr_hears_whose_it_is_now(
    hospital: Hospital, tmp_path: Path
) -> None:
    survivor, retired = new_patient(), new_patient()
    order = new_order(retired)
    hospital.place(omi(order))
    study = stored(hospital, order, tmp_path)
    hospital.published_complete(study)
    hospital.place(adt_merge(survivor, [retired]))

    def is_the_survivors(found: dict[str, object]) -> bool:
        subject = found["subject"]
        assert isinstance(subject, dict)
        patient = hospital.ehr.read(subject["reference"])
        return survivor.id in {one["value"] for one in patient["identifier"]}

    hospital.published(study.uid, is_the_survivors)


def test_given_an_unknown_patient_in_the_images_then_they_wait(
    hospital: Hospital, tmp_path: Path
) -> None:
    order = new_order()
    hospital.place(orm(order))
    study = stored(
        hospital, order, tmp_path, PatientID="", PatientName="UNKNOWN", PatientBirthDate=""
    )
    settle(hospital, tmp_path)

    assert not hospital.is_published(study.uid)


def test_given_a_correction_of_demographics_then_a_waiting_study_is_looked_at_again(
    hospital: Hospital, tmp_path: Path
) -> None:
    """The images carry the right name and birth date, the order came with wrong ones."""
    right = new_patient(family="PHAM", birth_date="19500101")
    wrong = replace(right, family="LAM", birth_date="19991231")
    order = new_order(wrong)
    hospital.place(orm(order))
    study = stored(hospital, replace(order, patient=right), tmp_path)
    settle(hospital, tmp_path)
    assert not hospital.is_published(study.uid)

    hospital.place(adt_update(right))

    assert accession_of(hospital.published_complete(study)) == order.accession


def test_given_one_performed_step_for_two_orders_then_its_study_serves_both(
    hospital: Hospital, tmp_path: Path
) -> None:
    """The group case: the images carry the numbers of one order, the MPPS names both."""
    one = new_order()
    other = new_order(one.patient)
    hospital.place(omi(one, other))
    step = hospital.start_step(one, other)
    study = stored(hospital, one, tmp_path)
    hospital.end_step(step, study)

    found = hospital.published_complete(study)

    assert accessions_of(found) == sorted([one.accession, other.accession])
    assert hospital.worklist(AccessionNumber=other.accession) == []


def test_given_two_orders_that_a_ris_schedules_as_one_study_then_it_serves_both(
    hospital: Hospital, tmp_path: Path
) -> None:
    one = new_order()
    other = replace(new_order(one.patient), study_uid=one.study_uid)
    hospital.place(omi(one))
    hospital.place(omi(other))
    study = stored(hospital, one, tmp_path)

    found = hospital.published_complete(study)

    assert accessions_of(found) == sorted([one.accession, other.accession])
