"""Given an error, when the peer is told, then it is told by the standard's status and a reason."""

import logging

import pytest

from bridge.dicom.statuses import PERFORMED_STEP, STORAGE, WORKLIST, Table, failure
from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    RequiredFieldMissing,
    ResourceBusy,
    StorageFull,
)
from bridge.domain.performed_step import (
    DuplicatePerformedStep,
    InvalidPerformedStepStatus,
    NoSuchPerformedStep,
    PerformedStepFinal,
)


@pytest.mark.parametrize(
    ("table", "error", "status"),
    [
        (STORAGE, StorageFull("no room"), 0xA700),
        (STORAGE, ResourceBusy("locked"), 0xA700),
        (STORAGE, RequiredFieldMissing("StudyInstanceUID is missing"), 0xA900),
        (STORAGE, DataTypeError("not a data set"), 0xA900),
        (STORAGE, BridgeError("something else"), 0xC000),
        (WORKLIST, ResourceBusy("locked"), 0xA700),
        (WORKLIST, DataTypeError("no date"), 0xA900),
        (WORKLIST, BridgeError("something else"), 0xC100),
        (PERFORMED_STEP, DuplicatePerformedStep("held"), 0x0111),
        (PERFORMED_STEP, NoSuchPerformedStep("unknown"), 0x0112),
        (PERFORMED_STEP, InvalidPerformedStepStatus("DONE"), 0x0106),
        (PERFORMED_STEP, ResourceBusy("locked"), 0x0213),
        (PERFORMED_STEP, BridgeError("something else"), 0x0110),
    ],
)
def test_given_an_error_then_its_status_and_comment_are_told(
    table: Table, error: BridgeError, status: int
) -> None:
    answer = failure(error, table, "CT01@127.0.0.1")
    assert (answer.Status, answer.ErrorComment) == (status, error.message)


def test_given_a_final_step_then_the_answer_is_the_standards_own() -> None:
    answer = failure(PerformedStepFinal("final"), PERFORMED_STEP, "CT01@127.0.0.1")
    assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"


def test_given_a_long_comment_then_it_is_cut_to_what_lo_holds() -> None:
    answer = failure(DataTypeError("é\\" + "x" * 100), STORAGE, "CT01")
    assert answer.ErrorComment == "/" + "x" * 63


def test_given_an_unforeseen_error_then_the_peer_hears_and_the_log_has_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = failure(ZeroDivisionError("oh"), STORAGE, "CT01@127.0.0.1")
    assert (answer.Status, answer.ErrorComment) == (0xC000, "internal error")
    assert caplog.records[0].exc_info is not None
