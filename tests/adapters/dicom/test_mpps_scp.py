"""Given a modality at work, when it reports its steps, then they are recorded by the rules."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.presentation import build_context

from bridge.dicom.scu import (
    RequestFailed,
    associated,
    create_performed_step,
    set_performed_step,
)
from bridge.dicom.sop_classes import PERFORMED_STEP
from bridge.domain.errors import RequiredFieldMissing
from tests.adapters.dicom.services import RunningBridge
from tests.unit.dicom.test_worklist_query import of

UID = "1.2.3.9"


def begun(status: str = "IN PROGRESS") -> Dataset:
    scheduled = of(StudyInstanceUID="1.2.3", AccessionNumber="A1", ScheduledProcedureStepID="SPS1")
    return of(
        ScheduledStepAttributesSequence=[scheduled],
        PatientName="NGUYỄN^ÁNH^VĂN",
        SpecificCharacterSet="ISO_IR 192",
        Modality="CT",
        PerformedProcedureStepID="PPS1",
        PerformedProcedureStepStatus=status,
    )


def ended(status: str = "COMPLETED") -> Dataset:
    series = of(
        SeriesInstanceUID="1.2.3.1",
        ReferencedImageSequence=[of(ReferencedSOPInstanceUID="1.2.3.1.1")],
    )
    return of(PerformedProcedureStepStatus=status, PerformedSeriesSequence=[series])


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_given_a_step_that_begins_and_ends_then_both_are_recorded(
    bridge: RunningBridge, syntax: str
) -> None:
    with associated(bridge.remote, [build_context(PERFORMED_STEP, syntax)]) as association:
        status, _ = association.send_n_create(begun(), PERFORMED_STEP, UID)
        assert status.Status == 0x0000
        report = bridge.performed_steps.steps[UID]
        assert report.scheduled[0].sps_id == "SPS1"
        assert report.patient_name == "NGUYỄN^ÁNH^VĂN"
        status, _ = association.send_n_set(ended(), PERFORMED_STEP, UID)
        assert status.Status == 0x0000
        assert bridge.performed_steps.steps[UID].instances == {"1.2.3.1.1": "1.2.3.1"}


def test_given_no_sop_instance_uid_then_one_is_assigned(bridge: RunningBridge) -> None:
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_create(begun(), PERFORMED_STEP, None)
    (assigned,) = bridge.performed_steps.steps
    assert status.Status == 0x0000
    assert assigned.startswith("2.25.")


def test_given_a_step_that_is_known_then_it_is_not_created_again(bridge: RunningBridge) -> None:
    create_performed_step(bridge.remote, UID, begun())
    with pytest.raises(RequestFailed, match="0111 the step is known"):
        create_performed_step(bridge.remote, UID, begun())


def test_given_a_step_that_begins_as_completed_then_it_is_refused(bridge: RunningBridge) -> None:
    with pytest.raises(RequestFailed, match="0106"):
        create_performed_step(bridge.remote, UID, begun("COMPLETED"))


def test_given_an_unknown_step_then_it_cannot_go_on(bridge: RunningBridge) -> None:
    with pytest.raises(RequestFailed, match="0112"):
        set_performed_step(bridge.remote, UID, ended())


def test_given_a_step_that_has_ended_then_the_answer_is_the_standards_own(
    bridge: RunningBridge,
) -> None:
    create_performed_step(bridge.remote, UID, begun())
    set_performed_step(bridge.remote, UID, ended())
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_set(ended("DISCONTINUED"), PERFORMED_STEP, UID)
    assert (status.Status, status.ErrorID) == (0x0110, 0xA710)
    assert status.ErrorComment == "Performed Procedure Step Object may no longer be updated"


@pytest.mark.parametrize(
    ("error", "said"),
    [(RequiredFieldMissing("no study"), "0120 no study"), (KeyError("x"), "0110 internal error")],
)
def test_given_it_cannot_be_recorded_then_the_status_says_why(
    bridge: RunningBridge, error: Exception, said: str
) -> None:
    bridge.performed_steps.error = error
    with pytest.raises(RequestFailed, match=said):
        create_performed_step(bridge.remote, UID, begun())


def test_given_an_n_get_then_it_is_not_offered(bridge: RunningBridge) -> None:
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_get([Tag(0x00100020)], PERFORMED_STEP, UID)
    assert status.Status == 0x0211
