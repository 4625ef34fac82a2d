"""Given a sender that wants order responses, when it orders, then each order says what it became.

hl7apy, which knows the message structures of each version, is the judge of their form.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from bridge.hl7.acknowledgement import parse
from bridge.hl7.er7 import read
from bridge.hl7.segments import Message
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import FORMS, Order, header, new_order, new_patient, omg, omi, orm
from tests.adapters.hl7.running import Wire, journal, port_of, running

STRUCTURES = {"ORM^O01": "ORR_O02", "OMG^O19": "ORG_O20", "OMI^O23": "ORI_O24"}
FIRST_WITH = {"ORM^O01": (2, 2), "OMG^O19": (2, 4), "OMI^O23": (2, 5)}
LAST_WITH = {"ORM^O01": (2, 6), "OMG^O19": (2, 8), "OMI^O23": (2, 8)}
VERSIONS = ("2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """A bridge that is the order filler (`his_only`)."""
    with running(tmp_path_factory.mktemp("filler"), responses="order_response") as started:
        yield started


def ask(bridge: Bridge, text: str) -> Message:
    with Wire(port_of(bridge)) as wire:
        answer = wire.exchange(text.encode())
    assert answer is not None
    return read(answer)


def groups(answer: Message) -> list[tuple[str, str, str]]:
    """ORC-1, placer and filler order number of each group."""
    return [(orc.field(1), orc.field(2), orc.field(3)) for orc in answer.all("ORC")]


def bare() -> Order:
    """An order as a HIS places it: nothing in it that a filler assigns."""
    return new_order(filler="", accession="", rp_id="", study_uid="")


def without_numbers(text: str) -> str:
    return text.replace("|^RIS|", "||").replace("|^HOSP|^HOSP|^HOSP|", "||||")


def judge(answer: Message) -> None:
    """Have hl7apy find the groups of its structure, and nothing outside them."""
    text = "\r".join(segment.er7 for segment in answer.segments if segment.name != "ZDS") + "\r"
    structure = answer.header.field(9, component=3)
    judged = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
    assert judged.name == structure
    names = {child.name for child in judged.children}
    assert names <= {"MSH", "MSA", "ERR", f"{structure}_RESPONSE", f"{structure}_PATIENT"}, names
    assert judged.to_er7().count("\rORC") == len(answer.all("ORC"))
    assert not [name for name in names if name.startswith("Z")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", FORMS)
def test_given_a_version_when_ordered_then_the_response_has_its_structure(
    bridge: Bridge, kind: str, version: str
) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if not FIRST_WITH[kind] <= numbers <= LAST_WITH[kind]:
        pytest.skip(f"no {kind} in {version}")
    order = new_order()
    answer = ask(bridge, FORMS[kind](order, head=header(kind, version)))

    assert parse(answer_bytes(answer)).acknowledgement.code == "AA"
    assert answer.header.field(9, component=3) == STRUCTURES[kind]
    assert answer.version == version
    assert groups(answer) == [("OK", order.placer, order.filler)]
    judge(answer)
    refused = ask(bridge, FORMS[kind](new_order(), control="QQ", head=header(kind, version)))
    assert parse(answer_bytes(refused)).acknowledgement.code == "AE"
    assert groups(refused)[0][0] == "UA"
    judge(refused)


def answer_bytes(answer: Message) -> bytes:
    return "\r".join(segment.er7 for segment in answer.segments).encode()


def test_given_orders_without_numbers_when_placed_then_the_minted_ones_come_home(
    bridge: Bridge,
) -> None:
    for write, segment in ((orm, "OBR"), (omg, "OBR"), (omi, "IPC")):
        order = bare()
        answer = ask(bridge, without_numbers(write(order)).replace(order.step.id, ""))
        held = held_order(bridge, order.placer)
        (procedure,) = held.procedures
        assert held.numbers.accession is not None
        accession = held.numbers.accession.value
        assert groups(answer) == [("OK", order.placer, accession)]
        numbers = answer.all(segment)[0]
        if segment == "IPC":
            said = [numbers.field(field) for field in (1, 2, 3, 4, 5)]
            step = procedure.steps[0]
            assert said == [
                accession,
                procedure.rp_id,
                procedure.study_instance_uid,
                step.sps_id,
                "CT",
            ]
        else:
            assert [numbers.field(field) for field in (3, 18, 19, 20)] == [
                accession,
                accession,
                procedure.rp_id,
                procedure.steps[0].sps_id,
            ]
        zds = answer.first("ZDS")
        assert (zds.field(1) if zds else "") == (
            procedure.study_instance_uid if write is orm else ""
        )


def test_given_the_number_that_came_home_when_the_order_is_cancelled_by_it_then_it_is_found(
    bridge: Bridge,
) -> None:
    order = bare()
    (placed,) = ask(bridge, without_numbers(orm(order))).all("ORC")
    cancel = without_numbers(orm(order, control="CA", status="CA"))
    by_filler = cancel.replace(f"|{order.placer}^HIS||", f"||{placed.text(3)}|")
    assert order.placer not in by_filler
    answer = ask(bridge, by_filler)
    assert parse(answer_bytes(answer)).acknowledgement.code == "AA"
    (orc,) = answer.all("ORC")
    assert (orc.field(1), orc.field(3), orc.field(5)) == ("CR", placed.field(3), "CA")


def held_order(bridge: Bridge, placer: str):  # type: ignore[no-untyped-def]
    (found,) = bridge.core.store.read(lambda tx: tx.orders.with_order_numbers([placer]))
    return found


def test_given_several_orders_when_placed_then_each_has_its_own_group(bridge: Bridge) -> None:
    patient = new_patient()
    orders = [new_order(patient, accession="", filler="", study_uid="") for _ in range(3)]
    answer = ask(bridge, without_numbers(orm(*orders)))

    said = groups(answer)
    assert [(code, placer) for code, placer, _ in said] == [("OK", each.placer) for each in orders]
    assert len({filler for _, _, filler in said} - {""}) == 3
    assert len({segment.field(1) for segment in answer.all("ZDS")}) == 3
    judge(answer)


def test_given_an_order_of_several_steps_when_placed_then_each_step_keeps_its_number(
    bridge: Bridge,
) -> None:
    order = replace(bare(), steps=new_order(steps=3).steps)
    answer = ask(bridge, without_numbers(omi(order)))
    steps = [segment.field(4) for segment in answer.all("IPC")]
    assert steps == [step.id for step in order.steps]
    assert len({segment.field(3) for segment in answer.all("IPC")}) == 1
    judge(answer)


@pytest.mark.parametrize(
    ("bad", "worse", "codes"),
    [
        ("ORC|QQ|", "ORC|ZZ|", ["103", "103"]),  # found when they are applied
        ("ORC||", "ORC||", ["101", "101"]),  # found when they are read
    ],
)
def test_given_bad_orders_beside_a_good_one_then_each_says_why_it_was_not_taken(
    bridge: Bridge, bad: str, worse: str, codes: list[str]
) -> None:
    patient = new_patient()
    orders = [new_order(patient) for _ in range(3)]
    text = orm(*orders)
    for order, control in zip(orders[1:], (bad, worse), strict=True):
        text = text.replace(f"ORC|NW|{order.placer}", control + order.placer)
    answer = ask(bridge, text.replace("|2.3.1|", "|2.5|"))

    ack = parse(answer_bytes(answer)).acknowledgement
    assert ack.code == "AE"
    assert [(each.segment, each.sequence, each.field) for each in ack.errors] == [
        ("ORC", 2, 1),
        ("ORC", 3, 1),
    ]
    assert [each.code for each in ack.errors] == codes
    assert [code for code, _, _ in groups(answer)] == ["UA", "UA", "UA"]
    reasons = [orc.field(16, component=2) for orc in answer.all("ORC")]
    assert ["another order" in reason for reason in reasons] == [True, False, False]
    assert journal(bridge)[-1].disposition == "refused"


def test_given_a_life_of_an_order_then_each_request_has_its_own_answer(bridge: Bridge) -> None:
    order = new_order()
    head_of = {"NW": "OK", "XO": "XR", "HD": "HR", "RL": "OR", "CA": "CR"}
    for control, answered in head_of.items():
        answer = ask(bridge, orm(order, control=control, status=""))
        assert [code for code, _, _ in groups(answer)] == [answered], control
    unknown = new_order()
    for control, answered in {"SC": "UA", "DC": "UD", "RL": "UR"}.items():
        answer = ask(
            bridge, orm(unknown, control=control, status="QQ" if control != "SC" else "CM")
        )
        if parse(answer_bytes(answer)).acknowledgement.code != "AA":
            assert [code for code, _, _ in groups(answer)] == [answered], control


def test_given_other_messages_then_they_get_a_general_acknowledgement(bridge: Bridge) -> None:
    for kind in ("ADT^A08", "ORU^R01", "ZZZ"):
        answer = ask(bridge, header(kind, "2.5.1") + "\rPID|1||P1^^^HOSP^MR\r")
        assert answer.message_code == "ACK"


def test_given_other_delimiters_and_text_then_the_response_is_written_alike(
    bridge: Bridge,
) -> None:
    order = new_order(description="Chụp X-quang")
    answer = ask(bridge, orm(order).translate(str.maketrans("|^~\\&", "*:;!@")))
    assert answer.header.er7.startswith("MSH*:;!@*")
    obr = answer.first("OBR")
    assert obr is not None
    assert obr.field(4, component=2) == "Chụp X-quang"


def test_given_ris_mode_then_nothing_is_minted_into_the_response(tmp_path: Path) -> None:
    with running(tmp_path, mode="ris", responses="order_response") as ris:
        order = bare()
        answer = ask(ris, without_numbers(orm(order)))
    assert groups(answer) == [("OK", order.placer, "")]
    assert answer.all("ZDS") == ()
    (orc,) = answer.all("ORC")
    assert orc.field(5) == "HD"
