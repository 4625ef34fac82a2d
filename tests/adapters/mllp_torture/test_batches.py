"""Given batches, whole, broken and repeated, then each message in them has its own fate."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.hl7.acknowledgement import parse
from bridge.hl7.batch import split
from bridge.hl7.framing import frame
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import Order, new_order
from tests.adapters.hl7.running import Wire, journal, port_of, running
from tests.adapters.mllp_torture.conftest import held
from tests.adapters.mllp_torture.test_content import plain
from tests.adapters.mllp_torture.test_framing import of

FHS = b"FHS|^~\\&|HIS|HOSP|BRIDGE|HOSP|2026||FILE1||F1\r"
BHS = b"BHS|^~\\&|HIS|HOSP|BRIDGE|HOSP|2026||DAY||B1\r"


def bad(order: Order) -> bytes:
    return plain(order).replace("ORC|NW|", "ORC|QQ|").encode()


def codes(answers: list[bytes]) -> list[str]:
    return [parse(each).acknowledgement.code.value for each in answers]


def in_step(wire: Wire) -> None:
    answer = wire.exchange(of(new_order()))
    assert answer is not None
    assert codes([answer]) == ["AA"]


@pytest.mark.provenance("python-hl7 #34, simple-hl7 #28: no way to take a batch")
def test_given_one_bad_message_then_the_others_of_its_batch_are_taken(bridge: Bridge) -> None:
    orders = [new_order() for _ in range(3)]
    batch = FHS + BHS + of(orders[0]) + bad(orders[1]) + of(orders[2]) + b"BTS|3\rFTS|1\r"
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(batch))
        assert codes(wire.read_all(3)) == ["AA", "AE", "AA"]
        in_step(wire)
    assert [held(bridge, order.placer) for order in orders] == [1, 0, 1]


@pytest.mark.provenance("v2.5.1 2.10.3.1: a batch of any length; DESIGN.md 5.8")
def test_given_a_batch_of_1000_then_every_message_is_answered(bridge: Bridge) -> None:
    orders = [new_order() for _ in range(1000)]
    batch = FHS + BHS + b"".join(map(of, orders)) + b"BTS|1000\rFTS|1\r"
    with Wire(port_of(bridge), 110.0) as wire:
        wire.write(frame(batch))
        assert codes(wire.read_all(1000)) == ["AA"] * 1000
        in_step(wire)
    assert all(held(bridge, order.placer) == 1 for order in orders[::50])


@pytest.mark.provenance("v2.5.1 2.14.2.1, 2.14.7.1: counts of BTS and FTS")
def test_given_counts_that_are_wrong_then_what_came_is_taken_and_warned_of(
    bridge: Bridge,
) -> None:
    order = new_order()
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(FHS + BHS + of(order) + b"BTS|7\rFTS|9\r"))
        assert codes(wire.read_all(1)) == ["AA"]
        in_step(wire)
    warned = journal(bridge)[-2].warnings
    assert "BTS-1 does not agree: there are 1 messages" in warned
    assert "FTS-1 does not agree: there are 1 batches" in warned
    assert held(bridge, order.placer) == 1


@pytest.mark.provenance("Mirth #1804: several batch headers are not parsed")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda a, b: BHS + a + b"BTS|1\r" + BHS + b + b"BTS|1\r",
        lambda a, b: FHS + BHS + a + b"BTS|1\r" + BHS + b + b"BTS|1\rFTS|2\r",
        lambda a, b: FHS + FHS + BHS + BHS + a + b + b"BTS|2\rBTS\rFTS\rFTS\r",
        lambda a, b: BHS + a + b,
        lambda a, b: FHS + a + b,
        lambda a, b: a + b + b"BTS|2\r",
        lambda a, b: (FHS + BHS + a + b + b"BTS|2\rFTS|1\r").replace(b"\r", b"\n"),
        lambda a, b: FHS + BHS + b"NTE|1||of nobody\r" + a + b + b"BTS|2\r",
    ],
    ids=["two", "two in a file", "headers twice", "no end", "file only", "no start", "LF", "stray"],
)
def test_given_batches_wrapped_in_any_way_then_their_messages_are_taken(
    bridge: Bridge, wrap: object
) -> None:
    orders = [new_order(), new_order()]
    assert callable(wrap)
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(wrap(of(orders[0]), of(orders[1]))))
        assert codes(wire.read_all(2)) == ["AA", "AA"]
        in_step(wire)
    assert [held(bridge, order.placer) for order in orders] == [1, 1]


@pytest.mark.provenance("v2.5.1 2.10.3: a header without a message")
@pytest.mark.parametrize("payload", [FHS, BHS, FHS + BHS + b"BTS|0\rFTS|1\r", b"FHS", b"BTS|1\r"])
def test_given_a_batch_of_nothing_then_it_is_rejected_and_the_link_lives(
    bridge: Bridge, payload: bytes
) -> None:
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(payload))
        assert codes(wire.read_all(1)) == ["AR"]
        in_step(wire)


@pytest.mark.provenance("Mirth #2749: batch messages run together; Mirth #1293: taken twice")
def test_given_a_batch_again_then_it_is_answered_with_the_same_bytes(tmp_path: Path) -> None:
    orders = [new_order() for _ in range(3)]
    batch = FHS + BHS + of(orders[0]) + bad(orders[1]) + of(orders[2]) + b"BTS|3\rFTS|1\r"
    with running(tmp_path, batch_responses="batch") as bridge, Wire(port_of(bridge)) as wire:
        answers = [split(wire.exchange(batch) or b"") for _ in range(2)]
        in_step(wire)
        assert [held(bridge, order.placer) for order in orders] == [1, 0, 1]
    first, second = ([each.split(b"\rBTS")[0] for each in batch.messages] for batch in answers)
    assert codes(first) == ["AA", "AE", "AA"]
    assert (first[0], first[2]) == (second[0], second[2])
    for response in answers:
        assert response.warnings == ()
        assert response.parts[0].header.split(b"|")[11] == b"B1"
        assert response.file_header.split(b"|")[11] == b"F1"
