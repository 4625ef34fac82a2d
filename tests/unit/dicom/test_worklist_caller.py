"""Given what is known of an AE, then its query means what it means there, and it sees its part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom.dataset import Dataset

from bridge.dicom.configuration import DicomConfiguration, Peer
from bridge.dicom.elements import read
from bridge.dicom.worklist import negotiated
from bridge.dicom.worklist_caller import Caller
from bridge.dicom.worklist_keys import STEPS
from bridge.dicom.worklist_query import Identifier
from bridge.domain.worklist import (
    ANYWHERE,
    EVERYTHING,
    DateTimeRange,
    OpenSteps,
    Stations,
    WorklistQuery,
)
from bridge.domain.worklist_policy import Quirks, WorklistPolicy
from tests.unit.dicom.test_elements import EXPLICIT, encode
from tests.unit.dicom.test_worklist_query import of

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def ask(
    *peers: Peer, root: Dataset | None = None, step: Dataset | None = None, as_: str = "CT01"
) -> Identifier:
    dataset = root or Dataset()
    if step is not None:
        dataset.ScheduledProcedureStepSequence = [step]
    configuration = DicomConfiguration(peers=peers)
    caller = Caller(ae_title=as_, configuration=configuration, now=NOW)
    return caller.read(read(encode(dataset, EXPLICIT)))


def peer(title: str = "CT01", **details: Any) -> Peer:
    return Peer(ae_title=title, **details)


def quirky(**quirks: Any) -> Peer:
    return peer(quirks=Quirks(**quirks))


def shown(**policy: Any) -> Peer:
    return peer(worklist=WorklistPolicy(**policy))


def stations(title: str, *peers: Peer) -> Stations:
    return ask(*peers, step=of(ScheduledStationAETitle=title)).query.stations


# --- stations


def test_given_an_unknown_title_then_it_means_itself_and_open_steps_of_any_kind() -> None:
    assert stations("XX01") == Stations(("XX01",))


def test_given_an_alias_or_a_pool_then_all_who_share_the_list_are_meant() -> None:
    peers = (
        peer(aliases=("CT01B",), pools=("CTPOOL",)),
        peer("CT02", pools=("CTPOOL",)),
        peer("MR01", pools=("MRPOOL",)),
    )
    everyone = {"CT01", "CT01B", "CT02", "CTPOOL"}
    for title in ("CT01", "CT01B", "CT02", "CTPOOL"):
        assert set(stations(title, *peers).ae_titles) == everyone, title
    assert set(stations("MR01", *peers).ae_titles) == {"MR01", "MRPOOL"}


def test_given_modalities_and_locations_then_open_steps_are_taken_within_them() -> None:
    known = peer(modalities=("CT",), locations=("EAST",))
    assert stations("CT01", known).takes == (OpenSteps(("CT",), ("EAST",)),)
    assert stations("CT*", known).takes == (OpenSteps(("CT",), ("EAST",)),)
    assert stations("CT01", known, peer("CT02")).takes == (OpenSteps(("CT",), ("EAST",)),)
    assert stations("CT*", known, peer("CT02")).takes == ()
    assert stations("CT[1]*", known).takes == ()


def test_given_a_title_that_means_every_station_then_none_is_asked_for() -> None:
    assert stations("ANY", quirky(any_station=("ANY",))) == ANYWHERE


# --- what is seen


def test_given_nothing_said_then_everything_is_shown() -> None:
    assert ask(as_="XX01").query == WorklistQuery()
    assert ask(peer(modalities=("CT",))).query.visible == EVERYTHING


def test_given_filtering_then_only_its_own_steps_modalities_and_labels_are_shown() -> None:
    known = peer(
        modalities=("CT",),
        pools=("CTPOOL",),
        worklist_labels=("ER",),
        worklist=WorklistPolicy(filter_by_calling_ae=True, hide_statuses=("STARTED",)),
    )
    visible = ask(known).query.visible
    assert visible.stations == Stations(("CT01", "CTPOOL"), (OpenSteps(("CT",)),))
    assert visible.modalities == ("CT",)
    assert visible.worklist_labels == ("ER",)
    assert visible.hidden_statuses == ("STARTED",)


def test_given_a_policy_for_all_then_an_unknown_ae_has_it() -> None:
    configuration = DicomConfiguration(worklist=WorklistPolicy(hide_statuses=("STARTED",)))
    caller = Caller(ae_title="XX", configuration=configuration, now=NOW)
    assert caller.read(read(b"")).query.visible.hidden_statuses == ("STARTED",)


@pytest.mark.parametrize(
    ("root", "step", "bounded"),
    [
        ({}, {}, True),
        ({}, {"Modality": "CT"}, True),
        ({}, {"ScheduledProcedureStepStartDate": "20260101"}, False),
        ({"AccessionNumber": "A1"}, {}, False),
        ({"PatientID": "P1"}, {}, False),
        ({"PatientName": "NGUYEN*"}, {}, False),
        ({"PatientName": "*"}, {}, True),
    ],
)
def test_given_a_default_window_then_it_bounds_queries_that_want_nothing_particular(
    root: dict[str, str], step: dict[str, str], bounded: bool
) -> None:
    window = ask(shown(days_back=1, days_ahead=2), root=of(**root), step=of(**step))
    expected = DateTimeRange(first="20261123000000", last="20261126235959")
    assert window.query.visible.window == (expected if bounded else DateTimeRange())


def test_given_a_night_shift_then_today_means_the_end_of_yesterday_too() -> None:
    night = shown(overnight_hours=6)
    today = ask(night, step=of(ScheduledProcedureStepStartDate="20261124")).query
    assert today.start == DateTimeRange(first="20261123180000", last="20261124235959")
    assert not today.dates
    other = ask(night, step=of(ScheduledProcedureStepStartDate="20261125")).query
    assert other.dates == DateTimeRange(first="20261125", last="20261125")


# --- quirks of queries


def test_given_a_device_that_sends_the_time_then_only_the_day_counts() -> None:
    when = of(ScheduledProcedureStepStartDate="20261124", ScheduledProcedureStepStartTime="0912")
    found = ask(quirky(ignore_keys=("ScheduledProcedureStepStartTime",)), step=when)
    assert not found.query.times
    assert found.query.dates == DateTimeRange(first="20261124", last="20261124")
    assert 0x00400003 in found.keys[STEPS].items


def test_given_name_beginnings_then_names_without_wildcards_become_prefixes() -> None:
    assert ask(quirky(pn_prefix=True), root=of(PatientName="NGU")).query.patient_name == "NGU*"
    assert ask(quirky(pn_prefix=True), root=of(PatientName="N?U")).query.patient_name == "N?U"


def test_given_step_keys_at_the_root_that_mean_nothing_then_they_do_not_match() -> None:
    found = ask(quirky(root_sps_keys="ignore"), root=of(Modality="CT"))
    assert found.query.modalities == ()
    assert list(found.keys) == [0x00080060]


def test_given_sequences_it_cannot_read_then_it_is_not_sent_them() -> None:
    device = quirky(
        only_sequences=("ScheduledProcedureStepSequence",),
        leave_out=("PatientSex",),
        return_extra=("AccessionNumber", "Modality"),
    )
    step = of(ScheduledProtocolCodeSequence=[], ScheduledProcedureStepID="")
    root = of(RequestedProcedureCodeSequence=[], PatientSex="", PatientID="")
    found = ask(device, root=root, step=step)
    assert list(found.keys) == [0x00080050, 0x00100020, STEPS]
    assert list(found.keys[STEPS].items) == [0x00080060, 0x00400009]


# --- keys that are not supported, and what is negotiated


@pytest.mark.parametrize(
    ("root", "unsupported"),
    [
        (of(PatientName="A*", RequestedProcedurePriority="STAT", PregnancyStatus=None), False),
        (of(PregnancyStatus=3), False),
        (of(PatientAge=""), True),
        (of(ReferencedStudySequence=[]), False),
    ],
)
def test_given_keys_then_it_is_known_whether_all_are_supported(
    root: Dataset, unsupported: bool
) -> None:
    assert ask(root=root).unsupported is unsupported


@pytest.mark.parametrize(
    ("offered", "fuzzy", "answered"),
    [
        (b"\1\1\1", True, b"\1\1\1"),
        (b"\1\1\1", False, b"\1\1\0"),
        (b"\1\1\0", True, b"\1\1\0"),
        (b"\1\1\1\1", True, b"\1\1\1\0"),
        (b"\1\1\1\1\1\1", True, b"\1\1\1\0"),
        (b"\1\1", True, None),
        (b"", True, None),
    ],
)
def test_given_an_extended_negotiation_then_the_answer_is_no_longer_than_the_offer(
    offered: bytes, fuzzy: bool, answered: bytes | None
) -> None:
    assert negotiated(offered, fuzzy=fuzzy) == answered
