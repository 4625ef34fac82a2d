"""Given what became of orders, when a response is written, then each group says it in its place."""

import pytest

from bridge.domain.errors import RequiredFieldMissing, UnknownKey, together
from bridge.domain.identifiers import Authority, Identifier
from bridge.domain.journal import Disposition
from bridge.domain.order import Order, OrderNumbers, Procedure, Step
from bridge.domain.step_status import StepStatus
from bridge.hl7.er7 import read
from bridge.hl7.order_response import response_type, write_orders
from bridge.services.order_outcomes import OrderOutcome
from bridge.services.receive_message import Receipt
from tests.unit.hl7.messages import PID, msh, obr, orc, raw

HOSP = Authority("HOSP", "1.2.3", "ISO")


def step(sps_id: str, status: StepStatus = StepStatus.SCHEDULED) -> Step:
    return Step(
        pk=1,
        sps_id=sps_id,
        status=status,
        modality="CT",
        station_ae_titles=(),
        start_date="",
        start_time="",
        protocol_codes=(),
        attributes={},
    )


def order(*steps: Step, held_reason: str = "") -> Order:
    procedure = Procedure(
        pk=1,
        rp_id="RP1",
        study_instance_uid="1.2.9",
        code=None,
        attributes={},
        steps=steps or (step("S1"),),
    )
    return Order(
        pk=1,
        patient_pk=1,
        numbers=OrderNumbers(accession=Identifier("A1", HOSP), placer=Identifier("P1")),
        attributes={},
        procedures=(procedure,),
        source="",
        occurred_at="",
        held_reason=held_reason,
    )


def receipt(held: Order | None, disposition: Disposition = Disposition.APPLIED) -> Receipt:
    outcome = OrderOutcome(
        location="ORC^1",
        numbers=OrderNumbers(placer=Identifier("P1")),
        disposition=disposition,
        order=held,
    )
    return Receipt(disposition=disposition, orders=lambda: (outcome,))


def written(control: str, told: Receipt, kind: str = "ORM^O01", *more: str) -> list[str]:
    message = read(raw(msh(kind), PID, orc(control, filler=""), *(more or (obr(),))))
    return write_orders(message, told)


@pytest.mark.parametrize(
    ("disposition", "reason"),
    [
        (Disposition.APPLIED, ""),
        (Disposition.STALE, "^older than what is on record, nothing was changed"),
        (Disposition.NOTED, "^noted, nothing was scheduled"),
        (Disposition.PARKED, "^kept until the order it is about comes"),
    ],
)
def test_given_an_order_taken_when_answered_then_orc_16_says_what_was_not_done(
    disposition: Disposition, reason: str
) -> None:
    fields = written("XO", receipt(order(), disposition))[0].split("|")
    assert fields[:6] == ["ORC", "XR", "P1", "A1^HOSP^1.2.3^ISO", "", "SC"]
    assert fields[16:] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("statuses", "held_reason", "status"),
    [
        ([StepStatus.SCHEDULED, StepStatus.ARRIVED], "", "SC"),
        ([StepStatus.STARTED], "", "IP"),
        ([StepStatus.COMPLETED], "", "CM"),
        ([StepStatus.DISCONTINUED], "", "DC"),
        ([StepStatus.CANCELED], "", "CA"),
        ([StepStatus.SCHEDULED], "no modality", "HD"),
        ([StepStatus.COMPLETED, StepStatus.SCHEDULED], "", ""),
    ],
)
def test_given_steps_when_answered_then_orc_5_is_their_status(
    statuses: list[StepStatus], held_reason: str, status: str
) -> None:
    held = order(*(step(f"S{n}", each) for n, each in enumerate(statuses)), held_reason=held_reason)
    fields = (written("NW", receipt(held))[0] + "|||||").split("|")
    assert fields[5] == status


def test_given_a_status_request_when_it_is_noted_then_the_status_is_the_answer() -> None:
    known = written("SS", receipt(order(step("S1", StepStatus.STARTED)), Disposition.NOTED))
    unknown = written("SS", receipt(None, Disposition.NOTED))
    assert known[0] == "ORC|SR|P1|A1^HOSP^1.2.3^ISO||IP"
    assert unknown[0] == "ORC|UA|P1||||||||||||||^no such order"


def test_given_a_cancel_without_a_request_when_answered_then_the_held_one_is_named() -> None:
    for kind, last in (("ORM^O01", "ZDS|1.2.9^^Application^DICOM"), ("OMG^O19", "")):
        lines = written("CA", receipt(order()), kind, "NTE|1")
        assert lines[0].startswith("ORC|CR|P1|")
        assert ("OBR" in lines[1]) if last else (len(lines) == 1)
        assert not last or lines[-1] == last


def test_given_steps_of_one_order_when_answered_then_each_has_its_own_number() -> None:
    held = order(step("S1"), step("S2"))
    lines = written("NW", receipt(held), "OMI^O23", obr(), "IPC||||^HOSP|MR", "IPC")
    assert [line for line in lines if line.startswith("IPC")] == [
        "IPC|A1^HOSP^1.2.3^ISO|RP1|1.2.9^^Application^DICOM|S1^HOSP|MR",
        "IPC|A1^HOSP^1.2.3^ISO|RP1|1.2.9^^Application^DICOM|S2|CT",
    ]


def test_given_an_error_of_the_header_when_answered_then_every_order_has_it() -> None:
    error = together([RequiredFieldMissing("no patient", location="PID^1^3")])
    told = Receipt(disposition=Disposition.REFUSED, error=error)
    message = read(raw(msh(), PID, orc("NW"), obr(), orc("CA", "P2"), obr(2)))
    assert [
        line.split("|")[1:3] + line.split("|")[16:] for line in write_orders(message, told)[::2]
    ] == [
        ["UA", "P1", "^no patient"],
        ["UC", "P2", "^no patient"],
    ]


def test_given_an_error_of_one_order_when_answered_then_only_that_one_has_it() -> None:
    error = UnknownKey("no such order", location="ORC^2^2")
    told = Receipt(disposition=Disposition.REFUSED, error=error)
    message = read(raw(msh(), PID, orc("NW"), obr(), orc("SC", "P2"), obr(2)))
    reasons = [line.split("|")[16] for line in write_orders(message, told)[::2]]
    assert reasons[1] == "^no such order"
    assert reasons[0].startswith("^not applied, since another")


def test_given_segments_that_belong_to_nobody_when_refused_then_no_group_is_written() -> None:
    told = Receipt(disposition=Disposition.REFUSED, error=UnknownKey("x"))
    assert write_orders(read(raw(msh(), PID)), told) == []


@pytest.mark.parametrize(
    ("kind", "response"),
    [("ORM^O01", "ORR^O02^ORR_O02"), ("OMI^O23", "ORI^O24^ORI_O24"), ("ADT^A08", "")],
)
def test_given_a_type_then_its_response_is_the_standards(kind: str, response: str) -> None:
    assert response_type(read(raw(msh(kind)))) == response
