"""Given frames cut, glued and surrounded as other engines could not bear, then each is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.hl7.acknowledgement import parse
from bridge.hl7.framing import frame
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import Order, new_order
from tests.adapters.hl7.running import Wire, journal, port_of
from tests.adapters.mllp_torture.conftest import FRAME_LIMIT, held
from tests.adapters.mllp_torture.test_content import plain

VT, FS, CR = b"\x0b", b"\x1c", b"\r"


def of(order: Order) -> bytes:
    return plain(order).encode()


@dataclass(frozen=True)
class Stream:
    """Pieces that are written one after the other, around the messages of these many orders."""

    name: str
    source: str
    pieces: Callable[[Sequence[bytes]], Sequence[bytes]]
    orders: int = 1
    lost: int = 0


STREAMS = [
    Stream("whole", "MLLP release 1", lambda m: [frame(m[0])]),
    Stream(
        "byte by byte",
        "ipf #106: end bytes in a frame of their own",
        lambda m: [bytes([b]) for b in frame(m[0])],
    ),
    Stream("start alone", "Mirth #1447: 0B in a packet of its own", lambda m: [VT, m[0] + FS + CR]),
    Stream(
        "end alone", "elixir-mllp #62: the end in a second packet", lambda m: [VT + m[0], FS + CR]
    ),
    Stream("end cut in two", "ipf #106: FS and CR apart", lambda m: [VT + m[0] + FS, CR]),
    Stream(
        "no CR behind FS", "Mirth #3856: end of message not detected", lambda m: [VT + m[0] + FS]
    ),
    Stream(
        "NUL behind FS", "Mirth #3856: record separator NUL", lambda m: [VT + m[0] + FS + b"\0"]
    ),
    Stream(
        "LF behind it",
        "Mirth #510: trailing line feeds stop the thread",
        lambda m: [frame(m[0]) + b"\n", frame(m[1]) + b"\r\n\n"],
        2,
    ),
    Stream(
        "LF between, glued",
        "CAMEL-24668: lost behind FS CR LF",
        lambda m: [frame(m[0]) + b"\n" + frame(m[1])],
        2,
    ),
    Stream(
        "two in one piece",
        "medplum #7746, CAMEL-24668: second one discarded",
        lambda m: [frame(m[0]) + frame(m[1])],
        2,
    ),
    Stream(
        "one and a half",
        "CAMEL-24668: partial message discarded",
        lambda m: [frame(m[0]) + frame(m[1])[:40], frame(m[1])[40:]],
        2,
    ),
    Stream(
        "junk before",
        "Mirth #423: log text before the start",
        lambda m: [b"[2007-07-12 14:40:53]\n" + frame(m[0])],
    ),
    Stream(
        "junk between",
        "Mirth #249: NULs between messages",
        lambda m: [frame(m[0]) + b"\0\0\0\0" + frame(m[1])],
        2,
    ),
    Stream(
        "junk after", "dcm4che MLLPInputStream: link dropped", lambda m: [frame(m[0]) + b"bye\r\n"]
    ),
    Stream(
        "stray ends",
        "MLLP release 1: FS outside a block",
        lambda m: [FS + CR + FS + frame(m[0]) + FS + CR + frame(m[1])],
        2,
    ),
    Stream("two starts", "Mirth #830: 0B 0B", lambda m: [VT + frame(m[0])]),
    Stream(
        "two starts and ends",
        "Mirth #830: 0B 0B .. 1C 0D 1C 0D",
        lambda m: [VT + frame(m[0]) + FS + CR],
    ),
    Stream(
        "restart within",
        "medplum #8122: a frame without its end",
        lambda m: [VT + m[0][:60] + frame(m[1])],
        2,
        lost=1,
    ),
    Stream(
        "a start before each",
        "amida mllp #2: several messages",
        lambda m: [VT + m[0] + FS, VT + m[1] + FS, VT + m[2] + FS],
        3,
    ),
    Stream(
        "PROXY protocol",
        "HAProxy PROXY v1 before the first frame",
        lambda m: [b"PROXY TCP4 10.0.0.1 10.0.0.2 5000 2575\r\n" + frame(m[0])],
    ),
    Stream(
        "PROXY protocol 2",
        "HAProxy PROXY v2, binary",
        lambda m: [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(range(12, 24)) + frame(m[0])],
    ),
]


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.provenance(each.source))
        for each in STREAMS
    ],
)
def test_given_a_stream_then_every_whole_message_in_it_is_answered(
    bridge: Bridge, stream: Stream
) -> None:
    orders = [new_order() for _ in range(stream.orders)]
    whole = orders[stream.lost :]
    with Wire(port_of(bridge)) as wire:
        for piece in stream.pieces([of(order) for order in orders]):
            wire.write(piece)
        answers = [parse(each) for each in wire.read_all(len(whole))]
        assert [each.acknowledgement.code for each in answers] == ["AA"] * len(whole)
        assert {each.control_id for each in answers} == {
            row.control_id for row in journal(bridge)[-len(whole) :]
        }
        again = new_order()  # the link is in step: the next answer is the next message's
        answer = wire.exchange(of(again))
    assert answer is not None
    assert [held(bridge, order.placer) for order in [*orders, again]] == [
        *[0] * stream.lost,
        *[1] * len(whole),
        1,
    ]


@pytest.mark.provenance("ipf #106, elixir-mllp #62: a message cut where nobody expected it")
def test_given_a_message_cut_at_every_position_then_each_is_answered(bridge: Bridge) -> None:
    order = new_order()
    message = of(order)
    whole = frame(message)
    with Wire(port_of(bridge)) as wire:
        first = wire.exchange(message)
        for cut in range(1, len(whole)):
            wire.write(whole[:cut])
            wire.write(whole[cut:])
            assert wire.read() == first
    assert held(bridge, order.placer) == 1


@pytest.mark.provenance("hl7-mllp-codec #3, simple-hl7 #51, ipf #148: pipelined messages lost")
@pytest.mark.parametrize("count", [1, 2, 10, 100, 1000])
def test_given_messages_sent_without_waiting_then_answers_keep_their_order(
    bridge: Bridge, count: int
) -> None:
    orders = [new_order() for _ in range(count)]
    messages = [of(order) for order in orders]
    with Wire(port_of(bridge)) as wire:
        wire.write(b"".join(map(frame, messages)))
        answers = [parse(each) for each in wire.read_all(count)]
    assert [each.acknowledgement.code for each in answers] == ["AA"] * count
    assert [each.control_id.encode() for each in answers] == [m.split(b"|")[9] for m in messages]
    assert all(held(bridge, order.placer) == 1 for order in orders[:: max(1, count // 20)])


@pytest.mark.provenance("medplum #8122: noise between frames; MLLP release 1")
@settings(max_examples=20)
@given(
    noise=st.lists(
        st.binary(max_size=12).map(lambda b: b.replace(VT, b"").replace(FS, b"")),
        min_size=4,
        max_size=4,
    ),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
)
def test_given_noise_and_cuts_anywhere_then_the_same_answers_come(
    bridge: Bridge, noise: list[bytes], cuts: list[int]
) -> None:
    messages = [of(new_order()) for _ in range(3)]
    stream = noise[0] + b"".join(frame(m) + n for m, n in zip(messages, noise[1:], strict=True))
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    with Wire(port_of(bridge)) as wire:
        for start, end in pairwise(edges):
            wire.write(stream[start:end])
        answers = [parse(each).control_id.encode() for each in wire.read_all(3)]
    assert answers == [message.split(b"|")[9] for message in messages]


@pytest.mark.provenance("Mirth #1309: FS in the data ends the message silently")
def test_given_an_end_within_the_text_then_the_link_stays_in_step(bridge: Bridge) -> None:
    order, after = new_order(), new_order()
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(of(order) + b"NTE|1||before\x1cafter\r") + frame(of(after)))
        answers = [parse(each) for each in wire.read_all(2)]
    assert [each.acknowledgement.code for each in answers] == ["AA", "AA"]
    assert held(bridge, after.placer) == 1


@pytest.mark.provenance("DESIGN.md 5.8: bounded; nHapi #594: maximum sizes")
def test_given_a_frame_over_the_limit_then_it_is_refused_and_the_link_lives(
    bridge: Bridge,
) -> None:
    order = new_order()
    large = plain(order, f10="TOOLARGE").encode() + b"NTE|1||" + b"x" * FRAME_LIMIT + b"\r"
    with Wire(port_of(bridge)) as wire:
        answer = parse(wire.exchange(large) or b"")
        assert parse(wire.exchange(of(new_order())) or b"").acknowledgement.code == "AA"
    assert (answer.acknowledgement.code, answer.control_id) == ("AE", "TOOLARGE")
    assert answer.acknowledgement.errors[0].code == "104"
    (row,) = journal(bridge, "TOOLARGE")
    assert row.disposition == "refused"
    assert len(row.raw) < FRAME_LIMIT
    assert held(bridge, order.placer) == 0
