"""Reports: noted, or the sign that an examination is complete."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.domain.journal import Disposition
from bridge.domain.order import Category, CodedConcept, ProcedureDetails
from bridge.domain.result import ResultReported
from tests.unit.services.core import Core, numbers, order, patient, procedure

T1, T2, T3 = "20260105110000", "20260105120000", "20260105130000"
REPORT_CODE = CodedConcept("18748-4", "LN", "Diagnostic imaging study")


def result(
    accession: str = "A1", placer: str = "", filler: str = "", uid: str = "", **more: Any
) -> ResultReported:
    usual: dict[str, Any] = {"patient": patient(), "status": "F", "completes": True}
    return ResultReported(
        numbers=numbers(accession, placer, filler), study_instance_uid=uid, **{**usual, **more}
    )


@pytest.mark.parametrize(
    "named",
    [
        {"accession": "A1"},
        {"accession": "", "placer": "N1"},
        {"accession": "", "filler": "F1"},
        {"accession": "", "uid": "1.2.1"},
        {"accession": "A9", "uid": "1.2.1"},
    ],
)
def test_given_a_report_that_completes_then_its_order_is_complete(
    core: Core, named: dict[str, str]
) -> None:
    core.place(order(placer="N1", filler="F1"))
    core.place(result(**named))
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_a_status_that_completes_nothing_then_it_is_noted(core: Core) -> None:
    core.place(order())
    assert core.send(result(completes=False)).disposition is Disposition.NOTED
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_no_such_order_then_it_waits_and_makes_none(core: Core) -> None:
    assert core.send(result()).disposition is Disposition.PARKED
    assert core.worklist() == []
    core.place(order())
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_no_such_study_then_it_waits_for_it(core: Core) -> None:
    assert core.send(result("", uid="1.2.1")).disposition is Disposition.PARKED
    core.place(order())
    assert core.statuses() == {"S1": "COMPLETED"}


def test_given_a_result_that_is_not_of_imaging_then_it_does_not_wait(core: Core) -> None:
    assert core.send(result(category=Category.OTHER)).disposition is Disposition.NOTED


def test_given_a_laboratory_result_under_the_number_of_an_examination_then_it_is_not_complete(
    core: Core,
) -> None:
    core.place(order(placer="N1"))
    sodium = ProcedureDetails(code=CodedConcept("NA", "L", "Sodium"))
    lab = result(placer="N1", category=Category.OTHER, procedure=sodium)
    assert core.send(lab).disposition is Disposition.NOTED
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_report_on_one_procedure_of_several_then_the_others_are_open(core: Core) -> None:
    parts = (procedure("1.2.1", "R1", code="CTHEAD"), procedure("1.2.2", "R2", code="CTNECK"))
    core.place(order("NW", *parts))
    neck = ProcedureDetails(code=CodedConcept("CTNECK", "99HOSP"))
    core.place(result(procedure=neck))
    assert [item["code"] for item in core.worklist()] == ["CTHEAD"]


def test_given_a_report_under_a_code_of_its_own_then_all_of_the_order_is_reported(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2", code="CTNECK")))
    core.place(result(procedure=ProcedureDetails(code=REPORT_CODE)))
    assert core.worklist() == []


def test_given_a_report_on_a_procedure_that_the_order_does_not_have_then_it_is_told(
    core: Core,
) -> None:
    core.place(order("NW", procedure("1.2.1", "R1"), procedure("1.2.2", "R2", code="CTNECK")))
    answer = core.send(result(procedure=ProcedureDetails(rp_id="R9")))
    assert answer.disposition is Disposition.NOTED
    assert core.warnings() == ["OBR^1: the order has no such procedure; nothing is completed"]
    assert len(core.worklist()) == 2


def test_given_the_order_of_another_patient_then_it_is_not_completed(core: Core) -> None:
    core.place(order())
    core.send(result(patient=patient("P2")))
    assert core.statuses() == {"S1": "SCHEDULED"}


def test_given_a_report_again_then_it_changes_nothing(core: Core) -> None:
    core.place(order(at=T1), result(occurred_at=T2))
    assert core.send(result(occurred_at=T2)).disposition is Disposition.STALE
    assert core.statuses() == {"S1": "COMPLETED"}
