"""Events as JSON: what they say, and that they say no patient data."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from bridge.broadcast.events import sign, write_event
from bridge.domain.delivery import Delivery, EventKind
from bridge.domain.identifiers import Identifier
from bridge.domain.matching import (
    Evidence,
    Key,
    MatchDecision,
    Outcome,
    PatientAgreement,
    RankedCandidate,
    Verdict,
)
from bridge.domain.order import Order, OrderNumbers, Procedure, Step
from bridge.domain.patient import Patient
from bridge.domain.publication import (
    ArrivingStudy,
    DecidedStudy,
    News,
    OrderNews,
    PublishedStudy,
    Rejected,
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


CANDIDATE = RankedCandidate(
    procedure_pk=1,
    number="A1",
    keys=(Key.STUDY_INSTANCE_UID, Key.ACCESSION_NUMBER),
    agreement=PatientAgreement.SAME,
    score=90,
    evidence=(Evidence("PatientName", "TRAN^ANH", "TRAN^ANH", Verdict.AGREES),),
)
REQUEST = Request(order=ORDER, procedure=PROCEDURE)


def decided(**said: Any) -> DecidedStudy:
    usual: dict[str, Any] = {"outcome": Outcome.MATCHED, "reason": "they agree"}
    decision = MatchDecision(procedure_pks=(1,), candidates=(CANDIDATE,), **{**usual, **said})
    return DecidedStudy(
        study=STUDY, decision=decision, decided_at=1_767_600_000.0, requests=(REQUEST,)
    )


def test_given_a_decision_then_it_says_which_by_whom_and_what_led_to_it() -> None:
    data = event(decided(), EventKind.MATCH_DECIDED)["data"]
    assert (data["studyInstanceUid"], data["decision"]) == ("1.2.1", "matched")
    assert (data["decidedBy"], data["person"], data["reason"]) == ("rule", "", "they agree")
    assert data["decidedAt"] == "2026-01-05T08:00:00.000+00:00"
    assert [each["placerOrderNumber"] for each in data["orders"]] == ["P-77"]
    (candidate,) = data["candidates"]
    assert (candidate["number"], candidate["patient"]) == ("A1", "same")
    assert candidate["keys"] == ["Study Instance UID", "Accession Number"]
    assert candidate["evidence"] == [{"field": "PatientName", "verdict": "agrees"}]


def test_given_a_person_decided_then_it_says_who_and_keeps_their_reason_to_itself() -> None:
    news = decided(decided_by="operator dr.an", reason="it is TRAN, of course")
    data = event(news, EventKind.MATCH_DECIDED)["data"]
    assert (data["decidedBy"], data["person"], data["reason"]) == ("person", "dr.an", "")


def test_given_candidates_then_none_of_them_is_its_order() -> None:
    data = event(decided(outcome=Outcome.CANDIDATES), EventKind.MATCH_DECIDED)["data"]
    assert (data["decision"], data["orders"]) == ("candidates", [])
    assert [each["number"] for each in data["candidates"]] == ["A1"]


def test_given_the_first_image_then_the_orders_are_only_expected() -> None:
    news = ArrivingStudy(study=STUDY, requests=(REQUEST,))
    data = event(news, EventKind.STUDY_FIRST_IMAGE)["data"]
    assert data["orders"] == []
    assert [each["accessionNumber"] for each in data["expectedOrders"]] == ["A1"]


def test_given_a_rejection_then_it_says_how_many_why_and_of_which_orders() -> None:
    rejected = Rejected(instances={"113001": 2})
    left = PublishedStudy(study=STUDY, patient=PATIENT, requests=(REQUEST,), rejected=rejected)
    data = event(left, EventKind.STUDY_REJECTED)["data"]
    assert data["numberOfInstances"] == 1
    assert data["rejected"] == {
        "whole": False,
        "person": "",
        "reasons": [
            {"code": "113001", "meaning": "Rejected for Quality Reasons", "numberOfInstances": 2}
        ],
        "orders": data["orders"],
    }
    assert "rejected" not in event(left, EventKind.STUDY_CHANGED)["data"]
    gone = WithdrawnStudy(
        study_instance_uid="1.2.1",
        study=STUDY,
        requests=(REQUEST,),
        rejected=Rejected(instances={}, by="dr.an"),
    )
    data = event(gone, EventKind.STUDY_REJECTED)["data"]
    assert (data["orders"], data["rejected"]["whole"], data["rejected"]["person"]) == (
        [],
        True,
        "dr.an",
    )
    assert [each["accessionNumber"] for each in data["rejected"]["orders"]] == ["A1"]


def test_given_any_news_then_no_patient_data_are_said() -> None:
    request = Request(order=ORDER, procedure=PROCEDURE)
    for news in (
        OrderNews(order=ORDER, patient=PATIENT),
        PublishedStudy(study=STUDY, patient=PATIENT, requests=(request,)),
        UnmatchedStudy(study=STUDY),
        WithdrawnStudy(study_instance_uid="1.2.1", study=STUDY),
        ArrivingStudy(study=STUDY, requests=(request,)),
        decided(decided_by="operator dr.an", reason="TRAN, born 19700101"),
    ):
        said = json.dumps(event(news))
        assert not any(text in said for text in ("TRAN", "19700101", "PID-1", "LE^HOA"))


def test_given_a_secret_then_the_signature_is_that_of_the_bytes_that_are_sent() -> None:
    expected = hmac.new(b"key", b"{}", hashlib.sha256).hexdigest()
    assert sign(b"{}", "key") == f"sha256={expected}"
