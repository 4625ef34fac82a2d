"""A worklist entry with everything in it, for the tests of this room. All persons are made up."""

from __future__ import annotations

from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept, Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.step_status import StepStatus
from bridge.domain.worklist import WorklistEntry

HOSPITAL = Authority("HOSP", "1.2.3.4", "ISO")


def full_entry(number: int = 1, name: str = "NGUYỄN^ÁNH^VĂN") -> WorklistEntry:
    return WorklistEntry(
        patient=a_patient(number, name),
        order=an_order(number),
        procedure=a_procedure(number),
        step=a_step(number),
    )


def a_patient(number: int = 1, name: str = "NGUYỄN^ÁNH^VĂN") -> Patient:
    return Patient(
        pk=number,
        identifiers=(
            Identifier(f"P{number}", HOSPITAL, "MR"),
            Identifier("0123456789", Authority("BHYT"), "NH"),
        ),
        attributes={
            "PatientName": name,
            "PatientBirthDate": "19800101",
            "PatientSex": "M",
            "PatientWeight": "62.5",
            "PatientSize": "1.68",
            "MedicalAlerts": "PACEMAKER",
            "Allergies": "PENICILLIN\\LATEX",
            "PregnancyStatus": "4",
        },
    )


def an_order(number: int = 1) -> Order:
    return Order(
        pk=number,
        patient_pk=number,
        numbers=OrderNumbers(
            accession=Identifier(f"A{number}", HOSPITAL),
            placer=Identifier(f"PL{number}", Authority("HIS")),
            filler=Identifier(f"FL{number}", Authority("", "1.2.9", "ISO")),
        ),
        attributes={
            "ReferringPhysicianName": "TRAN^B^VAN",
            "RequestingPhysician": "LE^C^THI",
            "AdmissionID": "V1",
            "CurrentPatientLocation": "WARD^1^2",
        },
        procedures=(),
        source="HIS|HOSP",
        occurred_at="20261124010203",
    )


def a_procedure(number: int = 1) -> Procedure:
    return Procedure(
        pk=number,
        rp_id=f"RP{number}",
        study_instance_uid=f"2.25.{number}",
        code=CodedConcept("CTABD", "99HOSP", "CT abdomen"),
        attributes={
            "RequestedProcedureDescription": "CT abdomen with contrast",
            "RequestedProcedurePriority": "ROUTINE",
            "ReasonForTheRequestedProcedure": "pain",
            "RequestedProcedureComments": "first line\r\nsecond line",
            "PatientTransportArrangements": "WHEELCHAIR",
        },
        steps=(),
    )


def a_step(number: int = 1) -> Step:
    return Step(
        pk=number,
        sps_id=f"SPS{number}",
        status=StepStatus.SCHEDULED,
        modality="CT",
        station_ae_titles=("CT01", "CT02"),
        start_date="20261124",
        start_time="083000",
        protocol_codes=(CodedConcept("ABD1", "99HOSP", "abdomen"),),
        attributes={
            "ScheduledProcedureStepDescription": "abdomen",
            "ScheduledStationName": "CT-1",
            "ScheduledProcedureStepLocation": "ROOM1",
            "ScheduledPerformingPhysicianName": "DO^TOR",
        },
    )
