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
    UnsupportedMessage,
)
from bridge.domain.events import Event, Noted
from bridge.domain.journal import Disposition
from bridge.domain.order import OrderReceived
from bridge.hl7.acknowledgement import AcknowledgementCode, Answer, parse
from bridge.hl7.answering import USUAL_POLICY, AnswerPolicy
from bridge.hl7.er7 import read
from bridge.hl7.intake import Intake
from bridge.hl7.links import Peer
from bridge.hl7.modes import USUAL_CODES, Refusal
from bridge.hl7.reading import Sender
from bridge.mapping.profiles import load_profile
from bridge.services.receive_message import InboundMessage, Receipt, Then
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

    def receive(
        self,
        message: InboundMessage,
        events: Sequence[Event],
        reply: Reply,
        then: Then | None = None,
    ) -> bytes:
        if self.failure:
            raise self.failure
        self.received.append((message, events))
        return reply(Receipt(disposition=Disposition.APPLIED, warnings=message.warnings))

    def refuse(
        self,
        message: InboundMessage,
        error: BridgeError,
        reply: Reply,
        events: Sequence[Event] = (),
        then: Then | None = None,
    ) -> bytes:
        if self.journal_fails:
            raise OSError("disk gone")
        self.refused.append((message, error))
        return reply(Receipt(disposition=Disposition.REFUSED, error=error))


def take(
    payload: bytes, messages: Recorder | None = None, policy: AnswerPolicy = USUAL_POLICY
) -> list[bytes]:
    sender = Sender.of(PROFILE, SITE, "ris")
    intake = Intake(
        sender=lambda: sender,
        messages=messages or Recorder(),
        clock=lambda: 1_773_278_100.0,
        policy=policy,
    )
    return intake.handle(payload, PEER)


def answer(
    payload: bytes, messages: Recorder | None = None, policy: AnswerPolicy = USUAL_POLICY
) -> Answer:
    (said,) = take(payload, messages, policy)
    return parse(said)


def text_of(payload: bytes, messages: Recorder | None = None) -> str:
    (said,) = take(payload, messages)
    return said.decode()


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
    text = text_of(raw(msh(version="2.3.1"), "PID|1", orc(), obr()))
    assert "\rERR|PID^1^3^101&Required field missing&HL70357\r" in text


def test_given_a_component_when_refused_then_err_names_it() -> None:
    text = text_of(raw(msh(), PID, orc(f7="^^^never"), obr()))
    assert "\rERR||ORC^1^7^1^4|102^Data type error^HL70357|E" in text


@pytest.mark.parametrize(
    ("message_type", "code", "condition"),
    [
        ("ZPM", "AR", "200"),
        ("QBP^Q22", "AR", "200"),
        ("", "AR", "200"),
        ("ORM^O99", "AR", "201"),
        ("ADT^O01", "AR", "201"),
        ("SIU^S18", "AA", ""),
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
    text = text_of(ORDER, Recorder(failure=RuntimeError("Doe^Jane PID1")))
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


def codes(payload: bytes, policy: AnswerPolicy = USUAL_POLICY) -> list[str]:
    return [parse(said).acknowledgement.code.value for said in take(payload, policy=policy)]


# What each value of table 0155 asks for of a success and of a failure; "" is not valued.
ASKED = {"AL": (True, True), "NE": (False, False), "ER": (False, True), "SU": (True, False)}
ASKED |= {"": ASKED["NE"], "al": ASKED["AL"], "X": ASKED["AL"]}


@pytest.mark.parametrize("application", ASKED)
@pytest.mark.parametrize("accept", ASKED)
def test_given_any_modes_when_answered_then_with_what_they_ask_for(
    accept: str, application: str
) -> None:
    header = f"{msh()}|||{accept}|{application}"
    good, bad, unknown = (
        raw(header, PID, orc(), obr()),
        raw(header, "PID|1", orc(), obr()),
        raw(header.replace("ORM^O01", "ZZZ")),
    )
    if {accept, application} in ({""}, {"", "NE"}):
        assert [codes(each) for each in (good, bad, unknown)] == [["AA"], ["AE"], ["AR"]]
        return

    (on_good, on_bad), (told_good, told_bad) = ASKED[accept], ASKED[application]
    assert codes(good) == ["CA"] * on_good + ["AA"] * told_good
    # The application tells of its errors itself, if it may: then the message was accepted.
    accepted = ["CA"] * on_good if told_bad else ["CE"] * on_bad
    assert codes(bad) == accepted + ["AE"] * told_bad
    # What is not accepted reaches no application, unless nobody else may say so.
    assert codes(unknown) == (["CR"] if on_bad else ["AR"] * told_bad)


def test_given_both_stages_when_answered_then_the_application_wants_no_answer_itself() -> None:
    accept, application = take(raw(f"{msh()}|||AL|AL", PID, orc(), obr()))

    assert read(accept).header.fields[15:] == []
    assert read(application).header.fields[15:] == ["NE", "NE"]
    assert read(accept).control_id != read(application).control_id
    assert parse(accept).control_id == parse(application).control_id == "M1"


def test_given_the_original_mode_is_configured_when_both_stages_are_asked_for_then_one_comes() -> (
    None
):
    for modes in ("AL|AL", "NE|NE", "AL|NE"):
        payload = raw(f"{msh()}|||{modes}", PID, orc(), obr())
        assert codes(payload, AnswerPolicy(enhanced=False)) == ["AA"]


def test_given_a_transient_failure_when_accepting_then_ce_and_nothing_of_the_application() -> None:
    payload = raw(f"{msh()}|||AL|AL", PID, orc(), obr())
    (said,) = take(payload, Recorder(failure=ResourceBusy("locked")))
    assert parse(said).acknowledgement.code == "CE"
    assert parse(said).acknowledgement.errors[0].code == "206"


def test_given_an_acknowledgement_when_taken_in_then_it_is_not_acknowledged() -> None:
    messages = Recorder()
    assert take(raw(msh("ACK^O01"), "MSA|AA|X1"), messages) == []
    ((message, _),) = messages.received
    assert message.type == "ACK^O01"
    assert codes(raw(f"{msh('ACK^O01')}|||AL|AL", "MSA|AA|X1")) == ["CA"]
    assert codes(raw(msh("ACK^O01"), "MSA|AA|X1"), AnswerPolicy(enhanced=False)) == []


@pytest.mark.parametrize(
    ("codes_of", "failure", "code"),
    [
        ({}, DuplicateKey("taken"), "AE"),
        ({Refusal.PERMANENT: AcknowledgementCode.AR}, DuplicateKey("taken"), "AR"),
        ({}, ResourceBusy("locked"), "AR"),
        ({Refusal.TRANSIENT: AcknowledgementCode.AE}, ResourceBusy("locked"), "AE"),
        ({Refusal.UNSUPPORTED: AcknowledgementCode.AE}, UnsupportedMessage("type"), "AE"),
    ],
)
def test_given_codes_of_a_sender_when_refused_then_with_them(
    codes_of: dict[Refusal, AcknowledgementCode], failure: BridgeError, code: str
) -> None:
    policy = AnswerPolicy(codes={**USUAL_CODES, **codes_of})
    assert answer(ORDER, Recorder(failure=failure), policy).acknowledgement.code == code


def test_given_processing_ids_and_versions_when_not_taken_then_each_is_told() -> None:
    policy = AnswerPolicy(processing_ids=frozenset("P"), refuses_unknown_versions=True)
    payload = raw(msh(version="3.1").replace("|P|", "|D|"), PID, orc(), obr())
    found = answer(payload, policy=policy).acknowledgement
    assert (found.code, [error.code for error in found.errors]) == ("AR", ["202", "203"])
    assert [(error.segment, error.field) for error in found.errors] == [("MSH", 11), ("MSH", 12)]
    assert codes(payload) == ["AA"]


@pytest.mark.parametrize("version", ["2.1", "2.3.1", "2.5.0", "2.8.2", "2.9.1", "", "2.5^DEU"])
def test_given_a_version_that_exists_when_unknown_ones_are_refused_then_it_is_taken(
    version: str,
) -> None:
    policy = AnswerPolicy(refuses_unknown_versions=True, processing_ids=frozenset("PT"))
    assert codes(raw(msh(version=version), PID, orc(), obr()), policy) == ["AA"]
    assert codes(raw(msh(version=version).replace("|P|", "||"), PID, orc(), obr()), policy) == [
        "AA"
    ]


def test_given_a_batch_when_taken_in_then_each_message_is_applied_and_answered() -> None:
    second = raw(msh(control_id="M2"), "PID|1", orc(), obr())
    third = raw(msh(control_id="M3"), PID, orc(), obr())
    messages = Recorder()
    payload = b"FHS|^~\\&\rBHS|^~\\&\r" + ORDER + second + third + b"BTS|7\rFTS|1\r"
    answers = [parse(part) for part in take(payload, messages)]
    assert [(a.control_id, a.acknowledgement.code) for a in answers] == [
        ("M1", "AA"),
        ("M2", "AE"),
        ("M3", "AA"),
    ]
    assert len(messages.received) == 2
    assert "BTS-1 does not agree: there are 3 messages" in messages.received[0][0].warnings


BATCHED = AnswerPolicy(batch_responses=True)


def test_given_a_batch_when_answered_in_one_then_it_counts_and_goes_back() -> None:
    second = raw(msh(control_id="M2"), "PID|1", orc(), obr())
    silent = raw(f"{msh(control_id='M3')}|||NE|NE", PID, orc(), obr())
    payload = (
        b"FHS|^~\\&|RIS|RAD|BRIDGE|HOSP|2026||FILE||F1\r"
        b"BHS|^~\\&|RIS|RAD|BRIDGE|HOSP|2026||DAY||B1\r" + ORDER + second + b"BTS|9\r"
        b"BHS|^~\\&|RIS|RAD\r" + silent + ORDER + b"BTS|2\rFTS|2\r"
    )
    (said,) = take(payload, policy=BATCHED)
    lines = said.decode().split("\r")
    named = [line.split("|") for line in lines]
    assert [fields[0] for fields in named] == (
        [
            "FHS",
            "BHS",
            "MSH",
            "MSA",
            "MSH",
            "MSA",
            "ERR",
            "BTS",
            "BHS",
            "MSH",
            "MSA",
            "BTS",
            "FTS",
            "",
        ]
    )
    assert named[0][2:6] == ["BRIDGE", "HOSP", "RIS", "RAD"]
    assert (named[0][8], named[0][11]) == ("FILE", "F1")
    assert (named[1][8], named[1][11]) == ("DAY", "B1")
    assert named[0][10] != named[1][10]
    assert lines[7] == "BTS|2|BTS-1 does not agree: there are 2 messages"
    assert lines[11] == "BTS|1|BTS-1 does not agree: there are 2 messages"
    assert named[12][1] == "2"


def test_given_a_batch_without_batch_header_when_answered_in_one_then_it_has_one() -> None:
    (said,) = take(b"FHS|^~\\&|RIS\r" + ORDER + b"FTS|0\r", policy=BATCHED)
    assert [line[:3] for line in said.decode().split("\r")] == (
        ["FHS", "BHS", "MSH", "MSA", "BTS", "FTS", ""]
    )
    # Messages that nothing wraps are no batch.
    assert len(take(ORDER + ORDER, policy=BATCHED)) == 2


def test_given_an_empty_batch_when_taken_in_then_it_is_rejected() -> None:
    assert answer(b"BHS|^~\\&\rBTS|0\r").acknowledgement.code == "AR"


def test_given_an_empty_batch_when_answered_in_one_then_so_is_the_response() -> None:
    messages = Recorder()
    (said,) = take(b"BHS|^~\\&|A\rBTS|0\r", messages, BATCHED)
    assert [line[:5] for line in said.decode().split("\r")] == ["BHS|^", "BTS|0", ""]
    assert len(messages.received) == 1
    assert codes(b"BHS|^~\\&\rBTS|3\r", BATCHED) == ["AR"]


@given(st.binary(max_size=400) | st.binary(max_size=300).map(lambda tail: ORDER + tail))
def test_given_any_bytes_when_taken_in_then_there_is_an_answer(payload: bytes) -> None:
    answers = take(payload, Recorder())
    assert answers
    for each in answers:
        assert read(each).first("MSA") is not None
