"""Given peers that connect, stall, flood or vanish, then the others are served, nothing leaks."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.hl7.acknowledgement import parse
from bridge.hl7.framing import frame
from bridge.hl7.mllp import MllpListener
from bridge.wiring.bridge import Bridge
from tests.acceptance.orders import new_order
from tests.adapters.hl7.running import HOST, Wire, journal, port_of, running
from tests.adapters.mllp_torture.conftest import held, survives
from tests.adapters.mllp_torture.test_framing import of
from tests.peers.process import wait_until

FOREIGN = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: bridge\r\nUser-Agent: probe\r\n\r\n",
    "HTTP POST": b"POST /hl7 HTTP/1.1\r\nContent-Length: 4\r\n\r\n\x0b\x1c\r\r",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "DICOM": b"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00" + b"BRIDGE".ljust(16) + bytes(180),
    "all bytes": bytes(range(256)) * 64,
    "start blocks": b"\x0b" * 10_000,
    "end blocks": b"\x1c\r" * 10_000,
}


def listener(bridge: Bridge) -> MllpListener:
    (found,) = bridge._listeners.listeners
    return found


def code(answer: bytes | None) -> str:
    assert answer is not None
    return parse(answer).acknowledgement.code.value


def forgotten(bridge: Bridge) -> None:
    """Wait until nothing is left of any connection."""
    wait_until(lambda: not listener(bridge).connections, "every connection is gone")
    assert listener(bridge).held == 0


@pytest.mark.provenance("nmap and balancers: other protocols on the port; dcm4che drops the link")
@pytest.mark.parametrize("name", FOREIGN)
def test_given_another_protocol_then_nothing_of_it_is_taken(bridge: Bridge, name: str) -> None:
    before = [row.disposition for row in journal(bridge)]
    with Wire(port_of(bridge)) as wire:
        wire.write(FOREIGN[name])
        wire.socket.shutdown(socket.SHUT_WR)
        while wire.read() is not None:
            pass
    after = [row.disposition for row in journal(bridge)][len(before) :]
    assert set(after) <= {"refused"}
    forgotten(bridge)


@pytest.mark.provenance("IHE ITI-19: TLS spoken to a port that is plain")
def test_given_a_client_that_speaks_tls_then_it_gets_nothing_and_goes(bridge: Bridge) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection((HOST, port_of(bridge)), 60) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        plain.settimeout(0.5)
        context.wrap_socket(plain, server_hostname="bridge")
    forgotten(bridge)


@pytest.mark.provenance("CAMEL-10512: a probe that connects and goes")
def test_given_probes_that_say_nothing_then_they_leave_no_trace(bridge: Bridge) -> None:
    before = len(journal(bridge))
    for _ in range(50):
        socket.create_connection((HOST, port_of(bridge)), 60).close()
    assert len(journal(bridge)) == before
    forgotten(bridge)


@pytest.mark.provenance("python-hl7 #44: a client that closes before the answer is whole")
def test_given_a_half_closed_connection_then_the_answer_still_comes(bridge: Bridge) -> None:
    order = new_order()
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(of(order)))
        wire.socket.shutdown(socket.SHUT_WR)
        assert code(wire.read()) == "AA"
        assert wire.read() is None
    assert held(bridge, order.placer) == 1


@pytest.mark.provenance("Mirth #411: connection not kept; half close after the answer")
def test_given_a_half_close_after_the_answer_then_the_link_ends(bridge: Bridge) -> None:
    with Wire(port_of(bridge)) as wire:
        assert code(wire.exchange(of(new_order()))) == "AA"
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.read() is None
    forgotten(bridge)


def reset(wire: Wire) -> None:
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.socket.close()


@pytest.mark.provenance("Mirth #836: connection reset by peer, then a wait for an ACK")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_given_a_reset_within_a_frame_then_nothing_of_it_is_taken(
    bridge: Bridge, share: float
) -> None:
    order = new_order()
    message = of(order)
    wire = Wire(port_of(bridge))
    wire.write(b"\x0b" + message[: int(len(message) * share)])
    reset(wire)
    forgotten(bridge)
    assert held(bridge, order.placer) == 0


@pytest.mark.provenance("Mirth #1293: sent again because the ACK did not come, taken twice")
def test_given_a_reset_before_the_answer_then_the_repeat_is_answered_alike(bridge: Bridge) -> None:
    order = new_order()
    message = of(order)
    wire = Wire(port_of(bridge))
    wire.write(frame(message))
    wait_until(lambda: held(bridge, order.placer), "it is taken")
    reset(wire)
    with Wire(port_of(bridge)) as again:
        answers = {again.exchange(message) for _ in range(3)}
    (first, *repeats) = journal(bridge, message.split(b"|")[9].decode())
    assert answers == {first.reply}
    assert first.disposition == "applied"
    assert {row.disposition for row in repeats} == {"duplicate"}
    assert held(bridge, order.placer) == 1


@pytest.mark.provenance("Mirth #1314: thousands of duplicates after late ACKs")
def test_given_the_same_message_on_many_connections_at_once_then_it_is_applied_once(
    bridge: Bridge,
) -> None:
    order = new_order()
    message = of(order)
    barrier = threading.Barrier(16)

    def send(_: int) -> bytes | None:
        with Wire(port_of(bridge)) as wire:
            barrier.wait()
            return wire.exchange(message)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(16)))
    rows = journal(bridge, message.split(b"|")[9].decode())
    assert sorted(row.disposition for row in rows) == ["applied", *["duplicate"] * 15]
    assert len({*answers}) == 1
    assert code(answers[0]) == "AA"
    assert held(bridge, order.placer) == 1


@pytest.mark.provenance("STANDARDS 8.1: some HIS restart their counters")
def test_given_a_control_id_used_again_for_something_else_then_both_are_taken(
    bridge: Bridge,
) -> None:
    orders = [new_order(), new_order()]
    messages = [of(order).split(b"|") for order in orders]
    with Wire(port_of(bridge)) as wire:
        for fields in messages:
            fields[9] = b"COUNTER1"
            assert code(wire.exchange(b"|".join(fields))) == "AA"
    assert [held(bridge, order.placer) for order in orders] == [1, 1]


@pytest.mark.provenance("Mirth #2070, #2071: late ACKs answer the wrong message")
def test_given_acknowledgements_that_come_unasked_then_they_are_not_acknowledged(
    bridge: Bridge,
) -> None:
    late = b"MSH|^~\\&|HIS|HOSP|BRIDGE|HOSP|2026||ACK|LATE1|P|2.5.1\rMSA|AA|X1\r"
    with Wire(port_of(bridge)) as wire:
        wire.write(frame(late) * 3)
        answer = wire.exchange(of(new_order()))
    assert answer is not None
    assert parse(answer).control_id != "LATE1"
    assert {row.disposition for row in journal(bridge, "LATE1")} == {"noted", "duplicate"}


@pytest.mark.provenance("simple-hl7 #51: many messages, dropped ACKs; a storm of connections")
def test_given_a_storm_of_connections_then_every_message_is_answered(bridge: Bridge) -> None:
    orders = [new_order() for _ in range(150)]

    def send(position: int) -> str:
        with Wire(port_of(bridge)) as wire:
            return code(wire.exchange(of(orders[position])))

    with ThreadPoolExecutor(30) as pool:
        assert list(pool.map(send, range(150))) == ["AA"] * 150
    forgotten(bridge)


@pytest.mark.provenance("DESIGN.md 5.8: connection limits that hold under attack")
def test_given_all_connections_taken_then_the_next_is_turned_away_and_the_others_live(
    tmp_path: Path,
) -> None:
    with running(tmp_path, max_connections=5) as bridge:
        wires = [Wire(port_of(bridge)) for _ in range(5)]
        wait_until(lambda: len(listener(bridge).connections) == 5, "all are taken")
        for _ in range(20):
            with Wire(port_of(bridge)) as more:
                assert more.read() is None
        for wire in wires:
            with wire:
                assert code(wire.exchange(of(new_order()))) == "AA"
        forgotten(bridge)
        survives(bridge)


@pytest.mark.provenance("STANDARDS 8.3: idle timeout; medplum #3560: a stale connection")
def test_given_a_silent_peer_then_its_connection_ends_and_another_does_not(tmp_path: Path) -> None:
    with running(tmp_path, idle_seconds=0.5) as bridge:
        with Wire(port_of(bridge)) as silent:
            assert silent.read() is None
        survives(bridge)


@pytest.mark.provenance("slow loris; Mirth #1227: receive timeout and ACK mixed up")
def test_given_a_frame_that_takes_for_ever_then_it_ends_and_a_slow_one_does_not(
    tmp_path: Path,
) -> None:
    with running(tmp_path, frame_seconds=1.0) as bridge:
        order, other = new_order(), new_order()
        with Wire(port_of(bridge)) as endless, Wire(port_of(bridge)) as slow:
            endless.write(b"\x0b" + of(order)[:50])
            whole = frame(of(other))
            slow.write(whole[:90])
            slow.write(whole[90:])
            assert code(slow.read()) == "AA"
            assert endless.read() is None
        assert [held(bridge, each.placer) for each in (order, other)] == [0, 1]
        survives(bridge)


@pytest.mark.provenance("DESIGN.md 5.8: bounded; a reader that never reads its ACKs")
def test_given_a_peer_that_never_reads_then_it_is_read_no_further_and_let_go(
    tmp_path: Path,
) -> None:
    with running(tmp_path, frame_seconds=2.0, max_frame_bytes=64 * 1024) as bridge:
        message = b"MSH|^~\\&|" + b"A" * 30_000 + b"|B|C|D|2026||ZZZ^Z01|FLOOD|P|2.5.1\r"
        wire = Wire(port_of(bridge))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.settimeout(20.0)
        held_most = 0
        with pytest.raises(OSError):
            for _ in range(3000):
                wire.write(frame(message))
                held_most = max(held_most, listener(bridge).held)
        wire.socket.close()
        assert held_most < 3 * 1024 * 1024
        forgotten(bridge)
        survives(bridge)


@pytest.mark.provenance("medplum #3720: acknowledged, then lost at a restart")
def test_given_a_shutdown_with_messages_in_flight_then_what_was_answered_is_kept(
    tmp_path: Path,
) -> None:
    orders = [new_order() for _ in range(200)]
    answered: list[str] = []
    with running(tmp_path) as bridge:
        wire = Wire(port_of(bridge))
        wire.write(b"".join(frame(of(order)) for order in orders))
        first = wire.read()
        assert first is not None
        answered.append(code(first))
        stopping = threading.Thread(target=bridge.stop)
        stopping.start()
        while (answer := wire.read()) is not None:
            answered.append(code(answer))
        stopping.join()
        wire.socket.close()
    with running(tmp_path) as bridge:
        kept = [held(bridge, order.placer) for order in orders]
        # Answered in order: so many from the beginning, each once; one more may have been cut off.
        assert answered == ["AA"] * len(answered)
        assert kept[: len(answered)] == [1] * len(answered)
        assert sum(kept) <= len(answered) + 1
        survives(bridge)
