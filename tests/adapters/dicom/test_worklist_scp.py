"""Given scheduled steps, when a modality queries over the network, then it sees them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import overload

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.presentation import build_context

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.scu import RequestFailed, associated, find_worklist, worklist_keys
from bridge.dicom.sop_classes import MODALITY_WORKLIST
from bridge.dicom.worklist_codec import WorklistCodec
from bridge.domain.errors import ResourceBusy
from bridge.domain.worklist import DateTimeRange, WorklistItem, WorklistQuery
from bridge.domain.worklist_policy import Quirks, WorklistPolicy
from tests.adapters.dicom.services import RunningBridge, running
from tests.peers.dcmtk import STEP, Modality
from tests.unit.dicom.entries import full_entry


class Endless(Sequence[WorklistItem]):
    """A worklist that never ends, so that only a C-CANCEL can end the answer."""

    def __iter__(self) -> Iterator[WorklistItem]:
        return itertools.repeat(WorklistCodec().encode(full_entry()))

    @overload
    def __getitem__(self, index: int) -> WorklistItem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WorklistItem]: ...
    def __getitem__(self, index: int | slice) -> WorklistItem | Sequence[WorklistItem]:
        return self if isinstance(index, slice) else next(iter(self))

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_given_steps_when_asked_in_either_syntax_then_each_is_answered_once(
    bridge: RunningBridge, syntax: str
) -> None:
    bridge.worklist.hold(*(full_entry(number) for number in range(1, 41)))
    context = build_context(MODALITY_WORKLIST, syntax)
    with associated(bridge.remote, [context]) as association:
        answers = list(association.send_c_find(worklist_keys({}), MODALITY_WORKLIST))
    assert [status.Status for status, _ in answers] == [0xFF00] * 40 + [0x0000]
    items = [item for _, item in answers if item is not None]
    assert [str(item.AccessionNumber) for item in items] == [f"A{n}" for n in range(1, 41)]
    assert {str(item.PatientName) for item in items} == {"NGUYỄN^ÁNH^VĂN"}
    assert {len(item.ScheduledProcedureStepSequence) for item in items} == {1}


def test_given_no_match_then_the_answer_is_a_single_success(bridge: RunningBridge) -> None:
    assert list(find_worklist(bridge.remote, {"PatientID": "NOBODY"})) == []
    assert bridge.worklist.queries[0].patient_id == "NOBODY"


@pytest.mark.parametrize("maximum", [4096, 0])
def test_given_a_maximum_pdu_of_the_peer_then_the_answer_respects_it(
    bridge: RunningBridge, maximum: int
) -> None:
    entry = full_entry()
    comments = {"RequestedProcedureComments": "x" * 9000}
    bridge.worklist.hold(replace(entry, procedure=replace(entry.procedure, attributes=comments)))
    seen: list[int] = []
    association = AE(ae_title="CT01").associate(
        "127.0.0.1",
        bridge.port,
        contexts=[build_context(MODALITY_WORKLIST)],
        max_pdu=maximum,
        evt_handlers=[(evt.EVT_DATA_RECV, lambda event: seen.append(len(event.data)))],
    )
    keys = worklist_keys({"RequestedProcedureComments": ""})
    (_, item), _ = association.send_c_find(keys, MODALITY_WORKLIST)
    association.release()
    assert item is not None
    assert item.RequestedProcedureComments == "x" * 9000
    assert (max(seen) > 9000) is (maximum == 0)
    assert maximum == 0 or max(seen) == maximum + 6


def test_given_dcmtk_as_the_modality_then_it_sees_the_step(bridge: RunningBridge) -> None:
    bridge.worklist.hold(full_entry())
    day = {
        STEP + "Modality": "CT",
        STEP + "ScheduledProcedureStepStartDate": "20261124-20261125",
        STEP + "ScheduledProcedureStepStartTime": "0800-1800",
    }
    found = Modality(bridge.port).find(day)
    assert found.status == "Success"
    assert str(found.items[0].PatientName) == "NGUYỄN^ÁNH^VĂN"
    assert found.items[0].ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == "SPS1"
    query = bridge.worklist.queries[0]
    assert query.modalities == ("CT",)
    assert query.start == DateTimeRange(first="20261124080000", last="20261125180059")


def test_given_more_matches_than_the_limit_then_the_first_are_sent_and_the_rest_refused() -> None:
    with running(DicomConfiguration(worklist_limit=3)) as bridge:
        bridge.worklist.hold(*(full_entry(number) for number in range(1, 6)))
        found = find_worklist(bridge.remote, {})
        assert [next(found).AccessionNumber for _ in range(3)] == ["A1", "A2", "A3"]
        with pytest.raises(RequestFailed, match="A700 only the first 3 matches were sent"):
            next(found)


def test_given_a_cancel_then_the_answer_ends_as_cancelled(bridge: RunningBridge) -> None:
    bridge.worklist.items = Endless()
    with associated(bridge.remote, [build_context(MODALITY_WORKLIST)]) as association:
        answers = association.send_c_find(worklist_keys({}), MODALITY_WORKLIST, msg_id=7)
        for count, (status, _) in enumerate(answers):
            if count == 2:
                association.send_c_cancel(7, query_model=MODALITY_WORKLIST)
            last = status.Status
        assert last == 0xFE00
        assert association.is_established


def test_given_dcmtk_cancels_then_the_answer_ends_as_cancelled(bridge: RunningBridge) -> None:
    bridge.worklist.items = Endless()
    found = Modality(bridge.port).find({}, cancel_after=2)
    assert "Cancel" in found.status


def test_given_a_peer_limited_to_latin_1_then_names_are_folded_for_it_alone() -> None:
    limited = Peer(ae_title="CT01", specific_character_set="ISO_IR 100")
    with running(DicomConfiguration(peers=(limited,))) as bridge:
        bridge.worklist.hold(full_entry())
        folded = next(find_worklist(bridge.called_by("CT01"), {}))
        assert "SpecificCharacterSet" not in folded
        assert str(folded.PatientName) == "NGUYEN^ANH^VAN"
        whole = next(find_worklist(bridge.called_by("MR01"), {}))
        assert str(whole.PatientName) == "NGUYỄN^ÁNH^VĂN"


def test_given_a_date_that_is_none_then_the_refusal_says_so(bridge: RunningBridge) -> None:
    with pytest.raises(RequestFailed, match="A900 a date of the query is not YYYYMMDD"):
        list(find_worklist(bridge.remote, {"ScheduledProcedureStepStartDate": "soon"}))
    assert list(find_worklist(bridge.remote, {})) == []


def test_given_no_identifier_then_the_refusal_says_so(bridge: RunningBridge) -> None:
    with associated(bridge.remote, [build_context(MODALITY_WORKLIST)]) as association:
        request = C_FIND()
        request.MessageID, request.AffectedSOPClassUID = 1, MODALITY_WORKLIST
        request.Priority = 2
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id or 0)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        assert isinstance(answer, C_FIND)
        assert answer.Status == 0xA900
        assert answer.ErrorComment == "the query has no Identifier"


@pytest.mark.parametrize(
    ("error", "said"),
    [(ResourceBusy("database is locked"), "A700 database is locked"), (KeyError("x"), "C100")],
)
def test_given_the_service_fails_then_the_status_says_how(
    bridge: RunningBridge, error: Exception, said: str
) -> None:
    bridge.worklist.error = error
    with pytest.raises(RequestFailed, match=said):
        list(find_worklist(bridge.remote, {}))


def test_given_an_impossible_range_then_nothing_is_looked_up(bridge: RunningBridge) -> None:
    keys = {"ScheduledProcedureStepStartDate": "20261125-20261124"}
    assert list(find_worklist(bridge.remote, keys)) == []
    assert bridge.worklist.queries == []


def test_given_only_some_keys_then_the_answer_has_no_others(bridge: RunningBridge) -> None:
    bridge.worklist.hold(full_entry())
    keys = Dataset()
    keys.PatientID = ""
    with associated(bridge.remote, [build_context(MODALITY_WORKLIST)]) as association:
        (_, item), _ = association.send_c_find(keys, MODALITY_WORKLIST)
    assert item is not None
    assert [element.keyword for element in item] == ["PatientID"]


# --- who asks


def negotiating(bridge: RunningBridge, offered: bytes) -> tuple[bytes | None, WorklistQuery]:
    """What the bridge answers an extended negotiation, and the query that it then understands."""
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = MODALITY_WORKLIST
    item.service_class_application_information = offered
    with associated(bridge.remote, [build_context(MODALITY_WORKLIST)], [item]) as association:
        list(association.send_c_find(worklist_keys({"PatientName": "X"}), MODALITY_WORKLIST))
        agreed = association.acceptor.sop_class_extended
    return agreed.get(UID(MODALITY_WORKLIST)), bridge.worklist.queries[-1]


def test_given_fuzzy_names_are_offered_then_they_are_agreed_on_where_they_are_enabled(
    bridge: RunningBridge,
) -> None:
    answer, query = negotiating(bridge, b"\1\1\1")
    assert (answer, query.fuzzy) == (b"\1\1\0", False)
    enabled = Peer(ae_title="CT01", worklist=WorklistPolicy(fuzzy_names=True))
    with running(DicomConfiguration(peers=(enabled,))) as willing:
        answer, query = negotiating(willing, b"\1\1\1\1")
        assert (answer, query.fuzzy) == (b"\1\1\1\0", True)
        list(find_worklist(willing.called_by("CT01"), {}))
        assert not willing.worklist.queries[-1].fuzzy


def test_given_a_key_that_is_not_supported_then_each_answer_warns_unless_the_device_fails_on_it(
    bridge: RunningBridge,
) -> None:
    keys = worklist_keys({"PatientAge": ""})
    quiet = Peer(ae_title="CT01", quirks=Quirks(always_ff00=True))
    with running(DicomConfiguration(peers=(quiet,))) as silent:
        for asked, status in ((bridge, 0xFF01), (silent, 0xFF00)):
            asked.worklist.hold(full_entry())
            with associated(asked.remote, [build_context(MODALITY_WORKLIST)]) as association:
                answers = list(association.send_c_find(keys, MODALITY_WORKLIST))
            assert [answer.Status for answer, _ in answers] == [status, 0x0000]


def test_given_a_device_that_fails_on_a_cut_answer_then_it_ends_with_success() -> None:
    easy = Peer(
        ae_title="CT01", quirks=Quirks(truncate_success=True), worklist=WorklistPolicy(limit=2)
    )
    with running(DicomConfiguration(peers=(easy,))) as bridge:
        bridge.worklist.hold(*(full_entry(number) for number in range(1, 6)))
        assert len(list(find_worklist(bridge.remote, {}))) == 2


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_given_quirks_then_texts_are_shaped_and_identifiers_are_not(syntax: str) -> None:
    short = Quirks(ascii_only=True, upper_case=True, longest_text=12, name_groups=1)
    device = Peer(ae_title="CT01", quirks=replace(short, own_station=True))
    entry = full_entry(name="NGUYỄN^ÁNH^VĂN=阮")
    long_id = replace(entry.patient.identifiers[0], value="p" * 20)
    entry = replace(entry, patient=replace(entry.patient, identifiers=(long_id,)))
    with running(DicomConfiguration(peers=(device,))) as bridge:
        bridge.worklist.hold(entry)
        context = build_context(MODALITY_WORKLIST, syntax)
        with associated(bridge.remote, [context]) as association:
            (_, item), _ = association.send_c_find(worklist_keys({}), MODALITY_WORKLIST)
    assert item is not None
    assert "SpecificCharacterSet" not in item
    assert str(item.PatientName) == "NGUYEN^ANH^V"
    assert item.PatientID == "p" * 20
    assert item.RequestedProcedureDescription == "CT ABDOMEN W"
    assert item.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "CT01"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_given_step_keys_at_the_root_then_they_are_answered_there_where_it_is_wanted(
    syntax: str,
) -> None:
    device = Peer(ae_title="CT01", quirks=Quirks(root_sps_keys="mirror"))
    keys = Dataset()
    keys.Modality, keys.PatientID, keys.ScheduledProcedureStepStartDate = "CT", "", ""
    with running(DicomConfiguration(peers=(device,))) as bridge:
        bridge.worklist.hold(full_entry())
        context = build_context(MODALITY_WORKLIST, syntax)
        with associated(bridge.remote, [context]) as association:
            (_, item), _ = association.send_c_find(keys, MODALITY_WORKLIST)
        assert bridge.worklist.queries[-1].modalities == ("CT",)
    assert item is not None
    assert [element.keyword for element in item] == [
        "Modality",
        "PatientID",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepSequence",
    ]
    assert (item.Modality, item.ScheduledProcedureStepStartDate) == ("CT", "20261124")
    assert item.ScheduledProcedureStepSequence[0].Modality == "CT"
