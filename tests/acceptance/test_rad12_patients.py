"""RAD-12, Patient Update: ADT^A08 renames, ADT^A40 merges."""

from __future__ import annotations

from dataclasses import replace

from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import adt_merge, adt_update, new_order, new_patient, omi, orm


def test_given_a_rename_then_every_entry_of_the_patient_shows_the_new_name(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    orders = [new_order(patient), new_order(patient)]
    hospital.place(orm(*orders))
    hospital.place(adt_update(replace(patient, family="LE", birth_date="19811231", sex="M")))

    for order in orders:
        entry = hospital.entry(order)
        assert entry.PatientName == "LE^BINH^THI"
        assert (entry.PatientBirthDate, entry.PatientSex) == ("19811231", "M")
    assert len(hospital.worklist(PatientID=patient.id, PatientName="LE*")) == len(orders)
    assert hospital.worklist(PatientID=patient.id, PatientName="TRAN*") == []


def test_given_a_merge_then_the_worklist_shows_the_survivor(hospital: Hospital) -> None:
    survivor, retired = new_patient(family="NGO"), new_patient(family="DO")
    order = new_order(retired)
    hospital.place(omi(order))
    hospital.place(adt_merge(survivor, [retired]))

    entry = hospital.entry(order)

    assert entry.PatientID == survivor.id
    assert entry.PatientName == survivor.person_name
    assert hospital.worklist(PatientID=survivor.id) != []


def test_given_several_merges_in_one_message_then_all_of_them_count(hospital: Hospital) -> None:
    survivor = new_patient()
    retired = [new_patient(), new_patient()]
    orders = [new_order(patient) for patient in retired]
    for order in orders:
        hospital.place(orm(order))
    hospital.place(adt_merge(survivor, retired))

    found = {item.AccessionNumber for item in hospital.worklist(PatientID=survivor.id)}

    assert found == {order.accession for order in orders}


def test_given_a_merge_when_an_order_names_the_retired_number_then_it_is_the_survivors(
    hospital: Hospital,
) -> None:
    survivor, retired = new_patient(), new_patient()
    hospital.place(orm(new_order(retired)))
    hospital.place(adt_merge(survivor, [retired]))
    late = new_order(retired)
    hospital.place(orm(late))

    assert hospital.entry(late).PatientID == survivor.id


def test_given_a_merge_of_a_patient_nobody_knew_then_later_orders_follow_it(
    hospital: Hospital,
) -> None:
    survivor, retired = new_patient(), new_patient()
    hospital.place(adt_merge(survivor, [retired]))
    order = new_order(retired)
    hospital.place(orm(order))

    assert hospital.entry(order).PatientID == survivor.id


def test_given_a_merge_of_a_patient_with_himself_then_it_is_refused(hospital: Hospital) -> None:
    patient = new_patient()
    answer = hospital.send(adt_merge(patient, [patient]))

    assert answer["code"] == "AE"
    assert "MRG" in answer["errors"]
