"""Given messages about a performed step, when they are passed on, then the RIS gets each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from bridge.dicom.performed_step_forwarding import PerformedStepDestination
from bridge.dicom.performed_step_report import read_report
from bridge.dicom.performed_step_state import written
from bridge.domain.delivery import Delivery, EventKind, RetryPolicy, Sent, TransportError
from bridge.domain.performed_step import Operation, PerformedStepMessage
from bridge.services.forward_performed_steps import Untold
from tests.adapters.dicom.ris import Ris, running_ris
from tests.adapters.dicom.test_mpps_scp import begun, ended
from tests.peers.process import choose_port

UID = "1.2.3.9"
DELIVERY = Delivery(
    pk=1,
    destination="ris",
    subject=f"performed step:{UID}",
    kind=EventKind.PERFORMED_STEP,
    attempts=0,
    correlation=UID,
)


@pytest.fixture
def ris() -> Iterator[Ris]:
    with running_ris() as started:
        yield started


@dataclass
class Notes:
    """Remembers how far the RIS was told."""

    taken_up_to: int = 0
    in_doubt: int = 0
    trail: list[str] = field(default_factory=list)

    def sending(self, destination: str, sop_instance_uid: str, number: int) -> None:
        self.in_doubt = number
        self.trail.append(f"sending {number}")

    def taken(self, destination: str, sop_instance_uid: str, number: int) -> None:
        self.taken_up_to = number
        self.trail.append(f"taken {number}")


def message(
    number: int, dataset: Dataset, syntax: str = ExplicitVRLittleEndian
) -> PerformedStepMessage:
    return PerformedStepMessage(
        number=number,
        operation=Operation.CREATE if number == 1 else Operation.SET,
        transfer_syntax_uid=syntax,
        encoded=written(dataset, syntax),
    )


def on_the_way() -> Dataset:
    changes = ended("IN PROGRESS")
    del changes.PerformedProcedureStepStatus
    return changes


MESSAGES = (message(1, begun()), message(2, on_the_way()), message(3, ended()))


def send(ris: Ris, notes: Notes, messages: tuple[PerformedStepMessage, ...] = MESSAGES) -> Sent:
    """As the dispatcher does: what was not taken yet, and what may have been."""
    untold = tuple(each for each in messages if each.number > notes.taken_up_to)
    in_doubt = notes.in_doubt if notes.in_doubt > notes.taken_up_to else 0
    destination = PerformedStepDestination(
        name="ris", remote=ris.remote, retry=RetryPolicy(), progress=notes
    )
    return destination.send(
        DELIVERY, Untold(sop_instance_uid=UID, messages=untold, in_doubt=in_doubt)
    )


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_given_messages_then_the_ris_gets_them_in_order_byte_by_byte(ris: Ris, syntax: str) -> None:
    messages = (message(1, begun(), syntax), message(2, ended(), syntax))
    notes = Notes()
    send(ris, notes, messages)
    assert ris.told == [
        ("N-CREATE", UID, messages[0].encoded),
        ("N-SET", UID, messages[1].encoded),
    ]
    assert notes.trail == ["sending 1", "taken 1", "sending 2", "taken 2"]


def test_given_bytes_no_library_would_write_then_they_go_out_as_they_came(ris: Ris) -> None:
    """Odd lengths, padding and private elements of a modality stay what they are."""
    odd = (
        bytes.fromhex("4000 5202 4353 0b00")
        + b"IN PROGRESS"
        + bytes.fromhex("0900 1000 4c4f 0600")
        + b"VENDOR"
        + bytes.fromhex("0900 0110 554e 0000 0300 0000")
        + b"abc"
    )
    raw = PerformedStepMessage(
        number=1,
        operation=Operation.CREATE,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        encoded=odd,
    )
    send(ris, Notes(), (raw,))
    assert ris.told == [("N-CREATE", UID, odd)]


@pytest.mark.parametrize(
    "syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian]
)
def test_given_a_ris_that_takes_another_transfer_syntax_then_it_gets_the_same_in_that(
    syntax: str,
) -> None:
    with running_ris([ImplicitVRLittleEndian]) as ris:
        send(ris, Notes(), (message(1, begun(), syntax),))
        ((_, _, content),) = ris.told
    sent = read_report(content, ImplicitVRLittleEndian, UID)
    assert sent.patient_name == "NGUYỄN^ÁNH^VĂN"
    assert sent.content == read_report(written(begun(), syntax), syntax, UID).content


def test_given_a_step_kept_by_an_older_version_then_its_transfer_syntax_is_found_out(
    ris: Ris,
) -> None:
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        data = written(begun(), syntax)
        kept = PerformedStepMessage(
            number=1, operation=Operation.CREATE, transfer_syntax_uid="", encoded=data
        )
        ris.steps.clear()
        send(ris, Notes(), (kept,))
        assert ris.told[-1] == ("N-CREATE", UID, data)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_given_a_lost_answer_then_nothing_is_seen_twice(ris: Ris, lost: int) -> None:
    notes = Notes()
    ris.script = [0] * (lost - 1) + [None]
    with pytest.raises(TransportError) as error:
        send(ris, notes)
    assert not error.value.permanent
    send(ris, notes)
    assert notes.taken_up_to == 3
    expected = ["N-CREATE", "N-SET", "N-SET"]
    if lost == 2:  # a change may be made twice: it replaces what it changes
        expected.insert(2, "N-SET")
    assert ris.operations == expected


def test_given_a_ris_that_the_modality_tells_as_well_then_it_is_not_told_twice(ris: Ris) -> None:
    ris.steps[UID] = "open"
    notes = Notes()
    send(ris, notes)
    assert ris.operations == ["N-SET", "N-SET"]
    assert notes.taken_up_to == 3


def test_given_a_ris_that_ended_the_step_itself_then_it_is_told_for_good_that_it_refused(
    ris: Ris,
) -> None:
    ris.steps[UID] = "final"
    notes = Notes()
    for _ in range(2):  # and again: that it refused is no doubt whether it took it
        with pytest.raises(TransportError, match="may no longer be updated") as error:
            send(ris, notes)
        assert error.value.permanent
        assert notes.taken_up_to == 1


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (0x0110, False),
        (0x0213, False),
        (0x0106, True),
        (0x0120, True),
        (0x0112, True),
        (0x0122, True),
        (0x0124, True),
    ],
)
def test_given_a_refusal_then_what_comes_after_it_waits(
    ris: Ris, status: int, permanent: bool
) -> None:
    notes = Notes()
    ris.script = [0, status]
    with pytest.raises(TransportError, match=f"N-SET 2 was answered with {status:04X}") as error:
        send(ris, notes)
    assert error.value.permanent is permanent
    assert (ris.operations, notes.taken_up_to) == (["N-CREATE"], 1)
    send(ris, notes)
    assert ris.operations == ["N-CREATE", "N-SET", "N-SET"]


@pytest.mark.parametrize("warning", [0x0107, 0x0116, 0xB000])
def test_given_a_warning_then_the_message_was_taken(ris: Ris, warning: int) -> None:
    notes = Notes()
    ris.script = [warning, warning, warning]
    send(ris, notes)
    assert notes.taken_up_to == 3


# The library leaves the socket of a connection that was refused to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)
def test_given_nobody_there_then_no_attempt_is_burnt() -> None:
    notes = Notes()
    with pytest.raises(TransportError) as error:
        send(Ris(port=choose_port()), notes)
    assert (error.value.unreachable, error.value.permanent) == (True, False)
    assert notes.trail == []


def test_given_a_peer_without_the_service_then_it_is_said_for_good() -> None:
    with running_ris(["1.2.3"]) as ris, pytest.raises(TransportError):
        send(ris, Notes())
