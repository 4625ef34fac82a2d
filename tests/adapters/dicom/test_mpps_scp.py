"""Given a modality at work, when it reports its steps, then they are recorded by the rules."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import evt
from pynetdicom.presentation import build_context, build_role

from bridge.dicom.performed_step_forwarding import exchange
from bridge.dicom.performed_step_report import read_report
from bridge.dicom.scu import (
    RequestFailed,
    associated,
    create_performed_step,
    set_performed_step,
)
from bridge.dicom.sop_classes import PERFORMED_STEP, PERFORMED_STEP_RETRIEVE
from bridge.domain.errors import RequiredFieldMissing
from bridge.domain.performed_step import (
    InvalidPerformedStepStatus,
    MissingAttribute,
    MissingAttributeValue,
    NoSuchAttribute,
    Operation,
    PerformedStepMessage,
)
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


# --- what is not as it has to be


def test_given_a_refused_creation_then_its_attributes_are_named(bridge: RunningBridge) -> None:
    heard: list[Dataset] = []

    def hear(event: evt.Event) -> None:
        heard.append(event.message.command_set)

    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        association.bind(evt.EVT_DIMSE_RECV, hear)
        status, _ = association.send_n_create(begun("COMPLETED"), PERFORMED_STEP, UID)
    assert status.Status == 0x0106
    assert _listed(heard[0]) == [0x00400252]


@pytest.mark.parametrize(
    ("error", "code", "attributes"),
    [
        (MissingAttribute("x", ["StudyInstanceUID"]), 0x0120, [0x0020000D]),
        (MissingAttributeValue("x", ["Modality", "PatientID"]), 0x0121, [0x00080060, 0x00100020]),
        (NoSuchAttribute("x", ["PatientID"]), 0x0105, [0x00100020]),
        (InvalidPerformedStepStatus("x"), 0x0106, [0x00400252]),
    ],
)
def test_given_unfit_attributes_then_the_answer_lists_them(
    bridge: RunningBridge, error: Exception, code: int, attributes: list[int]
) -> None:
    bridge.performed_steps.set_error = error
    create_performed_step(bridge.remote, UID, begun())
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_set(ended(), PERFORMED_STEP, UID)
    assert status.Status == code
    assert _listed(status) == attributes


def _listed(status: Dataset) -> list[int]:
    value = status.AttributeIdentifierList
    return [int(each) for each in (value if isinstance(value, MultiValue | list) else [value])]


def test_given_attributes_that_were_passed_over_then_a_warning_lists_them(
    bridge: RunningBridge,
) -> None:
    create_performed_step(bridge.remote, UID, begun())
    bridge.performed_steps.ignored = ("PatientID",)
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_set(ended(), PERFORMED_STEP, UID)
    assert (status.Status, _listed(status)) == (0x0107, [0x00100020])


def test_given_a_device_to_which_a_warning_is_an_error_then_it_gets_none(
    bridge: RunningBridge,
) -> None:
    create_performed_step(bridge.called_by("SILENT01"), UID, begun())
    bridge.performed_steps.ignored = ("PatientID",)
    set_performed_step(bridge.called_by("SILENT01"), UID, ended())


@pytest.mark.parametrize(("title", "strict"), [("STRICT01", True), ("CT01", False)])
def test_given_a_device_then_it_is_taken_as_strictly_as_is_said_of_it(
    bridge: RunningBridge, title: str, strict: bool
) -> None:
    create_performed_step(bridge.called_by(title), UID, begun())
    assert bridge.performed_steps.strict is strict


def test_given_a_device_that_sends_no_creation_then_its_n_set_creates(
    bridge: RunningBridge,
) -> None:
    changes = ended()
    changes.update(begun())
    changes.PerformedProcedureStepStatus = "COMPLETED"
    set_performed_step(bridge.called_by("ANGIO01"), UID, changes)
    first, second = bridge.performed_steps.told[UID]
    assert (first.operation, second.operation) == (Operation.CREATE, Operation.SET)
    created = read_report(first.encoded, first.transfer_syntax_uid, UID)
    assert created.status == "IN PROGRESS"
    assert created.patient_name == "NGUYỄN^ÁNH^VĂN"
    assert bridge.performed_steps.steps[UID].status == "COMPLETED"


def test_given_a_data_set_that_cannot_be_read_then_it_is_refused_and_kept(
    bridge: RunningBridge,
) -> None:
    broken = bytes.fromhex("4000700253510000ffffffff") + b"no item here"
    with associated(bridge.remote, [build_context(PERFORMED_STEP, ExplicitVRLittleEndian)]) as a:
        message = PerformedStepMessage(
            number=1,
            operation=Operation.CREATE,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            encoded=broken,
        )
        status = exchange(a, UID, message)
    assert status.Status == 0x0110
    ((encoded, operation, _reason),) = bridge.performed_steps.refused
    assert (encoded, operation) == (broken, Operation.CREATE)


# --- Modality Performed Procedure Step Retrieve (F.8)


def retrieved(bridge: RunningBridge, *tags: int) -> tuple[int, Dataset | None]:
    with associated(bridge.remote, [build_context(PERFORMED_STEP_RETRIEVE)]) as association:
        status, found = association.send_n_get(
            [Tag(tag) for tag in tags], PERFORMED_STEP_RETRIEVE, UID
        )
    return int(status.Status), found


def test_given_a_step_then_all_of_its_newest_state_is_told(bridge: RunningBridge) -> None:
    created = begun()
    created.PerformedSeriesSequence = [of(SeriesInstanceUID="1.1")]
    create_performed_step(bridge.remote, UID, created)
    changes = ended()
    changes.PatientID = "may not be set"
    set_performed_step(bridge.remote, UID, changes)
    code, found = retrieved(bridge)
    assert code == 0x0000
    assert found is not None
    assert found.PerformedProcedureStepStatus == "COMPLETED"
    assert found.PatientName == "NGUYỄN^ÁNH^VĂN"
    assert "PatientID" not in found
    assert [each.SeriesInstanceUID for each in found.PerformedSeriesSequence] == ["1.2.3.1"]


def test_given_messages_in_several_character_sets_then_the_state_is_in_one(
    bridge: RunningBridge,
) -> None:
    create_performed_step(bridge.remote, UID, begun())
    series = of(SeriesInstanceUID="1.2.3.1", OperatorsName="Müller^Jörg")
    changes = of(SpecificCharacterSet="ISO_IR 100", PerformedSeriesSequence=[series])
    set_performed_step(bridge.remote, UID, changes)
    _, found = retrieved(bridge)
    assert found is not None
    assert found.PatientName == "NGUYỄN^ÁNH^VĂN"
    assert found.PerformedSeriesSequence[0].OperatorsName == "Müller^Jörg"


def test_given_attributes_that_are_asked_for_then_those_are_told(bridge: RunningBridge) -> None:
    create_performed_step(bridge.remote, UID, begun())
    code, found = retrieved(bridge, 0x00080060, 0x00400252)
    assert code == 0x0000
    assert found is not None
    assert {each.keyword for each in found} == {
        "Modality",
        "PerformedProcedureStepStatus",
        "SpecificCharacterSet",
    }


def test_given_attributes_that_are_not_known_then_a_warning_comes_with_the_others(
    bridge: RunningBridge,
) -> None:
    create_performed_step(bridge.remote, UID, begun())
    code, found = retrieved(bridge, 0x00080060, 0x00400310)
    assert code == 0x0001
    assert found is not None
    assert found.Modality == "CT"


def test_given_an_unknown_step_then_there_is_nothing_to_retrieve(bridge: RunningBridge) -> None:
    assert retrieved(bridge) == (0x0112, None)


@pytest.mark.parametrize("sop_class", [PERFORMED_STEP, PERFORMED_STEP_RETRIEVE])
def test_given_roles_are_proposed_then_they_are_answered(
    bridge: RunningBridge, sop_class: str
) -> None:
    roles = [build_role(sop_class, scu_role=True, scp_role=True)]
    with associated(bridge.remote, [build_context(sop_class)], roles) as association:
        (context,) = association.accepted_contexts
        assert (context.as_scu, context.as_scp) == (True, False)


def test_given_a_creation_of_the_class_that_retrieves_then_it_is_refused(
    bridge: RunningBridge,
) -> None:
    with associated(bridge.remote, [build_context(PERFORMED_STEP_RETRIEVE)]) as association:
        created, _ = association.send_n_create(begun(), PERFORMED_STEP_RETRIEVE, UID)
        changed, _ = association.send_n_set(ended(), PERFORMED_STEP_RETRIEVE, UID)
    assert (created.Status, changed.Status) == (0x0211, 0x0211)


def test_given_an_n_get_of_the_other_class_then_it_is_not_offered(bridge: RunningBridge) -> None:
    with associated(bridge.remote, [build_context(PERFORMED_STEP)]) as association:
        status, _ = association.send_n_get([Tag(0x00100020)], PERFORMED_STEP, UID)
    assert status.Status == 0x0211
