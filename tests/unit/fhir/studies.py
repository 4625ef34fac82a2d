"""Published studies to make resources of. Every patient is made up."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept, Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.publication import PublishedStudy, Request
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Instance, Series, Study, StudyState

HOSP = Authority("HOSP")
A1 = Identifier("A1", HOSP)
PL1 = Identifier("PL1", Authority("KIS"))
CHEST = CodedConcept("36643-5", "LN", "XR Chest 2 Views")
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def a_series(
    uid: str = "1.2.3.1",
    modality: str = "CT",
    number: int | None = 1,
    instances: int = 2,
    **attributes: str,
) -> Series:
    return Series(
        series_instance_uid=uid,
        modality=modality,
        number=number,
        attributes=attributes,
        instances=tuple(
            Instance(sop_instance_uid=f"{uid}.{i}", sop_class_uid=CT_IMAGE, number=i, path="-")
            for i in range(1, instances + 1)
        ),
    )


def a_study(*series: Series, uid: str = "1.2.3", **attributes: str) -> Study:
    return Study(
        pk=1,
        study_instance_uid=uid,
        state=StudyState.AVAILABLE,
        patient_id=Identifier("P1", HOSP),
        patient_name="NGUYEN^VAN^ANH",
        accession=Identifier("A1", HOSP),
        attributes=attributes,
        request_attributes=(),
        performed_step_uids=(),
        series=series,
    )


def a_patient(value: str = "P1", **attributes: str) -> Patient:
    known = attributes or {
        "PatientName": "NGUYỄN VĂN ÁNH",
        "PatientBirthDate": "19800102",
        "PatientSex": "M",
    }
    return Patient(pk=1, identifiers=(Identifier(value, HOSP, "MR"),), attributes=known)


def a_request(
    pk: int = 1,
    accession: Identifier | None = A1,
    placer: Identifier | None = PL1,
    code: CodedConcept | None = CHEST,
    status: StepStatus = StepStatus.COMPLETED,
    of_order: Mapping[str, str] | None = None,
    **of_procedure: str,
) -> Request:
    step = Step(
        pk=pk,
        sps_id="S1",
        status=status,
        modality="CT",
        station_ae_titles=(),
        start_date="20240102",
        start_time="",
        protocol_codes=(),
        attributes={},
    )
    procedure = Procedure(
        pk=pk,
        rp_id="R1",
        study_instance_uid="1.2.3",
        code=code,
        attributes=of_procedure,
        steps=(step,),
    )
    order = Order(
        pk=pk,
        patient_pk=1,
        numbers=OrderNumbers(accession=accession, placer=placer),
        attributes=of_order or {},
        procedures=(procedure,),
        source="KIS|HOSP",
        occurred_at="",
    )
    return Request(order=order, procedure=procedure)


def published(
    study: Study | None = None,
    patient: Patient | None = None,
    requests: tuple[Request, ...] | None = None,
    last_content_hash: str = "",
) -> PublishedStudy:
    return PublishedStudy(
        study=study or a_study(a_series(), StudyDate="20240102", StudyTime="101112"),
        patient=patient or a_patient(),
        requests=(a_request(),) if requests is None else requests,
        last_content_hash=last_content_hash,
    )


def a_delivery(subject: str = "study:1.2.3", attempts: int = 0) -> Delivery:
    return Delivery(
        pk=1,
        destination="ehr",
        subject=subject,
        kind=EventKind.STUDY_AVAILABLE,
        attempts=attempts,
        correlation="1.2.3",
    )
