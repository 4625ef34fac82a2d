"""Given bytes of any kind, when taken in, then they are answered, journaled, and nothing falls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import (
    BridgeError,
    DuplicateKey,
    ResourceBusy,
    StorageFull,
    UnknownKey,
)
from bridge.domain.events import Event, Noted
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.hl7.acknowledgement import Answer, parse
from bridge.hl7.batch import split
from bridge.hl7.er7 import read
from bridge.hl7.intake import Intake
from bridge.hl7.links import Peer
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from bridge.services.receive_message import InboundMessage, Receipt
from tests.unit.hl7.messages import PID, SITE, msh, obr, orc, raw

PEER = Peer("his", "127.0.0.1", 40000)
PROFILE = load_profile()
Reply = Callable[[Receipt], bytes]


@dataclass
class Recorder:
    """Stands for the use case: keeps what it is given, and fails when told to."""

    failure: Exception | None = None
    journal_fails: bool = False
    received: list[tuple[InboundMessage, Sequence[Event]]] = field(default_factory=list)
    refused: list[tuple[InboundMessage, BridgeError]] = field(default_factory=list)

    def receive(self, message: InboundMessage, events: Sequence[Event], reply: Reply) -> bytes:
        if self.failure:
            raise self.failure
        self.received.append((message, events))
        return reply(Receipt(disposition=Disposition.APPLIED, warnings=message.warnings))

    def refuse(self, message: InboundMessage, error: BridgeError, reply: Reply) -> bytes:
        if self.journal_fails:
            raise OSError("disk gone")
        self.refused.append((message, error))
        return reply(Receipt(disposition=Disposition.REFUSED, error=error))


def take(payload: bytes, messages: Recorder) -> bytes:
    sender = Sender.of(PROFILE, SITE, "ris")
    intake = Intake(sender=lambda: sender, messages=messages, clock=lambda: 1_773_278_100.0)
    return intake.handle(payload, PEER)


def answer(payload: bytes, messages: Recorder | None = None) -> Answer:
    return parse(take(payload, messages or Recorder()))


ORDER = raw(msh(), PID, orc(), obr(f18="A1"))


def test_given_an_order_when_taken_in_then_it_is_applied_and_answered_aa() -> None:
    messages = Recorder()
    found = answer(ORDER, messages)
    assert (found.acknowledgement.code, found.control_id) == ("AA", "M1")
    assert found.acknowledgement.errors == ()
    ((message, (event,)),) = messages.received
    assert isinstance(event, OrderReceived)
    assert message.raw == ORDER
    assert (message.type, message.source, message.control_id) == ("ORM^O01", "RIS|RAD", "M1")
    assert (message.protocol, message.peer, message.mode) == ("hl7", "his 127.0.0.1:40000", "ris")
    assert message.received_at == 1_773_278_100.0


def test_given_an_error_of_the_content_when_taken_in_then_ae_and_its_place() -> None:
    messages = Recorder()
    found = answer(raw(msh(), PID, orc(), obr(f18="A" * 17)), messages)
    assert found.acknowledgement.code == "AE"
    (error,) = found.acknowledgement.errors
    assert (error.segment, error.sequence, error.field, error.code) == ("OBR", 1, 18, "102")
    ((message, refused),) = messages.refused
    assert message.control_id == "M1"
    assert refused.code == "102"


def test_given_v231_when_refused_then_err_has_the_old_form() -> None:
    text = take(raw(msh(version="2.3.1"), "PID|1", orc(), obr()), Recorder()).decode()
    assert "\rERR|PID^1^3^101&Required field missing&HL70357\r" in text


def test_given_a_component_when_refused_then_err_names_it() -> None:
    text = take(raw(msh(), PID, orc(f7="^^^never"), obr()), Recorder()).decode()
    assert "\rERR||ORC^1^7^1^4|102^Data type error^HL70357|E" in text


@pytest.mark.parametrize(
    ("message_type", "code", "condition"),
    [
        ("ZPM", "AR", "200"),
        ("QBP^Q22", "AR", "200"),
        ("", "AR", "200"),
        ("ORM^O99", "AR", "201"),
        ("ADT^O01", "AR", "201"),
        ("SIU^S12", "AA", ""),
        ("ORU^R01", "AA", ""),
        ("MDM^T02", "AA", ""),
        ("OML^O21", "AA", ""),
    ],
)
def test_given_other_messages_when_taken_in_then_they_are_noted_or_rejected(
    message_type: str, code: str, condition: str
) -> None:
    messages = Recorder()
    found = answer(raw(msh(message_type), PID), messages).acknowledgement
    assert found.code == code
    assert [error.code for error in found.errors] == ([condition] if condition else [])
    if code == "AA":
        ((_, (event,)),) = messages.received
        assert isinstance(event, Noted)


@pytest.mark.parametrize("payload", [b"", b"hello", b"MSH|^~", b"MSH", b"\xff\xfeM\0S\0H\0", b"\0"])
def test_given_no_message_when_taken_in_then_ar_without_control_id_and_journaled(
    payload: bytes,
) -> None:
    messages = Recorder()
    found = answer(payload, messages)
    assert (found.acknowledgement.code, found.control_id) == ("AR", "")
    ((message, _),) = messages.refused
    assert message.raw == payload


@pytest.mark.parametrize(
    ("failure", "code", "condition"),
    [
        (UnknownKey("no such order", location="ORC^1^2"), "AE", "204"),
        (DuplicateKey("taken", location="ORC^1^2"), "AE", "205"),
        (ResourceBusy("locked"), "AR", "206"),
        (StorageFull("full"), "AR", "207"),
        (RuntimeError("a bug"), "AR", "207"),
        (MemoryError(), "AR", "207"),
    ],
)
def test_given_a_failure_behind_the_edge_when_taken_in_then_it_is_answered_and_journaled(
    failure: Exception, code: str, condition: str
) -> None:
    messages = Recorder(failure=failure)
    found = answer(ORDER, messages).acknowledgement
    assert (found.code, [error.code for error in found.errors]) == (code, [condition])
    assert len(messages.refused) == 1


def test_given_a_failure_that_tells_of_the_patient_when_answered_then_nothing_leaks() -> None:
    text = take(ORDER, Recorder(failure=RuntimeError("Doe^Jane PID1"))).decode()
    assert "Doe" not in text


def test_given_a_journal_that_fails_too_when_taken_in_then_it_is_still_answered() -> None:
    messages = Recorder(failure=RuntimeError("a bug"), journal_fails=True)
    assert answer(ORDER, messages).acknowledgement.code == "AR"
    assert answer(b"no message", messages).acknowledgement.code == "AR"
    assert answer(raw(msh("ZZZ")), messages).acknowledgement.code == "AR"


def test_given_a_value_that_was_cut_when_taken_in_then_the_aa_warns_of_it() -> None:
    found = answer(raw(msh(), PID, orc(), obr(f4="X^" + "y" * 70))).acknowledgement
    assert found.code == "AA"
    (warning,) = found.errors
    assert (warning.severity, warning.segment, warning.field) == ("W", "OBR", 4)


def test_given_v24_when_warned_then_the_aa_holds_no_err() -> None:
    found = answer(raw(msh(version="2.4"), PID, orc(), obr(f4="X^" + "y" * 70))).acknowledgement
    assert (found.code, found.errors) == ("AA", ())


def test_given_oddities_of_form_when_taken_in_then_they_are_journaled_and_not_told() -> None:
    messages = Recorder()
    found = answer(ORDER.replace(b"\r", b"\n"), messages).acknowledgement
    assert (found.code, found.errors) == ("AA", ())
    ((message, _),) = messages.received
    assert message.warnings == ("segments end with LF instead of CR",)


def test_given_a_laboratory_order_when_taken_in_then_aa_and_the_reason_in_the_journal() -> None:
    messages = Recorder()
    found = answer(raw(msh(), PID, orc(), obr(f24="LAB")), messages).acknowledgement
    assert (found.code, found.errors) == ("AA", ())
    ((message, _),) = messages.received
    assert message.warnings == ("ORC^1: not imaging: its diagnostic service section",)


@pytest.mark.parametrize(
    ("modes", "good", "bad"),
    [
        ("AL|NE", "CA", "CE"),
        ("ER|NE", "CA", "CE"),
        ("|", "AA", "AE"),
        ("NE|NE", "AA", "AE"),
        ("NE|AL", "AA", "AE"),
        ("AL|AL", "AA", "AE"),
    ],
)
def test_given_acknowledgement_modes_when_answered_then_with_the_code_they_ask_for(
    modes: str, good: str, bad: str
) -> None:
    header = f"{msh()}|||{modes}"
    assert answer(raw(header, PID, orc(), obr())).acknowledgement.code == good
    assert answer(raw(header, "PID|1", orc(), obr())).acknowledgement.code == bad


def test_given_a_batch_when_taken_in_then_each_message_is_applied_and_answered() -> None:
    second = raw(msh(control_id="M2"), "PID|1", orc(), obr())
    third = raw(msh(control_id="M3"), PID, orc(), obr())
    messages = Recorder()
    payload = b"FHS|^~\\&\rBHS|^~\\&\r" + ORDER + second + third + b"BTS|7\rFTS|1\r"
    answers = [parse(part) for part in split(take(payload, messages)).messages]
    assert [(a.control_id, a.acknowledgement.code) for a in answers] == [
        ("M1", "AA"),
        ("M2", "AE"),
        ("M3", "AA"),
    ]
    assert len(messages.received) == 2
    assert "BTS-1 does not agree: there are 3 messages" in messages.received[0][0].warnings


def test_given_an_empty_batch_when_taken_in_then_it_is_rejected() -> None:
    assert answer(b"BHS|^~\\&\rBTS|0\r").acknowledgement.code == "AR"


@given(st.binary(max_size=400) | st.binary(max_size=300).map(lambda tail: ORDER + tail))
def test_given_any_bytes_when_taken_in_then_there_is_an_answer(payload: bytes) -> None:
    answers = split(take(payload, Recorder())).messages
    assert answers
    for each in answers:
        assert read(each).first("MSA") is not None
