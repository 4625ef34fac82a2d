"""Events as JSON: what they say, and that they say no patient data."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from bridge.broadcast.events import sign, write_event
from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.order import Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.publication import (
    News,
    OrderNews,
    PublishedStudy,
    Request,
    UnmatchedStudy,
    WithdrawnStudy,
)
from bridge.domain.step_status import StepStatus
from bridge.domain.study import Instance, Series, Study, StudyState

STEP = Step(
    pk=1,
    sps_id="S1",
    status=StepStatus.STARTED,
    modality="CT",
    station_ae_titles=("CT01",),
    start_date="20260105",
    start_time="090000",
    protocol_codes=(),
    attributes={},
)
PROCEDURE = Procedure(
    pk=1, rp_id="R1", study_instance_uid="1.2.1", code=None, attributes={}, steps=(STEP,)
)
ORDER = Order(
    pk=7,
    patient_pk=1,
    numbers=OrderNumbers(accession=Identifier("A1"), placer=Identifier("P-77")),
    attributes={"RequestingPhysician": "LE^HOA"},
    procedures=(PROCEDURE,),
    source="KIS|HAUS",
    occurred_at="",
)
PATIENT = Patient(
    pk=1,
    identifiers=(Identifier("PID-1"),),
    aliases=(),
    attributes={"PatientName": "TRAN^ANH", "PatientBirthDate": "19700101"},
)
SERIES = Series(
    series_instance_uid="1.2.1.1",
    modality="CT",
    number=1,
    attributes={},
    instances=(Instance(sop_instance_uid="1.2.1.1.1", sop_class_uid="1", number=1, path="x"),),
)
STUDY = Study(
    pk=1,
    study_instance_uid="1.2.1",
    state=StudyState.AVAILABLE,
    patient_id=Identifier("PID-1"),
    patient_name="TRAN^ANH",
    accession=Identifier("A1"),
    attributes={},
    request_attributes=(),
    performed_step_uids=(),
    series=(SERIES,),
)


def event(news: News, kind: EventKind = EventKind.STEP_STARTED) -> dict[str, Any]:
    delivery = Delivery(
        pk=12,
        destination="hook",
        subject="order:7",
        kind=kind,
        attempts=0,
        correlation="A1",
        created_at=1_767_600_000.5,
    )
    return dict(json.loads(write_event(delivery, news, "urn:bridge:HOSP", "hook")))


def test_given_news_of_an_order_then_it_is_a_cloudevent_with_its_numbers_and_steps() -> None:
    told = event(OrderNews(order=ORDER, patient=PATIENT))
    assert told["specversion"] == "1.0"
    assert (told["id"], told["type"], told["subject"]) == ("hook-12", "bridge.step.started", "A1")
    assert told["time"] == "2026-01-05T08:00:00.500+00:00"
    assert told["data"]["placerOrderNumber"] == "P-77"
    (procedure,) = told["data"]["requestedProcedures"]
    assert procedure["scheduledProcedureSteps"][0]["status"] == "STARTED"


def test_given_a_matched_study_then_its_orders_and_counts_are_told() -> None:
    request = Request(order=ORDER, procedure=PROCEDURE)
    news = PublishedStudy(study=STUDY, patient=PATIENT, requests=(request, request))
    data = event(news, EventKind.STUDY_AVAILABLE)["data"]
    assert [each["accessionNumber"] for each in data["orders"]] == ["A1"]
    assert (data["modalities"], data["numberOfSeries"], data["numberOfInstances"]) == (["CT"], 1, 1)


def test_given_any_news_then_no_patient_data_are_said() -> None:
    request = Request(order=ORDER, procedure=PROCEDURE)
    for news in (
        OrderNews(order=ORDER, patient=PATIENT),
        PublishedStudy(study=STUDY, patient=PATIENT, requests=(request,)),
        UnmatchedStudy(study=STUDY),
        WithdrawnStudy(study_instance_uid="1.2.1", study=STUDY),
    ):
        said = json.dumps(event(news))
        assert not any(text in said for text in ("TRAN", "19700101", "PID-1", "LE^HOA"))


def test_given_a_secret_then_the_signature_is_that_of_the_bytes_that_are_sent() -> None:
    expected = hmac.new(b"key", b"{}", hashlib.sha256).hexdigest()
    assert sign(b"{}", "key") == f"sha256={expected}"
