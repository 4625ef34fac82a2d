"""What an EHR of some profile is asked when it is told of a study or an order: golden tests.

A test names what is told in JSON (`study`, `patient`, `order`, and the `event`) and what the server
`holds`; what comes of it are the requests, in their order. `rejected` is the code of a rejection
note that hides all of the study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.order import CodedConcept, Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.publication import (
    News,
    OrderNews,
    PublishedStudy,
    Rejected,
    Request,
    WithdrawnStudy,
)
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Instance, Series, Study, StudyState
from bridge.fhir.client import Server
from bridge.fhir.composition import Manner
from bridge.fhir.destination import (
    SPEAKABLE,
    FhirDestination,
    FhirDestinationConfiguration,
)
from bridge.fhir.endpoint import Access
from bridge.fhir.identifiers import IdentifierSystems
from bridge.fhir.rehearsal import RehearsedServer
from bridge.fhir.releases import Release
from bridge.mapping.ehr_profiles import EhrProfile, load_ehr_profile
from bridge.mapping.golden import GoldenResult, Translation, run_golden_tests
from bridge.mapping.source import Site

_WADO = Access(identifier="urn:bridge:SITE:wado-rs", address="https://bridge.example/dicom-web")
_VIEWER = "https://viewer.example/?study={study_instance_uid}"
_CT = "1.2.840.10008.5.1.4.1.1.2"


def run_tests(file: Path) -> tuple[GoldenResult, ...]:
    """The golden tests of a profile.

    Raises:
        ProfileError: the file or its profile cannot be used.
    """
    folder = file.parent.parent
    return run_golden_tests(file, folder, translate, load_ehr_profile)


def translate(profile: EhrProfile, site: Site, raw: bytes) -> Translation:
    """The requests that telling of something takes.

    Raises:
        BridgeError: it cannot be told.
    """
    said: dict[str, Any] = json.loads(raw)
    server = RehearsedServer(said.get("holds", ()))
    manner = Manner(
        release=Release(said.get("release", "R4")),
        profile=profile,
        systems=IdentifierSystems(known=profile.systems, default=site.authority.namespace),
        zone=site.zone,
        access=(_WADO,),
        viewer=_VIEWER if said.get("viewer") else "",
        source="urn:bridge:SITE",
    )
    configuration = FhirDestinationConfiguration(
        name="ehr", server=Server(url="http://127.0.0.1/fhir"), manner=manner, kinds=SPEAKABLE
    )
    news = _news(said)
    FhirDestination(configuration, server).send(_delivery(said), news)
    return server.asked


def _delivery(said: Mapping[str, Any]) -> Delivery:
    kind = EventKind(said.get("event", "study.available"))
    uid = said.get("study", {}).get("uid", "1.2.3")
    return Delivery(pk=1, destination="ehr", subject=uid, kind=kind, attempts=0, correlation=uid)


def _news(said: Mapping[str, Any]) -> News:
    kind, study = said.get("event", "study.available"), _study(said.get("study", {}))
    patient, order = _patient(said.get("patient", {})), _order(said.get("order", {}))
    if kind.startswith("study."):
        if kind == EventKind.STUDY_WITHDRAWN or "rejected" in said:
            rejected = Rejected(instances={said["rejected"]: 1}) if "rejected" in said else None
            uid = study.study_instance_uid
            return WithdrawnStudy(study_instance_uid=uid, rejected=rejected)
        requests = (Request(order=order, procedure=order.procedures[0]),)
        return PublishedStudy(study=study, patient=patient, requests=requests)
    return OrderNews(order=order, patient=patient)


def _study(said: Mapping[str, Any]) -> Study:
    uid, count = said.get("uid", "1.2.3"), int(said.get("instances", 1))
    instances = tuple(
        Instance(sop_instance_uid=f"{uid}.1.{n}", sop_class_uid=_CT, number=n, path="-")
        for n in range(1, count + 1)
    )
    series = Series(
        series_instance_uid=f"{uid}.1",
        modality=said.get("modality", "CT"),
        number=1,
        attributes=said.get("of_series", {}),
        instances=instances,
    )
    return Study(
        pk=1,
        study_instance_uid=uid,
        state=StudyState.AVAILABLE,
        patient_id=None,
        patient_name="",
        accession=None,
        attributes=said.get("attributes", {"StudyDate": "20260102", "StudyTime": "101112"}),
        request_attributes=(),
        performed_step_uids=(),
        series=(series,) if count else (),
    )


def _patient(said: Mapping[str, Any]) -> Patient:
    identifier = Identifier(
        said.get("id", "P1"), Authority(said.get("authority", "HOSP")), said.get("type", "MR")
    )
    attributes = said.get("attributes", {"PatientName": "DOE^JANE", "PatientSex": "F"})
    return Patient(pk=1, identifiers=(identifier,), attributes=attributes)


def _order(said: Mapping[str, Any]) -> Order:
    authority = Authority(said.get("authority", "HOSP"))
    status = StepStatus(said.get("status", "COMPLETED"))
    step = Step(
        pk=1,
        sps_id="S1",
        status=status,
        modality="CT",
        station_ae_titles=(),
        start_date="20260102",
        start_time="1000",
        protocol_codes=(),
        attributes={},
    )
    procedure = Procedure(
        pk=1,
        rp_id="R1",
        study_instance_uid=said.get("study", "1.2.3"),
        code=CodedConcept("36643-5", "LN", "XR Chest 2 Views"),
        attributes={},
        steps=(step,),
    )
    numbers = OrderNumbers(
        accession=Identifier(said.get("accession", "A1"), authority),
        placer=Identifier(said["placer"], authority) if "placer" in said else None,
    )
    return Order(
        pk=1,
        patient_pk=1,
        numbers=numbers,
        attributes={},
        procedures=(procedure,),
        source="",
        occurred_at="",
    )
