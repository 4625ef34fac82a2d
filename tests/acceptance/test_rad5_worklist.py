"""RAD-5, Query Modality Worklist (PS3.4 Annex K), asked by dcmtk, Orthanc and dcmjs-dimse."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.acceptance.conftest import NewHospital
from tests.acceptance.hospital import Hospital
from tests.acceptance.orders import ZONE, Order, Patient, Step, new_order, new_patient, omi
from tests.peers.dcmtk import STEP
from tests.peers.orthanc import Orthanc

DATE = STEP + "ScheduledProcedureStepStartDate"
TIME = STEP + "ScheduledProcedureStepStartTime"
STATION = STEP + "ScheduledStationAETitle"
MODALITY = STEP + "Modality"
# PS3.4 Table K.6-1, return types 1 and 1C: never empty on the wire.
NEVER_EMPTY = ("PatientName", "PatientID", "StudyInstanceUID", "RequestedProcedureID")
NEVER_EMPTY_IN_STEP = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
    "ScheduledProcedureStepID",
)


def day(offset: int) -> str:
    return (datetime.now(ZONE) + timedelta(days=offset)).strftime("%Y%m%d")


class Schedule:
    """A day and a half of one patient's steps: who is scheduled where and when."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self.patient: Patient = new_patient(family="NGUYEN", given="VAN", middle="")
        self.early_ct = self._place("CT01", "CT", day(0), "080000")
        self.late_ct = self._place("CT02", "CT", day(0), "200000")
        self.mr = self._place("MR01", "MR", day(0), "120000")
        self.tomorrow_ct = self._place("CT01", "CT", day(1), "090000")

    def _place(self, station: str, modality: str, date: str, time: str) -> Order:
        order = new_order(self.patient)
        step = Step(id=order.step.id, modality=modality, station=station)
        order = replace(order, date=date, time=time, steps=(step,))
        self._hospital.place(omi(order))
        return order

    def find(self, **keys: str) -> set[str]:
        """Give the accession numbers that the worklist shows of this patient."""
        items = self._hospital.worklist(**({"PatientID": self.patient.id} | keys))
        return {item.AccessionNumber for item in items}


@pytest.fixture(scope="module")
def schedule(shared_hospital: Hospital) -> Schedule:
    return Schedule(shared_hospital)


def test_given_a_patient_id_then_all_of_the_patients_steps_are_found(schedule: Schedule) -> None:
    everything = {schedule.early_ct, schedule.late_ct, schedule.mr, schedule.tomorrow_ct}
    assert schedule.find() == {order.accession for order in everything}


def test_given_a_station_then_only_its_steps_are_found(schedule: Schedule) -> None:
    found = schedule.find(**{STATION: "CT02"})
    assert found == {schedule.late_ct.accession}


def test_given_a_modality_then_only_its_steps_are_found(schedule: Schedule) -> None:
    assert schedule.find(**{MODALITY: "MR"}) == {schedule.mr.accession}


def test_given_a_date_then_only_its_steps_are_found(schedule: Schedule) -> None:
    assert schedule.find(**{DATE: day(1)}) == {schedule.tomorrow_ct.accession}


def test_given_a_range_of_dates_then_both_ends_belong_to_it(schedule: Schedule) -> None:
    assert schedule.find(**{DATE: f"{day(0)}-{day(1)}"}) == schedule.find()
    assert schedule.find(**{DATE: f"{day(1)}-"}) == {schedule.tomorrow_ct.accession}
    assert schedule.find(**{DATE: f"-{day(0)}"}) == schedule.find() - {
        schedule.tomorrow_ct.accession
    }


def test_given_ranges_of_date_and_time_then_they_are_one_interval(schedule: Schedule) -> None:
    """From today 10:00 to tomorrow 10:00, not 10:00 to 10:00 of each day (PS3.4 K.6.1.2.2)."""
    keys = {DATE: f"{day(0)}-{day(1)}", TIME: "100000-100000"}
    everything_but_early = schedule.find() - {schedule.early_ct.accession}
    assert schedule.find(**keys) == everything_but_early


def test_given_one_date_and_a_range_of_times_then_both_must_hold(schedule: Schedule) -> None:
    keys = {DATE: day(0), TIME: "073000-1259"}
    assert schedule.find(**keys) == {schedule.early_ct.accession, schedule.mr.accession}


@pytest.mark.parametrize("key", ["NGUYEN*", "NGUYEN^V?N", "*VAN*", "nguyen*"])
def test_given_a_wildcard_of_the_name_then_it_matches(schedule: Schedule, key: str) -> None:
    assert schedule.find(PatientName=key) == schedule.find()


def test_given_a_name_that_nobody_has_then_the_answer_is_success_alone(hospital: Hospital) -> None:
    found = hospital.modality().find({"PatientName": "NOBODY^AT^ALL"})
    assert (found.status, found.items) == ("Success", [])


def test_then_no_response_has_more_than_one_step_or_an_empty_type_1(
    hospital: Hospital, schedule: Schedule
) -> None:
    items = hospital.worklist(**{DATE: f"{day(0)}-{day(1)}"})
    assert len(items) >= len(schedule.find())
    for item in items:
        (step,) = item.ScheduledProcedureStepSequence
        assert all(item.get(keyword) for keyword in NEVER_EMPTY), item
        assert all(step.get(keyword) for keyword in NEVER_EMPTY_IN_STEP), item
        assert item.get("RequestedProcedureDescription") or item.get(
            "RequestedProcedureCodeSequence"
        )
        assert step.get("ScheduledProcedureStepDescription") or step.get(
            "ScheduledProtocolCodeSequence"
        )


def test_given_few_return_keys_then_the_response_holds_no_others(
    hospital: Hospital, schedule: Schedule
) -> None:
    keys = {"PatientID": schedule.patient.id, "StudyInstanceUID": "", MODALITY: "MR"}
    (item,) = hospital.modality().find(keys, only=True).items

    allowed = {"PatientID", "StudyInstanceUID", "ScheduledProcedureStepSequence"}
    # PS3.4 K.4.1.1.3 lets the responder say the character set and the time zone.
    allowed |= {"SpecificCharacterSet", "TimezoneOffsetFromUTC"}
    assert {element.keyword for element in item} <= allowed
    assert [element.keyword for element in item.ScheduledProcedureStepSequence[0]] == ["Modality"]
    assert item.StudyInstanceUID == schedule.mr.study_uid


def test_given_an_empty_sequence_key_then_the_whole_step_comes(
    hospital: Hospital, schedule: Schedule
) -> None:
    order = schedule.mr
    keys = {"AccessionNumber": order.accession, "ScheduledProcedureStepSequence": ""}
    (item,) = hospital.modality().find(keys, only=True).items
    (step,) = item.ScheduledProcedureStepSequence
    assert all(step.get(keyword) for keyword in NEVER_EMPTY_IN_STEP)


def test_given_an_identifier_of_dump2dcm_then_it_is_answered(
    hospital: Hospital, schedule: Schedule
) -> None:
    query = f"""
(0008,0005) CS [ISO_IR 192]
(0008,0050) SH []
(0010,0010) PN [NGUYỄN*]
(0010,0020) LO [{schedule.patient.id}]
(0040,0100) SQ
(fffe,e000) na
(0040,0001) AE [CT01]
(0040,0002) DA [{day(0)}]
(0040,0003) TM []
(fffe,e00d) na
(fffe,e0dd) na
"""
    found = hospital.modality().find(query=query)
    assert [item.AccessionNumber for item in found.items] == [schedule.early_ct.accession]


def test_given_a_cancel_then_the_answer_ends_early_and_the_bridge_serves_on(
    hospital: Hospital,
) -> None:
    patient = new_patient()
    for _ in range(4):
        hospital.place(omi(*[new_order(patient) for _ in range(50)]))
    found = hospital.modality().find({"PatientID": patient.id}, cancel_after=1)

    # The cancel may come after the last answer (PS3.4 C.4.1.3.2): then it is too late.
    assert found.status in {"Canceled", "Success"} or "Cancel" in found.status, found.output
    assert len(hospital.worklist(PatientID=patient.id)) == 200


def test_given_more_matches_than_one_pdu_holds_then_all_of_them_come(hospital: Hospital) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(120)]
    for start in range(0, len(orders), 40):
        hospital.place(omi(*orders[start : start + 40]))

    found = hospital.worklist(PatientID=patient.id)

    assert {item.StudyInstanceUID for item in found} == {order.study_uid for order in orders}


def test_given_orthanc_then_it_sees_the_same_entries(schedule: Schedule, orthanc: Orthanc) -> None:
    items = orthanc.find_worklist(
        {
            "PatientID": schedule.patient.id,
            "PatientName": "NGUYEN*",
            "AccessionNumber": "",
            "ScheduledProcedureStepSequence": [{"Modality": "CT", "ScheduledStationAETitle": ""}],
        }
    )
    found = {item["AccessionNumber"] for item in items}
    assert found == schedule.find(**{MODALITY: "CT"})
    assert orthanc.echo()


def test_given_dcmjs_then_its_return_keys_do_not_filter(
    hospital: Hospital, schedule: Schedule
) -> None:
    """Its default query asks for Pregnancy Status 0, a key that is only to be returned."""
    elements = {
        "PatientID": schedule.patient.id,
        "ScheduledProcedureStepSequence": [{"Modality": "MR"}],
    }
    items = hospital.mpps.worklist(hospital.bridge.dicom_port, elements)
    assert [item["StudyInstanceUID"] for item in items] == [schedule.mr.study_uid]


def test_given_an_echo_then_it_is_answered(hospital: Hospital) -> None:
    assert hospital.modality().echo()
    assert hospital.mpps.echo(hospital.bridge.dicom_port) == 0x0000


def test_given_a_station_that_is_unknown_then_its_echo_is_answered_too(hospital: Hospital) -> None:
    assert hospital.modality("NEVERSEEN").echo()


def test_given_only_known_peers_then_a_stranger_gets_no_association(
    new_hospital: NewHospital,
) -> None:
    hospital = new_hospital(dicom={"unknown_peers": "reject", "peers": [{"ae_title": "CT01"}]})
    order = new_order()
    hospital.place(omi(order))

    assert hospital.entry(order).PatientID == order.patient.id
    assert not hospital.modality("STRANGER").echo()
    assert hospital.modality("STRANGER").find().items == []


def test_given_pools_locations_and_quirks_then_each_station_sees_its_part_in_its_way(
    new_hospital: NewHospital,
) -> None:
    shown = {"filter_by_calling_ae": True}
    peers = [
        {"ae_title": "CT01", "pools": ["CTPOOL"], "modalities": ["CT"], "worklist": shown},
        {
            "ae_title": "CT02",
            "pools": ["CTPOOL"],
            "modalities": ["CT"],
            "worklist": shown,
            "quirks": {"profile": "ascii-short", "own_station": True},
        },
        {"ae_title": "MR01", "modalities": ["MR"], "worklist": shown | {"days_ahead": 0}},
    ]
    hospital = new_hospital(dicom={"peers": peers})
    patient = new_patient(family="NGUYỄN", given="PHƯỢNG", middle="THỊ ĐẶNG")

    def place(station: str, modality: str, date: str) -> str:
        order = new_order(patient)
        step = Step(id=order.step.id, modality=modality, station=station)
        hospital.place(omi(replace(order, date=date, steps=(step,))))
        return order.accession

    pooled = place("CTPOOL", "CT", day(0))
    second = place("CT02", "CT", day(0))
    anywhere = place("", "MR", day(0))
    later = place("MR01", "MR", day(3))

    def seen(title: str, **keys: str) -> set[str]:
        return {item.AccessionNumber for item in hospital.modality(title).find(keys).items}

    assert seen("CT01") == seen("CT02") == {pooled, second}
    assert seen("CT01", **{STATION: "CT01"}) == {pooled, second}
    assert seen("MR01") == {anywhere}
    assert seen("MR01", **{DATE: day(3)}) == seen("MR01", AccessionNumber=later) == {later}
    assert seen("OTHER") == {pooled, second, anywhere, later}
    (item,) = hospital.modality("CT02").find({"AccessionNumber": pooled}).items
    assert str(item.PatientName) == "NGUYEN^PHUONG^TH"
    assert item.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT02"
